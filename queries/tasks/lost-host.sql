-- id = "tasks.lost-host"
-- title = "Tasks that lost their host or their Spot capacity were replaced"
-- level = "advise"
-- owner = "platform"
-- requires = ["tasks", "deployments"]
-- conclusive = "fail"
-- advice = "Spot or instances go away at any time: it is no fault of the release. If it happens at every rollout, run a share of the tasks on demand."
-- #
-- # `tasks[].stopCode` SpotInterruption, TerminationNotice or InfrastructureHealth, or a `stoppedReason` "Host EC2 (instance ...)
-- # terminated". Replaced: at the end as many tasks run as `deployments[].desiredCount` asks for. Where they do
-- # not, rollout.completed is pending, so this one only explains.

WITH judged_tasks AS (
  SELECT
    t.*,
    coalesce(t.stop_code IN ('SpotInterruption', 'TerminationNotice', 'InfrastructureHealth'), FALSE)
      OR coalesce(t.stopped_reason LIKE 'Host EC2 (instance%', FALSE) AS is_lost,
    CASE WHEN r.deployment_id IS NOT NULL THEN r.is_full END AS is_full
  FROM latest_tasks t
  CROSS JOIN rollout r
  WHERE t.judged
)
SELECT
  concat('task ', task_id) AS resource,
  CASE
    WHEN is_lost AND is_full IS NULL THEN 'unknown'
    WHEN is_lost AND NOT coalesce(is_full, FALSE) THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN is_lost AND is_full
      THEN concat('replaced: ', coalesce(nullif(stopped_reason, ''), stop_code))
    WHEN is_lost AND is_full IS NULL
      THEN concat('whether it was replaced is not known: ', coalesce(nullif(stopped_reason, ''), stop_code))
    WHEN is_lost THEN concat('not replaced yet: ', coalesce(nullif(stopped_reason, ''), stop_code))
    ELSE concat('last status ', coalesce(last_status, 'unknown'), coalesce(', stopped: ' || stop_code, ''))
  END AS reason,
  CASE WHEN is_lost THEN coalesce(stopping_at, execution_stopped_at, stopped_at, observed_at) ELSE observed_at END AS at,
  task_id,
  capacity_provider,
  availability_zone
FROM judged_tasks
