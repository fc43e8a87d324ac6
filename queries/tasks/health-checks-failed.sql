-- id = "tasks.health-checks-failed"
-- title = "No task of the release was stopped because a health check failed"
-- level = "block"
-- owner = "service"
-- requires = ["tasks"]
-- conclusive = "fail"
-- advice = "Does the health path answer in time once the program is up? Compare the check's path, port, codes and time-out with the program, and the service's health check grace period with how long it takes to start; see its log lines before the stop."
-- #
-- # The scheduler stops such a task with the stop code that it also has for a scale-in or a drain
-- # (ServiceSchedulerInitiated): `tasks[].stoppedReason` tells them apart, or `healthStatus` UNHEALTHY. The
-- # event "(task ...) failed container health checks" is a second witness.

WITH health_events AS (
  SELECT regexp_match(message, '\(task ([0-9a-f-]+)\) failed container health checks')[1] AS task_id, max(created_at) AS at
  FROM service_events
  WHERE strpos(message, 'failed container health checks') > 0
  GROUP BY regexp_match(message, '\(task ([0-9a-f-]+)\) failed container health checks')[1]
),
judged_tasks AS (
  SELECT
    t.*,
    e.at AS event_at,
    coalesce(t.stop_code NOT IN ('EssentialContainerExited', 'TaskFailedToStart'), t.last_status = 'STOPPED', FALSE)
      AND (
        regexp_like(coalesce(t.stopped_reason, ''), '[Ff]ailed .*health checks?')
        OR coalesce(t.health_status = 'UNHEALTHY', FALSE)
        OR e.at IS NOT NULL
      ) AS is_unhealthy
  FROM latest_tasks t
  LEFT JOIN health_events e ON t.task_id = e.task_id
  WHERE t.judged
)
SELECT
  concat('task ', task_id) AS resource,
  CASE WHEN is_unhealthy IS TRUE THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN is_unhealthy AND regexp_like(coalesce(stopped_reason, ''), '[Ff]ailed .*health checks?') THEN stopped_reason
    WHEN is_unhealthy AND health_status = 'UNHEALTHY'
      THEN concat('stopped while its health status was UNHEALTHY', coalesce(': ' || nullif(stopped_reason, ''), ''))
    WHEN is_unhealthy THEN 'a service event says that it failed container health checks'
    ELSE concat('last status ', coalesce(last_status, 'unknown'), coalesce(', stopped: ' || stop_code, ''))
  END AS reason,
  CASE
    WHEN is_unhealthy THEN coalesce(stopping_at, event_at, stopped_at, execution_stopped_at, observed_at)
    ELSE observed_at
  END AS at,
  coalesce(health_status, 'unknown') AS observed,
  'HEALTHY' AS expected,
  task_id,
  stop_code
FROM judged_tasks
