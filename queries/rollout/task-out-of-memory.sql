-- id = "rollout.task-out-of-memory"
-- title = "No container was killed for lack of memory"
-- level = "block"
-- owner = "service"
-- requires = ["containers"]
-- conclusive = "fail"
-- advice = "Raise the task's memory, or find the leak: see container_definitions.memory."
SELECT
  concat('task ', c.task_id, ' container ', c.container) AS resource,
  CASE WHEN coalesce(c.reason, '') LIKE 'OutOfMemoryError%' THEN 'fail' ELSE 'pass' END AS status,
  coalesce(c.reason, concat('last status ', coalesce(c.last_status, 'unknown'))) AS reason,
  c.observed_at AS at,
  c.exit_code AS exit_code
FROM latest_containers c
WHERE c.judged
