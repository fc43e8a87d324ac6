-- id = "evidence.late-lines"
-- title = "Log lines arrived within the grace that is given to them"
-- level = "advise"
-- owner = "platform"
-- requires = ["log_events"]
-- conclusive = "fail"
-- advice = "Lines are judged by when they were written, however late they come; what is not waited for is not seen. Raise [collect] ingestion_grace to what this says, or see why the log driver holds lines back."
-- #
-- # `ingestionTime` - `timestamp` of each line, against `target.ingestion_grace_ms`.

SELECT
  concat('stream ', l.log_stream) AS resource,
  CASE WHEN l.slowest_ms > t.ingestion_grace_ms THEN 'fail' ELSE 'pass' END AS status,
  concat(
    'a line took up to ', CAST(l.slowest_ms / 1000 AS VARCHAR), ' s to arrive, and ',
    CAST(t.ingestion_grace_ms / 1000 AS VARCHAR), ' s are waited'
  ) AS reason,
  l.last_at AS at,
  l.task_id,
  l.container
FROM stream_lines l
CROSS JOIN target t
WHERE l.judged
