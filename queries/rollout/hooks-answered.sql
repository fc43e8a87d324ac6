-- id = "rollout.hooks-answered"
-- title = "No lifecycle hook of the rollout waits for an answer or failed"
-- level = "block"
-- owner = "shared"
-- requires = ["service_deployments"]
-- conclusive = "fail"
-- advice = "A hook that waits: somebody (or the Lambda function that the hook names) has to answer it. One that failed: read the function's log. If its test failed, the service's owner takes over; if the function could not run, the platform team does."
-- #
-- # `serviceDeployments[].lifecycleHookDetails[].status` decides, of native blue/green, linear and canary rollouts:
-- # AWAITING_ACTION waits (pending while the service deployment is in progress), FAILED and TIMED_OUT failed.
-- # `statusReason` names a hook that failed in a rollout that was rolled back. Rolling updates have no hooks.

SELECT
  concat('service deployment ', coalesce(nullif(split_part(service_deployment_arn, '/', 4), ''), service_deployment_arn))
    AS resource,
  CASE
    WHEN is_failed THEN 'fail'
    WHEN is_waiting AND state = 'IN_PROGRESS' THEN 'pending'
    WHEN is_waiting THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN is_failed THEN concat('a lifecycle hook failed', coalesce(': ' || nullif(status_reason, ''), ''))
    WHEN is_waiting AND state = 'IN_PROGRESS'
      THEN concat('a lifecycle hook waits for an answer', coalesce(' in stage ' || nullif(lifecycle_stage, ''), ''))
    WHEN is_waiting THEN concat('a lifecycle hook was never answered: ', coalesce(nullif(status_reason, ''), status))
    ELSE concat('no hook is open, in stage ', coalesce(nullif(lifecycle_stage, ''), '(none)'))
  END AS reason,
  coalesce(updated_at, observed_at) AS at,
  coalesce(lifecycle_stage, status, 'unknown') AS observed
FROM (
  SELECT
    s.*,
    coalesce(s.status, '') AS state,
    coalesce(strpos(s.raw, '"AWAITING_ACTION"') > 0, FALSE) AS is_waiting,
    coalesce(
      regexp_like(s.status_reason, 'lifecycle hook(\(s\))? failed'), FALSE
    ) OR coalesce(
      strpos(s.raw, '"lifecycleHookDetails"') > 0 AND regexp_like(s.raw, '"status":"(FAILED|TIMED_OUT)"'), FALSE
    ) AS is_failed
  FROM latest_service_deployments s
  WHERE s.judged
) hooks
WHERE strpos(raw, '"lifecycleHookDetails"') > 0 OR strpos(raw, '"lifecycleHooks"') > 0 OR is_failed
UNION ALL
SELECT
  concat('service ', coalesce(service_name, service_arn)) AS resource,
  'skip' AS status,
  concat('a rollout of strategy ', coalesce(deployment_strategy, 'ROLLING'), ' has no hooks') AS reason,
  observed_at AS at,
  coalesce(deployment_strategy, 'ROLLING') AS observed
FROM latest_services
WHERE coalesce(deployment_strategy, 'ROLLING') = 'ROLLING'
