-- id = "tasks.failed-to-start"
-- title = "No task of the release failed to start for a cause that nothing else names"
-- level = "block"
-- owner = "shared"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "Read the reason: \"executable file not found\" or \"no such file\" is the image's command; anything of the agent, the runtime or the host is the platform's."
-- #
-- # `tasks[].stopCode` TaskFailedToStart fails by the code alone, so that a wording that nobody has seen yet
-- # fails too. What tasks.cannot-start-image, tasks.cannot-start-resources and tasks.out-of-memory name is
-- # left to them.
-- # Second witnesses, for tasks that were never seen: `deployments[].failedTasks`, which ECS may set back to 0
-- # (so the highest count of any snapshot is taken), and the event "is unable to consistently start tasks
-- # successfully". Those two only say more than the tasks do while the rollout has not completed.

WITH reasons AS (
  SELECT task_arn, string_agg(nullif(reason, ''), '; ' ORDER BY container) AS text
  FROM latest_containers
  WHERE judged
  GROUP BY task_arn
),
judged_tasks AS (
  SELECT
    t.*,
    coalesce(t.stop_code = 'TaskFailedToStart', FALSE) AS is_failed,
    strpos(concat_ws(' ', t.stopped_reason, r.text), 'CannotPull') > 0
      OR strpos(concat_ws(' ', t.stopped_reason, r.text), 'OutOfMemory') > 0
      OR regexp_like(
        concat_ws(' ', t.stopped_reason, r.text),
        'ResourceInitializationError|CannotCreate[A-Za-z]*Error|CannotStartContainerError.*logging driver|network interface|RESOURCE:'
      ) AS is_named,
    concat_ws('; ', nullif(t.stopped_reason, ''), r.text) AS text
  FROM latest_tasks t
  LEFT JOIN reasons r ON t.task_arn = r.task_arn
  WHERE t.judged
),
stopped_tasks AS (
  SELECT count(*) AS tasks FROM judged_tasks WHERE stop_code IS NOT NULL
),
judged_deployment AS (
  SELECT
    max(deployment_id) AS id,
    coalesce(bool_or(rollout_state = 'COMPLETED'), FALSE) AS completed,
    coalesce(bool_or(rollout_state = 'FAILED' OR NOT current OR status IS DISTINCT FROM 'PRIMARY'), FALSE) AS is_over
  FROM latest_deployments
  WHERE judged
),
counted AS (
  SELECT max(d.failed_tasks) AS failed_tasks
  FROM deployments d
  JOIN target ON d.deployment_id = target.deployment_id
)
SELECT
  concat('task ', task_id) AS resource,
  CASE WHEN is_failed AND NOT is_named THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN is_failed AND is_named THEN 'it failed to start, for a cause that another check names'
    WHEN is_failed THEN concat('it failed to start: ', coalesce(nullif(text, ''), 'ECS gives no reason'))
    ELSE concat('last status ', coalesce(last_status, 'unknown'), coalesce(', stopped: ' || stop_code, ''))
  END AS reason,
  CASE
    WHEN is_failed THEN coalesce(stopping_at, stopped_at, execution_stopped_at, observed_at)
    ELSE observed_at
  END AS at,
  coalesce(stop_code, last_status, 'unknown') AS observed,
  task_id
FROM judged_tasks
UNION ALL
SELECT
  concat('deployment ', j.id) AS resource,
  CASE WHEN j.is_over THEN 'fail' ELSE 'pending' END AS status,
  concat(
    'ECS counted ', CAST(c.failed_tasks AS VARCHAR), ' failed tasks of it, and ', CAST(s.tasks AS VARCHAR),
    ' that stopped were seen'
  ) AS reason,
  target.window_to AS at,
  CAST(c.failed_tasks AS VARCHAR) AS observed,
  CAST(NULL AS VARCHAR) AS task_id
FROM judged_deployment j
CROSS JOIN counted c
CROSS JOIN stopped_tasks s
CROSS JOIN target
WHERE j.id IS NOT NULL AND NOT j.completed AND c.failed_tasks > s.tasks
UNION ALL
SELECT
  concat('deployment ', j.id) AS resource,
  CASE WHEN j.is_over THEN 'fail' ELSE 'pending' END AS status,
  e.message AS reason,
  e.created_at AS at,
  'a service event' AS observed,
  CAST(NULL AS VARCHAR) AS task_id
FROM service_events e
JOIN target ON e.created_at >= target.deployment_created_at
JOIN judged_deployment j ON j.id IS NOT NULL AND NOT j.completed
WHERE strpos(e.message, 'is unable to consistently start tasks successfully') > 0
