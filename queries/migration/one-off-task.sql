-- id = "migration.one-off-task"
-- title = "The one-off tasks of the release (migrations) ended well"
-- level = "block"
-- owner = "service"
-- requires = ["task_selectors", "task_definitions"]
-- conclusive = "none"
-- advice = "Look at its last log lines for the revision and the SQL error that they name. Failed to start: the reason names the image, the secret or the capacity that it lacked. Not seen: ECS forgets a stopped task after about an hour, so collect within the hour; or it was never started, or more than `since` before the deployment."
-- #
-- # The tasks of `[collect] tasks` that were created since the rollout (less `since`). Tasks with the same overrides are tries
-- # of one thing, and the newest counts; tasks with different overrides are different things (a migration for each
-- # database), and each must end well: every essential container has `exitCode` 0. Containers that AWS added do not count.
-- # Stopped without an exit code, or not seen at all, is unknown: there is no proof that the migration ran.

SELECT
  concat('task ', o.task_id) AS resource,
  CASE
    WHEN e.standing = 'unknown' AND o.is_retried THEN 'unknown'
    WHEN o.is_retried THEN 'skip'
    WHEN o.ended_well THEN 'pass'
    WHEN NOT o.is_stopped AND r.ended THEN 'unknown'
    WHEN NOT o.is_stopped THEN 'pending'
    WHEN e.cause IN ('exit', 'memory', 'image', 'resource', 'command', 'start') AND (x.has_failed OR t.stop_code = 'TaskFailedToStart') THEN 'fail'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN e.standing = 'unknown' AND o.is_retried
      THEN concat('it failed, and a later task may or may not be a retry of it (the environment of its overrides was redacted): ', e.reason)
    WHEN o.is_retried AND o.ended_well THEN 'it ended well, and was run again'
    WHEN o.is_retried THEN concat('it was tried again: ', coalesce(e.reason, o.exit_codes))
    WHEN o.ended_well THEN concat('it ended well: ', o.exit_codes)
    WHEN NOT o.is_stopped THEN concat('it still runs: ', coalesce(t.last_status, 'unknown'))
    WHEN e.cause IN ('exit', 'memory', 'image', 'resource', 'command', 'start') AND (x.has_failed OR t.stop_code = 'TaskFailedToStart')
      THEN concat(e.reason, ' (', o.exit_codes, ')')
    ELSE concat('it stopped, and not every exit code is known: ', o.exit_codes, coalesce(' (' || e.reason || ')', ''))
  END AS reason,
  coalesce(e.at, t.ended_at, t.observed_at) AS at,
  o.exit_codes AS observed,
  'every essential container exited with 0' AS expected,
  e.owner AS owner,
  o.task_id AS task_id,
  e.container AS container,
  o.selected_by AS selected_by
FROM one_off_tasks o
JOIN latest_tasks t ON o.task_arn = t.task_arn
LEFT JOIN task_ends e ON o.task_arn = e.task_arn
LEFT JOIN (
  SELECT task_arn, bool_or(coalesce(exit_code <> 0, FALSE) AND essential IS NOT FALSE AND NOT added_by_aws) AS has_failed
  FROM latest_containers
  GROUP BY task_arn
) x ON o.task_arn = x.task_arn
CROSS JOIN rollout r
UNION ALL
SELECT
  concat('tasks of ', s.selector) AS resource,
  CASE
    WHEN r.nothing_deployed THEN 'skip'
    WHEN r.ended THEN 'unknown'
    ELSE 'pending'
  END AS status,
  CASE
    WHEN r.nothing_deployed THEN 'none was seen, and nothing was deployed'
    ELSE 'not seen: ECS forgot it, or it was never started'
  END AS reason,
  target.window_to AS at,
  'none' AS observed,
  'a task that ended well' AS expected,
  CAST(NULL AS VARCHAR) AS owner,
  CAST(NULL AS VARCHAR) AS task_id,
  CAST(NULL AS VARCHAR) AS container,
  s.selector AS selected_by
FROM task_selectors s
CROSS JOIN target
CROSS JOIN rollout r
LEFT JOIN (SELECT DISTINCT selected_by FROM one_off_tasks) seen ON s.selector = seen.selected_by
WHERE seen.selected_by IS NULL
