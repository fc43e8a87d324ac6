-- id = "tasks.stopped-by-hand"
-- title = "No task of the release was stopped by hand"
-- level = "advise"
-- owner = "shared"
-- requires = ["tasks", "deployments"]
-- conclusive = "fail"
-- advice = "Somebody or some tool called StopTask while the rollout was watched: CloudTrail has the caller. It is not a failure of the release, but may hide one."
-- #
-- # `tasks[].stopCode` UserInitiated.

SELECT
  concat('task ', t.task_id) AS resource,
  CASE WHEN e.reason IS NULL THEN 'pass' ELSE 'fail' END AS status,
  coalesce(e.reason, t.state) AS reason,
  coalesce(e.at, t.observed_at) AS at,
  coalesce(nullif(t.stop_code, ''), t.last_status, 'unknown') AS observed,
  e.owner AS owner,
  t.task_id AS task_id,
  e.container AS container,
  e.exit_codes AS exit_codes,
  e.phase AS phase
FROM latest_tasks t
LEFT JOIN task_ends e ON t.task_arn = e.task_arn AND e.cause = 'by_hand'
WHERE t.judged
