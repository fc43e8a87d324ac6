-- id = "tasks.stopped"
-- title = "Every task of the release that stopped did so for a cause that is known"
-- level = "block"
-- owner = "shared"
-- requires = ["tasks"]
-- conclusive = "fail"
-- advice = "ECS gives a stop code or a reason that this version does not know: read it, decide whether it is a failure, and report it so that the checks learn it."
-- #
-- # `tasks[].stopCode`. The other tasks.* checks know what TaskFailedToStart, EssentialContainerExited,
-- # UserInitiated, SpotInterruption, TerminationNotice and InfrastructureHealth mean. What is left is caught here: a code that nobody
-- # has seen yet, or none at all, fails; a task that the scheduler stopped (ServiceSchedulerInitiated) of the
-- # deployment that is still PRIMARY, with a reason that is neither a scale-in, a rebalancing nor a
-- # health check, cannot be told: unknown.
-- # Once another deployment is PRIMARY, the scheduler's stops are the consequence, and no failure of their own.

WITH judged_tasks AS (
  SELECT
    t.*,
    coalesce(t.stop_code IS NOT NULL OR t.last_status IN ('DEPROVISIONING', 'STOPPED', 'DELETED'), FALSE) AS is_stopped,
    coalesce(t.stopped_reason, '') AS text,
    r.is_primary
  FROM latest_tasks t
  CROSS JOIN rollout r
  WHERE t.judged
),
classified AS (
  SELECT
    j.*,
    CASE
      WHEN NOT is_stopped THEN 'runs'
      WHEN stop_code IN (
        'TaskFailedToStart', 'EssentialContainerExited', 'UserInitiated', 'SpotInterruption', 'TerminationNotice',
        'InfrastructureHealth'
      ) THEN 'told'
      WHEN regexp_like(text, '[Ff]ailed .*health checks?') THEN 'told'
      WHEN stop_code IS NULL AND text LIKE 'Host EC2 (instance%' THEN 'told'
      WHEN stop_code = 'ServiceSchedulerInitiated' AND health_status = 'UNHEALTHY' THEN 'told'
      WHEN stop_code = 'ServiceSchedulerInitiated'
        AND (NOT is_primary OR strpos(text, 'Scaling activity initiated by') > 0 OR regexp_like(text, '[Rr]ebalanc'))
        THEN 'scheduled'
      WHEN stop_code = 'ServiceSchedulerInitiated' THEN 'unexplained'
      ELSE 'unheard'
    END AS cause
  FROM judged_tasks j
)
SELECT
  concat('task ', task_id) AS resource,
  CASE cause
    WHEN 'unexplained' THEN 'unknown'
    WHEN 'unheard' THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE cause
    WHEN 'runs' THEN concat('last status ', coalesce(last_status, 'unknown'))
    WHEN 'told' THEN concat('stopped, and told of by another check: ', coalesce(stop_code, text))
    WHEN 'scheduled' THEN concat('the scheduler stopped it: ', coalesce(nullif(text, ''), 'ECS gives no reason'))
    WHEN 'unexplained'
      THEN concat('the scheduler stopped it for a reason that is not known: ', coalesce(nullif(text, ''), '(none)'))
    ELSE concat('stop code ', coalesce(stop_code, '(none)'), ': ', coalesce(nullif(text, ''), 'ECS gives no reason'))
  END AS reason,
  CASE
    WHEN is_stopped THEN coalesce(stopping_at, execution_stopped_at, stopped_at, observed_at)
    ELSE observed_at
  END AS at,
  coalesce(stop_code, last_status, 'unknown') AS observed,
  task_id
FROM classified
