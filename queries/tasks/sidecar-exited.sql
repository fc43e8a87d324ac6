-- id = "tasks.sidecar-exited"
-- title = "No sidecar of a running task exited with an error"
-- level = "advise"
-- owner = "service"
-- requires = ["tasks", "containers", "task_definitions"]
-- conclusive = "fail"
-- advice = "The task runs on without it: the metrics, traces or logs that it carries are lost until the task is replaced. Look in its last log lines for a missing setting or endpoint, or make it essential. A container that AWS added is the platform's."
-- #
-- # `containers[].exitCode` of containers whose `essential` is false in the task definition, and of those that AWS added
-- # (GuardDuty). A container that only prepares something exits with 0. After the task
-- # itself stopped, its sidecars' exit codes say nothing.

SELECT
  concat('container ', c.container, ' of task ', c.task_id) AS resource,
  CASE
    WHEN t.is_stopped THEN 'skip'
    WHEN coalesce(c.last_status, '') = 'STOPPED' AND c.exit_code IS DISTINCT FROM 0 THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN t.is_stopped
      THEN concat('its task stopped: ', coalesce(nullif(t.stop_code, ''), nullif(t.stopped_reason, ''), t.last_status, 'unknown'))
    WHEN c.last_status = 'STOPPED' AND c.exit_code IS DISTINCT FROM 0
      THEN concat(
        'it exited with ', coalesce(CAST(c.exit_code AS VARCHAR), 'an unknown code'),
        coalesce(': ' || nullif(c.reason, ''), '')
      )
    ELSE concat('last status ', coalesce(c.last_status, 'unknown'))
  END AS reason,
  c.observed_at AS at,
  CASE WHEN c.added_by_aws THEN 'platform' ELSE 'service' END AS owner,
  c.task_id AS task_id,
  c.container AS container,
  c.exit_code AS exit_code
FROM latest_containers c
JOIN latest_tasks t ON c.task_arn = t.task_arn AND c.snapshot = t.snapshot
WHERE c.judged AND c.essential = FALSE
