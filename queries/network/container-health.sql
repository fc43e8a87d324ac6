-- id = "network.container-health"
-- title = "The containers' own health checks pass"
-- level = "block"
-- owner = "service"
-- requires = ["snapshots", "tasks", "containers", "task_definitions", "deployments", "service_events"]
-- conclusive = "fail"
-- advice = "Run the health check's command in the container, or read the program's log at that time; a start period that is too short fails a healthy program."
-- #
-- # `containers[].healthStatus` of the containers whose definition has a `healthCheck`. UNKNOWN while the task
-- # runs means that the check has not come to an end yet: pending. Only essential containers make their task
-- # unhealthy (essential where that is not known), and that of Service Connect, which is the platform's. While the
-- # rollout is in progress ECS replaces a task that is UNHEALTHY: pending. View task_ends decides whether that healed.
-- # A task that the last snapshot does not describe may have been replaced: unknown.

SELECT
  concat('container ', c.container, ' of task ', c.task_id) AS resource,
  CASE
    WHEN c.health_status = 'UNHEALTHY' AND c.essential = FALSE THEN 'skip'
    WHEN c.health_status = 'UNHEALTHY' AND e.standing = 'healed' THEN 'pass'
    WHEN c.health_status = 'UNHEALTHY' AND e.standing = 'open' THEN 'pending'
    WHEN c.health_status = 'UNHEALTHY' AND e.standing = 'unknown' THEN 'unknown'
    WHEN c.health_status = 'UNHEALTHY' AND t.is_stopped AND e.standing IS NOT NULL THEN 'skip'
    WHEN c.health_status = 'UNHEALTHY' AND NOT t.is_stopped AND r.in_progress AND NOT r.ended THEN 'pending'
    WHEN c.health_status = 'UNHEALTHY' AND NOT t.is_stopped AND c.snapshot < newest.snapshot THEN 'unknown'
    WHEN c.health_status = 'UNHEALTHY' THEN 'fail'
    WHEN c.health_status = 'HEALTHY' THEN 'pass'
    WHEN t.stop_code IS NOT NULL OR t.last_status = 'STOPPED' THEN 'skip'
    WHEN c.essential = FALSE THEN 'skip'
    ELSE 'pending'
  END AS status,
  CASE
    WHEN c.health_status = 'UNHEALTHY' AND c.essential = FALSE THEN 'UNHEALTHY, but it is not essential'
    WHEN c.health_status = 'UNHEALTHY' AND e.standing = 'healed' THEN concat('healed: UNHEALTHY, and ', e.reason)
    WHEN c.health_status = 'UNHEALTHY' AND t.is_stopped AND e.standing IS NOT NULL
      THEN 'its task was stopped for it, which tasks.health-checks-failed tells'
    WHEN c.health_status = 'UNHEALTHY' AND t.is_stopped THEN concat('container ', c.container, ' was UNHEALTHY when its task stopped')
    WHEN c.health_status = 'UNHEALTHY' AND c.snapshot < newest.snapshot
      THEN concat('container ', c.container, ' was UNHEALTHY when its task was last described, which is before the last snapshot')
    WHEN c.health_status = 'UNHEALTHY' THEN concat('container ', c.container, ' is UNHEALTHY')
    WHEN c.health_status = 'HEALTHY' THEN 'HEALTHY'
    WHEN t.stop_code IS NOT NULL OR t.last_status = 'STOPPED'
      THEN concat('its task stopped before its health was known: ', coalesce(t.stop_code, t.last_status))
    ELSE concat('its health is ', coalesce(c.health_status, 'not known'), ' at the end of the observation')
  END AS reason,
  c.observed_at AS at,
  coalesce(c.health_status, 'unknown') AS observed,
  'HEALTHY' AS expected,
  CASE WHEN c.added_by_aws THEN 'platform' END AS owner,
  c.task_id AS task_id,
  c.container AS container,
  CASE
    WHEN c.added_by_aws THEN 'AWS added this container: look at the Service Connect configuration and its log, and ask AWS Support.'
  END AS advice
FROM latest_containers c
JOIN latest_tasks t ON c.task_arn = t.task_arn
CROSS JOIN rollout r
CROSS JOIN (SELECT max(snapshot) AS snapshot FROM snapshots) newest
LEFT JOIN task_ends e ON c.task_arn = e.task_arn AND e.cause = 'health'
LEFT JOIN container_definitions d ON c.task_definition = d.task_definition AND c.container = d.container
WHERE c.judged AND (d.health_check OR c.health_status IN ('UNHEALTHY', 'HEALTHY'))
UNION ALL
-- ECS calls a task UNHEALTHY for one of its containers.
SELECT
  concat('task ', t.task_id) AS resource,
  'unknown' AS status,
  'the task is UNHEALTHY, and none of its containers is, as far as they are known' AS reason,
  t.observed_at AS at,
  'UNHEALTHY' AS observed,
  'HEALTHY' AS expected,
  CAST(NULL AS VARCHAR) AS owner,
  t.task_id AS task_id,
  CAST(NULL AS VARCHAR) AS container,
  CAST(NULL AS VARCHAR) AS advice
FROM latest_tasks t
LEFT JOIN (SELECT DISTINCT task_arn FROM latest_containers WHERE health_status = 'UNHEALTHY') c ON t.task_arn = c.task_arn
WHERE t.judged AND NOT t.is_stopped AND t.health_status = 'UNHEALTHY' AND c.task_arn IS NULL
