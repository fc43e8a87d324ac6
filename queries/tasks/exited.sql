-- id = "tasks.exited"
-- title = "No essential container of the release exited"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "containers", "deployments"]
-- conclusive = "fail"
-- advice = "Look at its last log lines for the exception at the end of the last traceback, or the setting, file or host that the last error names. Exit code 1 or 3: the program gave up. 137: killed. 139: crashed. 127 or 126: the command of the image or the task definition is wrong."
-- #
-- # `tasks[].stopCode` EssentialContainerExited, with any `stoppedReason`. A service's task must keep running, so an exit with 0 is
-- # an exit. Also a task that failed to start because one of its containers exited with an error (a migration that others
-- # depend on). One early exit that healed is no failure: see view task_ends. tasks.out-of-memory reports kills for memory.
-- # Containers that AWS added (GuardDuty, Service Connect) are the platform's. A container that exits and is restarted in place
-- # (`restartPolicy`) has a row for each restart, while its task runs on.

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
LEFT JOIN task_ends e ON t.task_arn = e.task_arn AND e.cause IN ('exit', 'restart')
WHERE t.judged
