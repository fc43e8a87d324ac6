-- id = "network.unhealthy-targets"
-- title = "The load balancer reports the tasks of the release as healthy"
-- level = "block"
-- owner = "shared"
-- requires = ["tasks", "containers", "deployments", "service_events", "target_health"]
-- conclusive = "fail"
-- advice = "The reason names what the load balancer saw. A status code: the program answers, look at its health path and its log. A time-out: the port, the security groups, or a program that is not up yet (grace period)."
-- #
-- # `TargetHealth.State` at the end decides. A target belongs to a task by its address (awsvpc) or by its port, which is one
-- # of the task's `networkBindings[].hostPort` (bridge, host). The service events "(task ...) (port ...) is unhealthy in
-- # (target-group ...)" and "... is not healthy in target-group ... due to TARGET GROUP IS NOT FOUND" report a task whose
-- # targets are not known: it healed where the rollout completed later, and stands where it did not. tasks.health-checks-failed reports
-- # tasks that stopped. A task whose targets are all `unused` gets no traffic (its target
-- # group has no load balancer, or its zone is not enabled there): unknown. Without an answer about the targets, no event is no pass: unknown.
-- # The texts are those of AWS documentation, "Amazon ECS service unhealthy event messages".

WITH last_health AS (
  SELECT h.target_id, h.port, h.state, h.reason, h.description, h.target_group_arn, h.observed_at
  FROM target_health h
  JOIN (SELECT max(snapshot) AS snapshot FROM target_health) last ON h.snapshot = last.snapshot
),
alive AS (
  SELECT t.task_arn, t.task_id, t.judged, t.last_status, t.observed_at, t.raw, b.bindings
  FROM latest_tasks t
  LEFT JOIN (
    SELECT task_arn, string_agg(raw, ' ' ORDER BY container) AS bindings FROM latest_containers GROUP BY task_arn
  ) b ON t.task_arn = b.task_arn
  WHERE NOT t.is_stopped
),
matched AS (
  SELECT a.task_arn, a.task_id, a.judged, h.target_id, h.port, h.state, h.reason, h.description, h.target_group_arn, h.observed_at
  FROM alive a
  JOIN last_health h
    ON strpos(a.raw, concat('"', h.target_id, '"')) > 0
    OR h.target_id LIKE 'i-%' AND regexp_like(a.bindings, concat('"hostPort":', CAST(h.port AS VARCHAR), '[,}]'))
),
health AS (
  SELECT
    task_arn,
    bool_and(coalesce(state IN ('healthy', 'unused'), FALSE)) AND bool_or(coalesce(state = 'healthy', FALSE)) AS is_healthy,
    bool_and(coalesce(state = 'unused', FALSE)) AS is_unused
  FROM matched
  WHERE judged
  GROUP BY task_arn
),
-- A port of an instance may be that of a task of another rollout on another instance.
targets AS (
  SELECT
    m.target_id, m.port, m.state, m.reason, m.description, m.target_group_arn, m.observed_at,
    bool_and(m.judged) AS is_own,
    coalesce(bool_or(h.is_unused), FALSE) AS gets_no_traffic,
    string_agg(DISTINCT m.task_id, ' ' ORDER BY m.task_id) AS task_ids
  FROM matched m
  LEFT JOIN health h ON m.task_arn = h.task_arn
  GROUP BY m.target_id, m.port, m.state, m.reason, m.description, m.target_group_arn, m.observed_at
  HAVING bool_or(m.judged)
),
told AS (
  SELECT
    regexp_match(message, '\(task ([0-9a-f-]+)\)')[1] AS task_id,
    CASE WHEN strpos(message, '(instance ') > 0 AND strpos(message, '(task ') = 0 THEN regexp_match(message, '\(port ([0-9]+)\)')[1] END AS port,
    regexp_match(message, 'is (?:unhealthy|not healthy) in (.*)$')[1] AS complaint,
    created_at
  FROM service_events e
  WHERE regexp_like(message, 'is (unhealthy|not healthy) in ')
),
complaints AS (
  SELECT
    a.task_arn, a.task_id, e.complaint, e.created_at,
    h.task_arn IS NOT NULL AS is_known,
    coalesce(h.is_healthy, FALSE) OR h.task_arn IS NULL AND coalesce(r.completed_at >= e.created_at, FALSE) AS is_healed,
    r.completed OR r.is_over AS is_settled, r.ended
  FROM told e
  JOIN alive a
    ON e.task_id = a.task_id
    OR e.port IS NOT NULL AND regexp_like(a.bindings, concat('"hostPort":', e.port, '[,}]'))
  LEFT JOIN health h ON a.task_arn = h.task_arn
  CROSS JOIN rollout r
  WHERE a.judged
)
SELECT
  concat('task ', task_id) AS resource,
  CASE
    WHEN is_healed THEN 'pass'
    WHEN is_known THEN 'skip'
    WHEN is_settled AND ended THEN 'fail'
    ELSE 'pending'
  END AS status,
  concat(CASE WHEN is_healed THEN 'healed: ' ELSE '' END, 'unhealthy in ', coalesce(complaint, 'a target group')) AS reason,
  created_at AS at,
  'a service event' AS observed,
  task_id,
  CAST(NULL AS VARCHAR) AS advice
FROM complaints
UNION ALL
SELECT
  concat('target ', t.target_id, coalesce(':' || CAST(t.port AS VARCHAR), ''), ' of task ', t.task_ids) AS resource,
  CASE
    WHEN t.state = 'healthy' THEN 'pass'
    WHEN t.state = 'unused' AND t.gets_no_traffic THEN CASE WHEN r.ended AND r.completed THEN 'unknown' ELSE 'pending' END
    WHEN t.state IN ('unused', 'draining') THEN 'skip'
    WHEN t.state = 'initial' THEN 'pending'
    WHEN t.state = 'unhealthy' AND NOT (r.ended AND (r.completed OR r.is_over)) THEN 'pending'
    WHEN t.state = 'unhealthy' AND t.is_own THEN 'fail'
    ELSE 'unknown'
  END AS status,
  concat(
    CASE WHEN t.state = 'unused' AND t.gets_no_traffic THEN 'its task gets no traffic: ' ELSE '' END,
    'the load balancer says ', coalesce(t.state, 'nothing'),
    coalesce(' (' || nullif(concat_ws(': ', t.reason, t.description), '') || ')', '')
  ) AS reason,
  t.observed_at AS at,
  coalesce(t.state, 'unknown') AS observed,
  t.task_ids AS task_id,
  CASE
    WHEN t.state = 'unused' THEN 'Let a listener rule forward to the target group, and enable the task''s zone at the load balancer.'
  END AS advice
FROM targets t
CROSS JOIN rollout r
UNION ALL
SELECT
  concat('task ', a.task_id) AS resource,
  CASE WHEN r.ended AND a.last_status = 'RUNNING' THEN 'unknown' ELSE 'pending' END AS status,
  'it is registered in no target group that was asked about' AS reason,
  a.observed_at AS at,
  coalesce(a.last_status, 'unknown') AS observed,
  a.task_id AS task_id,
  CAST(NULL AS VARCHAR) AS advice
FROM alive a
CROSS JOIN rollout r
CROSS JOIN (SELECT max(load_balancers) AS load_balancers FROM latest_services) s
LEFT JOIN (SELECT DISTINCT task_arn FROM matched) m ON a.task_arn = m.task_arn
LEFT JOIN (SELECT DISTINCT task_arn FROM complaints) c ON a.task_arn = c.task_arn
WHERE a.judged AND m.task_arn IS NULL AND c.task_arn IS NULL AND s.load_balancers > 0
