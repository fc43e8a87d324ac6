-- id = "network.unhealthy-targets"
-- title = "The load balancer finds the tasks of the release healthy"
-- level = "block"
-- owner = "shared"
-- requires = ["tasks", "service_events"]
-- conclusive = "fail"
-- advice = "The reason names what the load balancer saw. A status code: the program answers, look at its health path and its log. A time-out: the port, the security groups, or a program that is not up yet (grace period)."
-- #
-- # `TargetHealth.State` decides where it may be read (a target belongs to a task where its address is one of
-- # the task's attachments). Else only the service event "(task ...) (port ...) is unhealthy in (target-group
-- # ...)" tells: for a task that is RUNNING it is healed once the rollout completed later than the event, or the
-- # load balancer says healthy at the end; a task that stopped before it was healed fails; in a rollout that is
-- # in progress it may still heal.

WITH last_health AS (
  SELECT h.target_id, h.port, h.state, h.reason, h.description, h.target_group_arn, h.observed_at
  FROM target_health h
  JOIN (SELECT max(snapshot) AS snapshot FROM target_health) last ON h.snapshot = last.snapshot
),
health AS (
  SELECT t.task_arn, h.target_id, h.port, h.state, h.reason, h.description, h.target_group_arn, h.observed_at
  FROM latest_tasks t
  JOIN last_health h ON strpos(t.raw, concat('"', h.target_id, '"')) > 0
  WHERE t.judged AND t.stop_code IS NULL
),
healthy AS (
  SELECT
    task_arn,
    bool_and(coalesce(state = 'healthy', FALSE)) AS is_healthy
  FROM health
  GROUP BY task_arn
),
told AS (
  SELECT
    regexp_match(message, '\(task ([0-9a-f-]+)\)')[1] AS task_id,
    regexp_match(message, 'is unhealthy in (.*)$')[1] AS complaint,
    created_at
  FROM service_events
  WHERE strpos(message, 'is unhealthy in ') > 0
),
complaints AS (
  SELECT
    t.task_arn, t.task_id, t.last_status, t.stop_code, e.complaint, e.created_at,
    coalesce(r.completed_at >= e.created_at, FALSE) OR coalesce(h.is_healthy, FALSE) AS is_healed,
    t.stop_code IS NULL AND coalesce(t.last_status <> 'STOPPED', TRUE) AS is_alive,
    NOT (r.completed OR r.is_over) AS may_heal
  FROM told e
  JOIN latest_tasks t ON e.task_id = t.task_id
  LEFT JOIN healthy h ON t.task_arn = h.task_arn
  CROSS JOIN rollout r
  WHERE t.judged
)
SELECT
  concat('task ', task_id) AS resource,
  CASE
    WHEN is_alive AND is_healed THEN 'pass'
    WHEN is_alive AND may_heal THEN 'pending'
    ELSE 'fail'
  END AS status,
  concat(
    CASE
      WHEN is_alive AND is_healed THEN 'it was, and is healthy now: '
      WHEN is_alive THEN ''
      ELSE concat('it stopped (', coalesce(stop_code, 'no stop code'), '): ')
    END,
    'unhealthy in ', coalesce(complaint, 'a target group')
  ) AS reason,
  created_at AS at,
  'a service event' AS observed,
  task_id
FROM complaints
UNION ALL
SELECT
  concat('task ', t.task_id, ' target ', h.target_id, coalesce(':' || CAST(h.port AS VARCHAR), '')) AS resource,
  CASE
    WHEN h.state = 'healthy' THEN 'pass'
    WHEN h.state = 'initial' THEN 'pending'
    WHEN h.state IN ('unused', 'draining') THEN 'skip'
    WHEN h.state = 'unhealthy' AND NOT (r.completed OR r.is_over) THEN 'pending'
    WHEN h.state = 'unhealthy' THEN 'fail'
    ELSE 'unknown'
  END AS status,
  concat(
    'the load balancer says ', coalesce(h.state, 'nothing'),
    coalesce(' (' || nullif(concat_ws(': ', h.reason, h.description), '') || ')', '')
  ) AS reason,
  h.observed_at AS at,
  coalesce(h.state, 'unknown') AS observed,
  t.task_id AS task_id
FROM health h
JOIN latest_tasks t ON h.task_arn = t.task_arn
CROSS JOIN rollout r
UNION ALL
SELECT
  concat('task ', t.task_id) AS resource,
  'pass' AS status,
  'no event tells that it is unhealthy' AS reason,
  t.observed_at AS at,
  coalesce(t.last_status, 'unknown') AS observed,
  t.task_id AS task_id
FROM latest_tasks t
LEFT JOIN (SELECT DISTINCT task_arn FROM complaints) c ON t.task_arn = c.task_arn
CROSS JOIN (SELECT max(load_balancers) AS load_balancers FROM latest_services) s
WHERE t.judged AND c.task_arn IS NULL AND s.load_balancers > 0
