-- id = "rollout.completed"
-- title = "The rollout completed, and as many tasks run as are desired"
-- level = "block"
-- owner = "shared"
-- requires = ["services", "deployments", "service_deployments"]
-- conclusive = "fail"
-- advice = "The tasks.* checks, the log signatures and the service events say why it did not complete."
-- #
-- # `deployments[].rolloutState` of the judged deployment decides, together with its counts: ECS may call a
-- # rollout complete while tasks are missing. Where there is no rollout state (behind a Classic Load Balancer)
-- # the counts alone decide. For task sets it is `stabilityStatus`. `serviceDeployments[].status` decides too: it stays
-- # IN_PROGRESS while alarms, hooks, traffic steps (LINEAR, CANARY) and bake time are waited for.
-- # A rollout that is still in progress at the end has neither succeeded nor failed: pending.

WITH service AS (
  SELECT max(deployments) AS deployments FROM latest_services
),
-- Tasks that ended after completion and are not replaced yet.
taken AS (
  SELECT max(concat('task ', task_id, ' ', reason)) AS told
  FROM task_ends
  WHERE standing <> 'healed' AND phase = 'after' AND NOT one_off
),
judged_deployment AS (
  SELECT
    d.deployment_id, d.rollout_state, d.rollout_state_reason, d.updated_at, d.observed_at,
    d.current AND coalesce(d.status = 'PRIMARY', FALSE) AS is_primary,
    rollout.primary_id IS NOT NULL AS is_replaced,
    coalesce(d.running_count >= d.desired_count, FALSE) AS is_full,
    coalesce(d.pending_count = 0 AND d.running_count = d.desired_count AND service.deployments = 1, FALSE) AS is_settled,
    concat(
      coalesce(CAST(d.running_count AS VARCHAR), '?'), ' of ', coalesce(CAST(d.desired_count AS VARCHAR), '?'),
      ' tasks run'
    ) AS counts,
    concat(
      coalesce(rollout.primary_id, 'no deployment'),
      coalesce(' (task definition ' || nullif(split_part(rollout.primary_task_definition, '/', 2), '') || ')', '')
    ) AS other
  FROM latest_deployments d
  CROSS JOIN rollout
  CROSS JOIN service
  WHERE d.judged
),
judged_task_set AS (
  SELECT
    s.task_set_id, s.stability_status, s.stability_status_at, s.updated_at, s.observed_at,
    s.current AND coalesce(s.status IN ('PRIMARY', 'ACTIVE'), FALSE) AS is_alive,
    s.current OR rollout.primary_id IS NOT NULL AS is_told,
    coalesce(s.running_count >= s.computed_desired_count, FALSE) AS is_full,
    concat(
      coalesce(CAST(s.running_count AS VARCHAR), '?'), ' of ', coalesce(CAST(s.computed_desired_count AS VARCHAR), '?'),
      ' tasks run'
    ) AS counts
  FROM latest_task_sets s
  CROSS JOIN rollout
  WHERE s.judged
),
judged_service_deployment AS (
  SELECT
    concat('service deployment ', coalesce(nullif(split_part(s.service_deployment_arn, '/', 4), ''), s.service_deployment_arn))
      AS resource,
    s.status, s.status_reason, s.lifecycle_stage, s.finished_at, s.updated_at, s.current AS is_fresh
  FROM latest_service_deployments s
  WHERE s.judged
)
SELECT
  concat('deployment ', deployment_id) AS resource,
  CASE
    WHEN rollout_state = 'FAILED' THEN 'fail'
    WHEN rollout_state = 'COMPLETED' AND NOT is_primary THEN 'pass'
    WHEN NOT is_primary AND NOT is_replaced THEN 'unknown'
    WHEN NOT is_primary THEN 'fail'
    WHEN rollout_state = 'COMPLETED' AND is_full THEN 'pass'
    WHEN rollout_state IS NULL AND is_settled THEN 'pass'
    WHEN rollout_state IS NULL OR rollout_state IN ('COMPLETED', 'IN_PROGRESS') THEN 'pending'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN rollout_state = 'FAILED' THEN concat('failed: ', coalesce(rollout_state_reason, 'ECS gives no reason'))
    WHEN rollout_state = 'COMPLETED' AND NOT is_primary THEN concat('it completed; ', other, ' is PRIMARY now')
    WHEN NOT is_primary AND NOT is_replaced THEN 'nothing says which deployment is PRIMARY'
    WHEN NOT is_primary THEN concat('it had not completed when ', other, ' became PRIMARY')
    WHEN rollout_state = 'COMPLETED' AND is_full THEN concat('completed, ', counts)
    WHEN rollout_state IS NULL AND is_settled THEN concat('there is no rollout state; ', counts, ', nothing is pending')
    WHEN rollout_state = 'COMPLETED' THEN concat('it is called completed, but only ', counts, coalesce(': ' || taken.told, ''))
    WHEN rollout_state IS NULL THEN concat('there is no rollout state, and it has not settled: ', counts)
    WHEN rollout_state = 'IN_PROGRESS' THEN concat('still in progress at the end of the observation: ', counts)
    ELSE concat('rollout state ', rollout_state, ' is not known to this check')
  END AS reason,
  coalesce(updated_at, observed_at) AS at,
  coalesce(rollout_state, counts) AS observed,
  'COMPLETED' AS expected,
  CASE
    WHEN is_primary AND coalesce(rollout_state, 'IN_PROGRESS') IN ('COMPLETED', 'IN_PROGRESS')
      THEN 'Wait, or raise the timeout: the service events say what ECS is doing.'
  END AS advice
