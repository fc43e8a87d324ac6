-- id = "tasks.health-checks-failed"
-- title = "No task of the release was stopped because a health check failed"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "deployments"]
-- conclusive = "fail"
-- advice = "Does the health path answer in time once the program is up? Compare the check's path, port, codes and time-out with the program, and the service's health check grace period with how long it takes to start. In its last log lines, look for whether the program says that it listens, on which port, and which requests it answered."
-- #
-- # The scheduler stops such a task with the stop code that it also has for a scale-in or a drain
-- # (ServiceSchedulerInitiated). The difference is in `tasks[].stoppedReason`, or `healthStatus` UNHEALTHY, or the events
-- # "failed container health checks" and "is unhealthy in". See view task_ends.

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
LEFT JOIN task_ends e ON t.task_arn = e.task_arn AND e.cause = 'health'
WHERE t.judged
