-- id = "tasks.crash-loop"
-- title = "No crash loop, and no task died after completion"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "containers", "deployments", "service_events"]
-- conclusive = "fail"
-- advice = "The service looks stable between two deaths: do not trust its counts. tasks.exited, tasks.out-of-memory and tasks.health-checks-failed name each task that died, with its last log lines: look for one exception that all of them share."
-- #
-- # Counts the ends of view task_ends that are the tasks' own fault: exit, memory, health check, restart in place
-- # (`restartPolicy`: another `runtimeId`). `deployments[].failedTasks` is no measure: ECS sets it back to 0, and crashes
-- # after RUNNING evade the circuit breaker. Before completion `[rollout] tolerated_deaths` are no failure (default: one,
-- # or a tenth of the desired count, whichever is more); after it, none is tolerated.

WITH deaths AS (
  SELECT
    count(*) AS died,
    count(CASE WHEN phase = 'after' AND standing <> 'healed' THEN 1 END) AS died_after,
    count(CASE WHEN cause = 'restart' THEN 1 END) AS restarts,
    max(at) AS last_at,
    string_agg(task_id, ' ' ORDER BY at, task_id) AS task_ids
  FROM task_ends
  WHERE own_fault AND NOT one_off
),
seen AS (
  SELECT count(*) AS tasks FROM latest_tasks WHERE judged
),
-- ECS reports a steady state after it healed. The event is about the judged rollout only while that one runs.
replaced AS (
  SELECT count(*) AS events, max(e.created_at) AS last_at
  FROM service_events e
  JOIN rollout r ON r.is_primary AND e.created_at > r.completed_at AND e.created_at >= r.evidence_from
  WHERE strpos(e.message, 'due to an unhealthy status') > 0
)
SELECT
  r.resource AS resource,
  CASE
    WHEN coalesce(d.died > r.tolerated_deaths, FALSE) OR d.died_after > 0 OR replaced.events > 0 THEN 'fail'
    WHEN r.tolerated_deaths IS NULL AND d.died > 1 THEN 'unknown'
    ELSE 'pass'
  END AS status,
  concat(
    CASE WHEN d.died = 0 AND replaced.events > 0 THEN 'ECS replaced unhealthy tasks after the rollout completed, ' ELSE '' END,
    CAST(d.died - d.restarts AS VARCHAR), ' of ', CAST(seen.tasks AS VARCHAR), ' tasks died',
    CASE WHEN d.restarts > 0 THEN concat(', ', CAST(d.restarts AS VARCHAR), ' restarts in place') ELSE '' END,
    CASE WHEN d.died_after > 0 THEN concat(' (', CAST(d.died_after AS VARCHAR), ' after completion)') ELSE '' END
  ) AS reason,
  coalesce(d.last_at, replaced.last_at, target.window_to) AS at,
  CAST(d.died AS VARCHAR) AS observed,
  concat('at most ', coalesce(CAST(r.tolerated_deaths AS VARCHAR), 'one or a tenth of the desired count'), ', and none after completion') AS expected,
  d.task_ids AS task_ids,
  r.completed_at AS completed_at
FROM deaths d
CROSS JOIN seen
CROSS JOIN replaced
CROSS JOIN rollout r
CROSS JOIN target
WHERE seen.tasks > 0
