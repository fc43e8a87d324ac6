-- id = "tasks.stopped-by-hand"
-- title = "Nobody stopped a task of the release by hand"
-- level = "advise"
-- owner = "shared"
-- requires = ["tasks"]
-- conclusive = "fail"
-- advice = "Somebody or some tool called StopTask while the rollout was watched: CloudTrail says who. It is no failure of the release, and may hide one."
-- #
-- # `tasks[].stopCode` UserInitiated.

SELECT
  concat('task ', task_id) AS resource,
  CASE WHEN coalesce(stop_code, '') = 'UserInitiated' THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN stop_code = 'UserInitiated' THEN concat('stopped by hand: ', coalesce(nullif(stopped_reason, ''), 'no reason was given'))
    ELSE concat('last status ', coalesce(last_status, 'unknown'), coalesce(', stopped: ' || stop_code, ''))
  END AS reason,
  CASE
    WHEN stop_code = 'UserInitiated' THEN coalesce(stopping_at, execution_stopped_at, stopped_at, observed_at)
    ELSE observed_at
  END AS at,
  task_id
FROM latest_tasks
WHERE judged
