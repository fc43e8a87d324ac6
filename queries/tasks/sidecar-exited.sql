-- id = "tasks.sidecar-exited"
-- title = "No sidecar of a running task exited with an error"
-- level = "advise"
-- owner = "service"
-- requires = ["tasks", "containers", "task_definitions"]
-- conclusive = "fail"
-- advice = "The task runs on without it: metrics, traces or logs that it carries are lost until the task is replaced. Read its log, or make it essential."
-- #
-- # `containers[].exitCode` of containers whose `essential` is false in the task definition. An exit with 0 is
-- # what a container does that only prepares something. After the task itself stopped, its sidecars' exit codes
-- # say nothing; a task that was lost with its host may have stopped without a stop code.

SELECT
  concat('container ', c.container, ' of task ', c.task_id) AS resource,
  CASE
    WHEN t.stop_code IS NOT NULL OR coalesce(t.last_status, '') IN ('DEPROVISIONING', 'STOPPED', 'DELETED') THEN 'skip'
    WHEN coalesce(c.last_status, '') = 'STOPPED' AND c.exit_code IS DISTINCT FROM 0 THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN t.stop_code IS NOT NULL OR t.last_status IN ('DEPROVISIONING', 'STOPPED', 'DELETED')
      THEN concat('its task stopped: ', coalesce(t.stop_code, nullif(t.stopped_reason, ''), t.last_status))
    WHEN c.last_status = 'STOPPED' AND c.exit_code IS DISTINCT FROM 0
      THEN concat(
        'it exited with ', coalesce(CAST(c.exit_code AS VARCHAR), 'an unknown code'),
        coalesce(': ' || nullif(c.reason, ''), '')
      )
    ELSE concat('last status ', coalesce(c.last_status, 'unknown'))
  END AS reason,
  c.observed_at AS at,
  c.task_id AS task_id,
  c.container AS container,
  c.exit_code AS exit_code
FROM latest_containers c
JOIN latest_tasks t ON c.task_arn = t.task_arn AND c.snapshot = t.snapshot
WHERE c.judged AND c.essential = FALSE
