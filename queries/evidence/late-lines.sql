-- id = "evidence.late-lines"
-- title = "Log lines arrived within the ingestion grace"
-- level = "advise"
-- owner = "platform"
-- requires = ["log_events", "task_definitions"]
-- conclusive = "fail"
-- advice = "Raise [collect] ingestion_grace to the time in the reason, or find out why the log driver holds lines back. A line that arrives after the limit may not be seen."
-- #
-- # `ingestionTime` - `timestamp` of each line, against `target.ingestion_grace_ms`.

SELECT
  concat('stream ', l.log_stream) AS resource,
  CASE WHEN l.slowest_ms > t.ingestion_grace_ms THEN 'fail' ELSE 'pass' END AS status,
  concat(
    'slowest log line arrived after ', CAST(l.slowest_ms / 1000 AS VARCHAR), ' s (limit ',
    CAST(t.ingestion_grace_ms / 1000 AS VARCHAR), ' s)'
  ) AS reason,
  l.last_at AS at,
  l.task_id,
  l.container
FROM stream_lines l
CROSS JOIN target t
WHERE l.judged
