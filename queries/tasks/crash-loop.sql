-- id = "tasks.crash-loop"
-- title = "Tasks of the release do not die again and again, nor after it completed"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "service_events"]
-- conclusive = "fail"
-- advice = "The service looks stable between two deaths: do not trust its counts. Read the last log lines of the tasks that died; see tasks.exited, tasks.out-of-memory and tasks.health-checks-failed for each of them."
-- #
-- # Deaths are counted by `tasks[].stopCode` (EssentialContainerExited, or stopped for a health check), of tasks
-- # that `startedBy` gives to the deployment. `deployments[].failedTasks` is no measure: ECS sets it back to 0,
-- # and crashes after RUNNING evade the circuit breaker.
-- # Where tasks.exited fails, this says how often and when; and it still blocks where a service's config
-- # allows a single exit at the start (tasks.exited as "advise").
-- # When the rollout completed: its event, or the first snapshot that says COMPLETED, whichever is earlier.

WITH deaths AS (
  SELECT
    t.task_id,
    coalesce(t.execution_stopped_at, t.stopping_at, t.stopped_at, t.observed_at) AS at,
    coalesce(coalesce(t.execution_stopped_at, t.stopping_at, t.stopped_at, t.observed_at) > r.completed_at, FALSE) AS is_late,
    coalesce(
      t.stop_code = 'EssentialContainerExited'
        OR (t.stop_code IS DISTINCT FROM 'TaskFailedToStart')
          AND regexp_like(coalesce(t.stopped_reason, ''), '[Ff]ailed .*health checks?'),
      FALSE
    ) AS is_death
  FROM latest_tasks t
  CROSS JOIN rollout r
  WHERE t.judged
),
counted AS (
  SELECT
    count(*) AS tasks,
    count(CASE WHEN is_death THEN 1 END) AS died,
    count(CASE WHEN is_death AND is_late THEN 1 END) AS died_late,
    max(CASE WHEN is_death THEN at END) AS last_at,
    string_agg(CASE WHEN is_death THEN task_id END, ' ' ORDER BY at, task_id) AS task_ids
  FROM deaths
),
-- ECS heals by itself, and says so; only while the judged deployment is the one that runs is it about its tasks.
replaced AS (
  SELECT count(*) AS events, max(e.created_at) AS last_at
  FROM service_events e
  JOIN rollout r ON r.is_primary AND e.created_at > r.completed_at
  WHERE strpos(e.message, 'due to an unhealthy status') > 0
)
SELECT
  coalesce('deployment ' || target.deployment_id, 'task definition ' || target.task_definition, 'the release')
    AS resource,
  CASE
    WHEN counted.died >= 2 OR counted.died_late >= 1 OR replaced.events >= 1 THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN counted.died_late >= 1
      THEN concat(
        CAST(counted.died_late AS VARCHAR), ' of ', CAST(counted.tasks AS VARCHAR), ' tasks died after the rollout completed'
      )
    WHEN counted.died >= 2
      THEN concat(CAST(counted.died AS VARCHAR), ' of ', CAST(counted.tasks AS VARCHAR), ' tasks died')
    WHEN replaced.events >= 1 THEN 'ECS replaced unhealthy tasks after the rollout completed'
    ELSE concat(CAST(counted.died AS VARCHAR), ' of ', CAST(counted.tasks AS VARCHAR), ' tasks died')
  END AS reason,
  coalesce(counted.last_at, replaced.last_at, target.window_to) AS at,
  CAST(counted.died AS VARCHAR) AS observed,
  'at most 1, and none once it completed' AS expected,
  counted.task_ids AS task_ids,
  r.completed_at AS completed_at
FROM counted
CROSS JOIN replaced
CROSS JOIN rollout r
CROSS JOIN target
WHERE counted.tasks > 0
