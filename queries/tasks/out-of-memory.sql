-- id = "tasks.out-of-memory"
-- title = "No essential container was killed for lack of memory"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "Raise the task's or the container's memory, or find the leak: container_definitions.memory is the hard limit in MiB."
-- #
-- # `containers[].reason` begins with OutOfMemoryError: the one field that tells a kill for memory from any
-- # other. Exit code 137 alone does not: it is any SIGKILL, and tasks.exited reports it.
-- # Where the task definition is not known, the task's `stopCode` EssentialContainerExited tells.
-- # A worker process that is killed within a container that lives on does not show here: see the log
-- # signatures.

SELECT
  concat('container ', c.container, ' of task ', c.task_id) AS resource,
  CASE
    WHEN coalesce(c.reason, '') LIKE 'OutOfMemory%' AND coalesce(c.essential, t.stop_code = 'EssentialContainerExited', FALSE) THEN 'fail'
    WHEN coalesce(c.reason, '') LIKE 'OutOfMemory%' AND coalesce(NOT c.essential, FALSE) THEN 'skip'
    WHEN coalesce(c.reason, '') LIKE 'OutOfMemory%' THEN 'unknown'
    WHEN coalesce(t.stopped_reason, '') LIKE '%OutOfMemory%' AND c.essential IS NOT FALSE THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN c.reason LIKE 'OutOfMemory%' AND coalesce(c.essential, t.stop_code = 'EssentialContainerExited', FALSE)
      THEN concat(c.reason, coalesce(' (exit code ' || CAST(c.exit_code AS VARCHAR) || ')', ''))
    WHEN c.reason LIKE 'OutOfMemory%' AND coalesce(NOT c.essential, FALSE) THEN concat('it is not essential, the task goes on without it: ', c.reason)
    WHEN c.reason LIKE 'OutOfMemory%' AND t.stop_code IS DISTINCT FROM 'EssentialContainerExited'
      THEN concat('whether it is essential is not known: ', c.reason)
    WHEN t.stopped_reason LIKE '%OutOfMemory%' AND c.essential IS NOT FALSE THEN t.stopped_reason
    ELSE coalesce(nullif(c.reason, ''), 'last status ' || coalesce(c.last_status, 'unknown'))
  END AS reason,
  CASE
    WHEN c.reason LIKE 'OutOfMemory%'
      THEN coalesce(t.execution_stopped_at, t.stopping_at, t.stopped_at, c.observed_at)
    ELSE c.observed_at
  END AS at,
  c.task_id AS task_id,
  c.container AS container,
  c.exit_code AS exit_code,
  coalesce(CAST(d.memory AS VARCHAR), t.memory) AS memory_mib
FROM latest_containers c
JOIN latest_tasks t ON c.task_arn = t.task_arn
LEFT JOIN container_definitions d ON c.task_definition = d.task_definition AND c.container = d.container
WHERE c.judged
