-- id = "tasks.out-of-memory"
-- title = "No essential container was killed for lack of memory"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "containers", "deployments"]
-- conclusive = "fail"
-- advice = "Raise the task's or the container's memory, or find the leak: container_definitions.memory is the hard limit in MiB. Its last log lines show what it was doing when it was killed."
-- #
-- # `containers[].reason` begins with OutOfMemoryError: the one field that distinguishes a kill for memory from any
-- # other. Exit code 137 alone does not: it is any SIGKILL, and tasks.exited reports it. View task_ends decides whether it
-- # healed. A container that was killed while its task still runs is about to stop it, unless it is not essential.
-- # A worker process that is killed within a container that lives on does not show here: see the log
-- # signatures. tasks.exited reports a container that AWS added.

SELECT
  concat('container ', c.container, ' of task ', c.task_id) AS resource,
  CASE
    WHEN NOT c.is_killed THEN 'pass'
    WHEN c.essential = FALSE THEN 'skip'
    WHEN e.status IS NOT NULL THEN e.status
    WHEN c.essential THEN 'pending'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN NOT c.is_killed THEN coalesce(nullif(c.reason, ''), 'last status ' || coalesce(c.last_status, 'unknown'))
    WHEN c.essential = FALSE THEN concat('it is not essential, the task goes on without it: ', c.told)
    WHEN e.status IS NOT NULL THEN e.status_reason
    WHEN c.essential THEN concat('its task is about to stop: ', c.told)
    ELSE concat('whether it is essential is not known: ', c.told)
  END AS reason,
  coalesce(e.at, c.observed_at) AS at,
  e.owner AS owner,
  c.task_id AS task_id,
  c.container AS container,
  c.exit_code AS exit_code,
  coalesce(CAST(d.memory AS VARCHAR), c.task_memory) AS memory_mib
FROM (
  SELECT
    c.*, t.memory AS task_memory,
    NOT c.added_by_aws AND (
      coalesce(c.reason, '') LIKE 'OutOfMemory%' OR coalesce(t.stopped_reason, '') LIKE '%OutOfMemory%' AND c.essential IS NOT FALSE
    ) AS is_killed,
    CASE WHEN c.reason LIKE 'OutOfMemory%' THEN c.reason ELSE t.stopped_reason END AS told
  FROM latest_containers c
  JOIN latest_tasks t ON c.task_arn = t.task_arn
  WHERE c.judged
) c
LEFT JOIN task_ends e ON c.task_arn = e.task_arn AND e.cause = 'memory'
LEFT JOIN container_definitions d ON c.task_definition = d.task_definition AND c.container = d.container