FROM judged_deployment
CROSS JOIN taken
UNION ALL
SELECT
  concat('task set ', task_set_id) AS resource,
  CASE
    WHEN NOT is_told THEN 'unknown'
    WHEN NOT is_alive THEN 'fail'
    WHEN stability_status = 'STEADY_STATE' AND is_full THEN 'pass'
    WHEN stability_status IN ('STEADY_STATE', 'STABILIZING') THEN 'pending'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN NOT is_told THEN 'nothing says which task set is PRIMARY'
    WHEN NOT is_alive THEN 'it is drained or gone at the end of the observation'
    WHEN stability_status = 'STEADY_STATE' AND is_full THEN concat('steady, ', counts)
    WHEN stability_status = 'STEADY_STATE' THEN concat('it is called steady, but only ', counts)
    WHEN stability_status = 'STABILIZING' THEN concat('still stabilizing at the end of the observation: ', counts)
    ELSE concat('stability status ', coalesce(stability_status, '(none)'), ' is not known to this check')
  END AS reason,
  coalesce(stability_status_at, updated_at, observed_at) AS at,
  coalesce(stability_status, counts) AS observed,
  'STEADY_STATE' AS expected,
  CASE WHEN is_alive THEN 'Wait, or raise the timeout: the service events say what ECS is doing.' END AS advice
FROM judged_task_set
UNION ALL
SELECT
  resource,
  CASE
    WHEN status = 'SUCCESSFUL' THEN 'pass'
    WHEN status IN ('PENDING', 'IN_PROGRESS') AND NOT is_fresh THEN 'skip'
    WHEN status IN ('PENDING', 'IN_PROGRESS') THEN 'pending'
    WHEN status IN (
      'STOP_REQUESTED', 'STOPPED', 'ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS', 'ROLLBACK_SUCCESSFUL', 'ROLLBACK_FAILED'
    ) THEN 'fail'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN status = 'SUCCESSFUL' THEN 'successful'
    WHEN status IN ('PENDING', 'IN_PROGRESS') AND NOT is_fresh
      THEN concat(status, ' when it was last seen, which was before the end')
    WHEN status IN ('PENDING', 'IN_PROGRESS')
      THEN concat(status, ' at the end of the observation', coalesce(', in stage ' || nullif(lifecycle_stage, ''), ''))
    WHEN status IN (
      'STOP_REQUESTED', 'STOPPED', 'ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS', 'ROLLBACK_SUCCESSFUL', 'ROLLBACK_FAILED'
    ) THEN concat('it ended as ', status, coalesce(': ' || nullif(status_reason, ''), ''))
    ELSE concat('status ', coalesce(status, '(none)'), ' is not known to this check')
  END AS reason,
  coalesce(finished_at, updated_at) AS at,
  coalesce(status, '(none)') AS observed,
  'SUCCESSFUL' AS expected,
  CASE
    WHEN status IN ('PENDING', 'IN_PROGRESS') THEN 'Wait, or raise the timeout: alarms, hooks, traffic steps and bake time are part of the rollout.'
  END AS advice
FROM judged_service_deployment
