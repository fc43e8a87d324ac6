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
      conca