-- id = "tasks.lost-host"
-- title = "Tasks that AWS stopped were replaced (lost hosts, Spot, maintenance, rebalancing)"
-- level = "advise"
-- owner = "platform"
-- requires = ["tasks", "deployments"]
-- conclusive = "fail"
-- advice = "AWS can take away Spot capacity, instances and Fargate hosts at any time: the release is not at fault. If it happens at every rollout, run some of the tasks on demand."
-- #
-- # `tasks[].stopCode` SpotInterruption, TerminationNotice or InfrastructureHealth; `stoppedReason` "Host EC2 (instance ...)
-- # terminated", "ECS is performing maintenance ...", "... is in DRAINING state". Replaced: as many tasks run as are desired.
-- # Where they do not, rollout.completed is pending, so this one only explains.

SELECT
  concat('task ', t.task_id) AS resource,
  CASE WHEN e.status IS NULL THEN 'pass' ELSE e.status END AS status,
  coalesce(e.status_reason, t.state) AS reason,
  coalesce(e.at, t.observed_at) AS at,
  coalesce(nullif(t.stop_code, ''), t.last_status, 'unknown') AS observed,
  e.owner AS owner,
  t.task_id AS task_id,
  e.container AS container,
  e.exit_codes AS exit_codes,
  e.phase AS phase
FROM latest_tasks t
LEFT JOIN task_ends e ON t.task_arn = e.task_arn AND e.cause IN ('spot', 'host', 'maintenance', 'rebalancing')
WHERE t.judged
