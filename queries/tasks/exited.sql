-- id = "tasks.exited"
-- title = "No essential container of the release exited"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "Read the last log lines of the container that exited first. Exit code 1 or 3: the program gave up, its traceback says why. 137: killed. 139: crashed. 127 or 126: the command of the image or the task definition is wrong."
-- #
-- # `tasks[].stopCode` EssentialContainerExited decides, whatever `stoppedReason` says. A service's task is
-- # to run on: an exit with 0, or with no exit code at all, is an exit. `containers[].exitCode` explains.
-- # Which container counts is `essential` in the task definition, not its position; essential where that is
-- # not known. A container that was killed for memory is told of by tasks.out-of-memory instead.
-- # Tasks that the scheduler stopped for a rollback, a newer release or a scale-in have another stop code.

WITH exits AS (
  SELECT
    task_arn,
    bool_or(reason LIKE 'OutOfMemory%') AS out_of_memory,
    string_agg(
      CASE
        WHEN exit_code IS DISTINCT FROM 0
          THEN concat('container ', container, ' exited with ', coalesce(CAST(exit_code AS VARCHAR), 'an unknown code'))
      END,
      ', ' ORDER BY container
    ) AS failed,
    string_agg(
      concat('container ', container, ' exited with ', coalesce(CAST(exit_code AS VARCHAR), 'an unknown code')),
      ', ' ORDER BY container
    ) AS every,
    string_agg(
      concat(container, '=', coalesce(CAST(exit_code AS VARCHAR), '?')), ' ' ORDER BY container
    ) AS exit_codes,
    string_agg(nullif(reason, ''), '; ' ORDER BY container) AS container_reasons
  FROM latest_containers
  WHERE judged AND essential IS NOT FALSE
  GROUP BY task_arn
)
SELECT
  concat('task ', t.task_id) AS resource,
  CASE
    WHEN coalesce(t.stop_code, '') = 'EssentialContainerExited' AND x.out_of_memory IS NOT TRUE
      AND coalesce(t.stopped_reason, '') NOT LIKE '%OutOfMemory%' THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN t.stop_code = 'EssentialContainerExited'
      THEN concat(
        coalesce(x.failed, x.every, 'an essential container exited'),
        CASE
          WHEN t.started_at IS NOT NULL AND coalesce(t.execution_stopped_at, t.stopping_at, t.stopped_at) >= t.started_at
            THEN concat(
              ' after it ran for ',
              CAST(
                (CAST(coalesce(t.execution_stopped_at, t.stopping_at, t.stopped_at) AS BIGINT) - CAST(t.started_at AS BIGINT))
                  / 1000 AS VARCHAR
              ), ' s'
            )
          ELSE ''
        END,
        coalesce(': ' || nullif(t.stopped_reason, ''), ''),
        coalesce(' (' || x.container_reasons || ')', '')
      )
    WHEN t.stop_code IS NOT NULL THEN concat('it stopped otherwise: ', t.stop_code)
    ELSE concat('last status ', coalesce(t.last_status, 'unknown'))
  END AS reason,
  CASE
    WHEN t.stop_code IS NOT NULL
      THEN coalesce(t.execution_stopped_at, t.stopping_at, t.stopped_at, t.observed_at)
    ELSE t.observed_at
  END AS at,
  coalesce(t.stop_code, t.last_status, 'unknown') AS observed,
  'it runs' AS expected,
  t.task_id AS task_id,
  t.task_definition AS task_definition,
  x.exit_codes AS exit_codes
FROM latest_tasks t
LEFT JOIN exits x ON t.task_arn = x.task_arn
WHERE t.judged
