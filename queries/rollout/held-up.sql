-- id = "rollout.held-up"
-- title = "Nothing holds the rollout up: no deadlock of its limits, no protected task, no hook that waits"
-- level = "block"
-- owner = "shared"
-- requires = ["deployments"]
-- conclusive = "fail"
-- advice = "Limits: raise maximumPercent or lower minimumHealthyPercent, so that ECS may start a task before it stops one. Protection: the old tasks end their work, or lose their protection. A hook: somebody has to approve or reject it."
-- #
-- # No field says it but the lifecycle hook's (`serviceDeployments[].lifecycleHookDetails`, AWAITING_ACTION);
-- # of the rest ECS tells by service events alone. So a text can only explain what a field decides: while the
-- # rollout is in progress it may still be freed (pending), once it completed it was (pass), and where it
-- # failed this is a part of the cause.

WITH judged_deployment AS (
  SELECT
    max(deployment_id) AS id,
    coalesce(bool_or(rollout_state = 'COMPLETED'), FALSE) AS completed,
    coalesce(bool_or(rollout_state = 'FAILED' OR NOT current OR status IS DISTINCT FROM 'PRIMARY'), FALSE) AS is_over
  FROM latest_deployments
  WHERE judged
),
held AS (
  SELECT e.message, e.created_at
  FROM service_events e
  JOIN target ON e.created_at >= target.deployment_created_at
  WHERE strpos(e.message, 'was unable to stop or start tasks during a deployment because of the service deployment configuration') > 0
    OR strpos(e.message, 'under protection') > 0
)
SELECT
  concat('deployment ', j.id) AS resource,
  CASE WHEN j.completed THEN 'pass' WHEN j.is_over THEN 'fail' ELSE 'pending' END AS status,
  concat(CASE WHEN j.completed THEN 'it completed all the same: ' ELSE '' END, h.message) AS reason,
  h.created_at AS at
FROM judged_deployment j
JOIN held h ON j.id IS NOT NULL
UNION ALL
SELECT
  concat('deployment ', j.id) AS resource,
  'pass' AS status,
  'no event tells of anything that holds it up' AS reason,
  target.window_to AS at
FROM judged_deployment j
CROSS JOIN target
CROSS JOIN (SELECT count(*) AS events FROM held) h
WHERE j.id IS NOT NULL AND h.events = 0
UNION ALL
SELECT
  concat('service deployment ', coalesce(nullif(split_part(s.service_deployment_arn, '/', 4), ''), s.service_deployment_arn))
    AS resource,
  'pending' AS status,
  concat('a lifecycle hook waits for an answer', coalesce(' in stage ' || nullif(s.lifecycle_stage, ''), '')) AS reason,
  coalesce(s.updated_at, s.observed_at) AS at
FROM latest_service_deployments s
WHERE s.judged AND s.status = 'IN_PROGRESS' AND strpos(s.raw, 'AWAITING_ACTION') > 0
