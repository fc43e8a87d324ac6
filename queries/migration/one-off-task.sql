-- id = "migration.one-off-task"
-- title = "The one-off task of the release (a migration) ended well"
-- level = "block"
-- owner = "service"
-- requires = ["task_selectors"]
-- conclusive = "none"
-- advice = "Read the task's log: its last lines say why it ended. Failed to start: the reason names the image, the secret or the capacity that it lacked. Not seen: ECS forgets a stopped task after about an hour, so collect within the hour; or it was never started, or more than `since` before the deployment."
-- #
-- # The newest task of each of `[collect] tasks` that was created since the deployment (less `since`). It ended well if it
-- # stopped and every essential container has `exitCode` 0. `stopCode` TaskFailedToStart fails, and so does an exit
-- # code that is not 0. Stopped without an exit code for any other cause, or not seen at all, is unknown: nothing says
-- # that the migration ran. While it runs it may still end well or not: pending.

WITH newest AS (
  SELECT selected_by, max(created_at) AS created_at FROM latest_tasks WHERE one_off GROUP BY selected_by
),
exits AS (
  SELECT
    task_arn,
    count(*) AS containers,
    count(CASE WHEN exit_code = 0 THEN 1 END) AS ended_well,
    count(CASE WHEN exit_code <> 0 THEN 1 END) AS failed,
    string_agg(concat(container, '=', coalesce(CAST(exit_code AS VARCHAR), '?')), ' ' ORDER BY container) AS exit_codes
  FROM latest_containers
  WHERE essential IS NOT FALSE
  GROUP BY task_arn
),
one_off_tasks AS (
  SELECT
    t.task_id, t.selected_by, t.stop_code, t.reasons, t.last_status, t.observed_at,
    coalesce(t.execution_stopped_at, t.stopping_at, t.stopped_at) AS ended_at,
    coalesce(t.stop_code IS NOT NULL OR t.last_status IN ('DEPROVISIONING', 'STOPPED', 'DELETED'), FALSE) AS is_stopped,
    coalesce(x.failed, 0) AS failed,
    coalesce(x.ended_well, 0) AS ended_well,
    coalesce(x.containers, 0) AS containers,
    coalesce(x.exit_codes, '?') AS exit_codes
  FROM latest_tasks t
  JOIN newest n ON t.selected_by = n.selected_by AND t.created_at = n.created_at
  LEFT JOIN exits x ON t.task_arn = x.task_arn
  WHERE t.one_off
)
SELECT
  concat('task ', task_id) AS resource,
  CASE
    WHEN coalesce(stop_code, '') = 'TaskFailedToStart' OR failed > 0 THEN 'fail'
    WHEN NOT is_stopped THEN 'pending'
    WHEN containers > 0 AND ended_well = containers THEN 'pass'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN coalesce(stop_code, '') = 'TaskFailedToStart'
      THEN concat('it failed to start: ', coalesce(reasons, 'ECS gives no reason'))
    WHEN failed > 0 THEN concat('it exited with an error: ', exit_codes, coalesce(' (' || reasons || ')', ''))
    WHEN NOT is_stopped THEN concat('it still runs at the end of the observation: ', coalesce(last_status, 'unknown'))
    WHEN containers > 0 AND ended_well = containers THEN concat('it ended well: ', exit_codes)
    ELSE concat('it stopped, and not every exit code is known: ', exit_codes, coalesce(' (' || reasons || ')', ''))
  END AS reason,
  coalesce(ended_at, observed_at) AS at,
  exit_codes AS observed,
  'every essential container exited with 0' AS expected,
  task_id,
  selected_by
FROM one_off_tasks
UNION ALL
SELECT
  concat('tasks of ', s.selector) AS resource,
  CASE
    WHEN target.stop_reason = 'collecting' THEN 'pending'
    ELSE 'unknown'
  END AS status,
  'none was seen: it was forgotten by ECS, or never started' AS reason,
  target.window_to AS at,
  'none' AS observed,
  'a task that ended well' AS expected,
  CAST(NULL AS VARCHAR) AS task_id,
  s.selector AS selected_by
FROM task_selectors s
CROSS JOIN target
LEFT JOIN newest n ON s.selector = n.selected_by
WHERE n.selected_by IS NULL
