-- id = "evidence.log-clock"
-- title = "The clocks of the log lines and of AWS agree"
-- level = "advise"
-- owner = "platform"
-- requires = ["log_events", "tasks", "task_definitions"]
-- conclusive = "fail"
-- advice = "Set the clock of the host, or make the program log the system's time in UTC. Deadlines use AWS's clocks: such a line counts as written when CloudWatch took it in, or when its task was created."
-- #
-- # `timestamp` of a line is the program's host's clock, `ingestionTime` that of CloudWatch Logs, `createdAt` of the
-- # task that of ECS. A line that is newer than its ingestion or older than its task has a clock that is off.
-- # Two seconds are not worth a word.

SELECT
  concat('stream ', log_stream) AS resource,
  CASE WHEN ahead_ms > 2000 OR behind_ms > 2000 THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN ahead_ms > 2000 THEN concat('its clock is ahead by ', CAST(ahead_ms / 1000 AS VARCHAR), ' s')
    WHEN behind_ms > 2000 THEN concat('its first line is ', CAST(behind_ms / 1000 AS VARCHAR), ' s older than its task')
    ELSE 'the clocks agree'
  END AS reason,
  first_at AS at,
  task_id,
  container
FROM stream_lines
WHERE judged
