-- id = "tasks.failed-to-start"
-- title = "No task of the release failed to start for a cause that nothing else names"
-- level = "block"
-- owner = "shared"
-- requires = ["tasks", "containers", "deployments", "service_events"]
-- conclusive = "fail"
-- advice = "Read the reason: \"executable file not found\" or \"no such file\" is the image's command; anything of the agent, the runtime or the host is the platform's."
-- #
-- # `tasks[].stopCode` TaskFailedToStart fails by the code alone, so that a wording that nobody has seen yet
-- # fails too. What tasks.cannot-start-image, tasks.cannot-start-resources and tasks.out-of-memory name is
-- # left to them.
-- # Second witnesses, for tasks that were never seen: `deployments[].failedTasks`, which ECS may set back to 0
-- # (so the highest count of any snapshot is taken), and the event "is unable to consistently start tasks
-- # successfully". They say that tasks failed and not why: unknown once the rollout is over, pending before.

WITH stopped_tasks AS (
  SELECT count(*) AS tasks FROM latest_tasks WHERE judged AND stop_code IS NOT NULL
),
counted AS (
  SELECT max(d.failed_tasks) AS failed_tasks
  FROM deployments d
  JOIN target ON d.deployment_id = target.deployment_id
)
SELECT
  concat('task ', task_id) AS resource,
  CASE WHEN coalesce(start_failure, '') = 'other' THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN start_failure = 'other' THEN concat('it failed to start: ', coalesce(reasons, 'ECS gives no reason'))
    WHEN start_failure IS NOT NULL THEN 'it failed to start, for a cause that another check names'
    ELSE concat('last status ', coalesce(last_status, 'unknown'), coalesce(', stopped: ' || stop_code, ''))
  END AS reason,
  CASE
    WHEN start_failure IS NOT NULL THEN coalesce(stopping_at, stopped_at, execution_stopped_at, observed_at)
    ELSE observed_at
  END AS at,
  coalesce(stop_code, last_status, 'unknown') AS observed,
  task_id
FROM latest_tasks
WHERE judged
UNION ALL
SELECT
  concat(r.kind, ' ', r.deployment_id) AS resource,
  CASE WHEN r.is_over THEN 'unknown' ELSE 'pending' END AS status,
  concat(
    'ECS counted ', CAST(c.failed_tasks AS VARCHAR), ' failed tasks of it, and ', CAST(s.tasks AS VARCHAR),
    ' that stopped were seen'
  ) AS reason,
  target.window_to AS at,
  CAST(c.failed_tasks AS VARCHAR) AS observed,
  CAST(NULL AS VARCHAR) AS task_id
FROM rollout r
CROSS JOIN counted c
CROSS JOIN stopped_tasks s
CROSS JOIN target
WHERE r.deployment_id IS NOT NULL AND NOT r.completed AND c.failed_tasks > s.tasks
UNION ALL
SELECT
  concat(r.kind, ' ', r.deployment_id) AS resource,
  CASE WHEN r.is_over THEN 'unknown' ELSE 'pending' END AS status,
  e.message AS reason,
  e.created_at AS at,
  'a service event' AS observed,
  CAST(NULL AS VARCHAR) AS task_id
FROM service_events e
JOIN target ON e.created_at >= target.deployment_created_at
JOIN rollout r ON r.deployment_id IS NOT NULL AND NOT r.completed
CROSS JOIN stopped_tasks s
WHERE s.tasks = 0 AND strpos(e.message, 'is unable to consistently start tasks successfully') > 0
