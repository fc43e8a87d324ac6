-- id = "tasks.failed-to-start"
-- title = "No task of the release failed to start (causes that no other check covers)"
-- level = "block"
-- owner = "shared"
-- requires = ["tasks", "containers", "deployments", "service_events"]
-- conclusive = "fail"
-- advice = "Read the reason: \"executable file not found\" or \"no such file\" means that the command of the image or the task definition is wrong. Anything about the agent, the runtime or the host is the platform's."
-- #
-- # `tasks[].stopCode` TaskFailedToStart counts by the code alone, so that an unknown wording
-- # counts too. Failures that tasks.cannot-start-image, tasks.cannot-start-resources, tasks.exited and tasks.out-of-memory
-- # name is left to them. A command that the image does not have is the service's.
-- # Second witnesses, for tasks that were never seen: `deployments[].failedTasks`, which ECS may set back to 0
-- # (so the highest count of any snapshot is taken), and the event "is unable to consistently start tasks
-- # successfully". They say that tasks failed and not why: unknown once the rollout is over, pending before.

WITH stopped_tasks AS (
  SELECT count(*) AS tasks FROM latest_tasks WHERE judged AND is_stopped
),
counted AS (
  SELECT max(d.failed_tasks) AS failed_tasks
  FROM deployments d
  JOIN target ON d.deployment_id = target.deployment_id
)
SELECT
  concat('task ', t.task_id) AS resource,
  CASE
    WHEN e.status IS NULL AND t.judged AND t.started_at IS NULL AND NOT t.is_stopped AND r.completed IS NOT TRUE
      THEN 'pending'
    WHEN e.status IS NULL THEN 'pass'
    ELSE e.status
  END AS status,
  coalesce(e.status_reason, t.state) AS reason,
  coalesce(e.at, t.observed_at) AS at,
  coalesce(nullif(t.stop_code, ''), t.last_status, 'unknown') AS observed,
  e.owner AS owner,
  t.task_id AS task_id,
  e.container AS container
FROM latest_tasks t
LEFT JOIN task_ends e ON t.task_arn = e.task_arn AND e.cause IN ('start', 'command')
CROSS JOIN rollout r
WHERE t.judged
UNION ALL
SELECT
  r.resource AS resource,
  CASE WHEN r.is_over THEN 'unknown' ELSE 'pending' END AS status,
  concat(
    'ECS counted ', CAST(c.failed_tasks AS VARCHAR), ' failed tasks of it, and ', CAST(s.tasks AS VARCHAR),
    ' that stopped were seen'
  ) AS reason,
  target.window_to AS at,
  CAST(c.failed_tasks AS VARCHAR) AS observed,
  CAST(NULL AS VARCHAR) AS owner,
  CAST(NULL AS VARCHAR) AS task_id,
  CAST(NULL AS VARCHAR) AS container
FROM rollout r
CROSS JOIN counted c
CROSS JOIN stopped_tasks s
CROSS JOIN target
WHERE NOT r.completed AND c.failed_tasks > s.tasks
UNION ALL
SELECT
  r.resource AS resource,
  CASE WHEN r.is_over THEN 'unknown' ELSE 'pending' END AS status,
  e.message AS reason,
  e.created_at AS at,
  'a service event' AS observed,
  CAST(NULL AS VARCHAR) AS owner,
  CAST(NULL AS VARCHAR) AS task_id,
  CAST(NULL AS VARCHAR) AS container
FROM service_events e
JOIN rollout r ON NOT r.completed AND e.created_at >= r.evidence_from
CROSS JOIN stopped_tasks s
WHERE s.tasks = 0 AND strpos(e.message, 'is unable to consistently start tasks successfully') > 0
