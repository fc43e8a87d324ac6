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
-- Each task that has not stopped, with each of its targets, or with none.
alive AS (
  SELECT
    t.task_arn, t.task_id, t.judged, t.last_status, t.observed_at, b.bindings,
    h.target_id, h.port, h.state, h.reason, h.description, h.target_group_arn, h.observed_at AS target_observed_at,
    count(h.target_id) OVER (PARTITION BY t.task_arn) > 0 AS is_known,
    bool_and(coalesce(h.state IN ('healthy', 'unused'), FALSE)) OVER (PARTITION BY t.task_arn)
      AND bool_or(coalesce(h.state = 'healthy', FALSE)) OVER (PARTITION BY t.task_arn) AS is_healthy,
    bool_and(coalesce(h.state = 'unused', FALSE)) OVER (PARTITION BY t.task_arn) AS is_unused
  FROM latest_tasks t
  LEFT JOIN (
    SELECT task_arn, string_agg(raw, ' ' ORDER BY container) AS bindings FROM latest_containers GROUP BY task_arn
  ) b ON t.task_arn = b.task_arn
  LEFT JOIN last_health h
    ON strpos(t.raw, concat('"', h.target_id, '"')) > 0
    OR h.target_id LIKE 'i-%' AND regexp_like(b.bindings, concat('"hostPort":', CAST(h.port AS VARCHAR), '[,}]'))
  WHERE NOT t.is_stopped
),
-- A port of an instance may be that of a task of another rollout on another instance.
targets AS (
  SELECT
    target_id, port, state, reason, description, target_group_arn, target_observed_at AS observed_at,
    bool_and(judged) AS is_own,
    bool_or(judged AND is_unused) AS gets_no_traffic,
    string_agg(DISTINCT task_id, ' ' ORDER BY task_id) AS task_ids
  FROM alive
  WHERE target_id IS NOT NULL
  GROUP BY target_id, port, state, reason, description, target_group_arn, target_observed_at
  HAVING bool_or(judged)
),
told AS (
  SELECT
    message,
    regexp_match(message, '\(task ([0-9a-f-]+)\)')[1] AS task_id,
    CASE WHEN strpos(message, '(instance ') > 0 AND strpos(message, '(task ') = 0 THEN regexp_match(message, '\(port ([0-9]+)\)')[1] END AS port,
    regexp_match(message, 'is (?:unhealthy|not healthy) in (.*)$')[1] AS complaint,
    created_at
  FROM service_events e
  WHERE regexp_like(message, 'is (unhealthy|not healthy) in ')
),
-- Each task of the rollout, with each complaint about it, or with none.
complaints AS (
  SELECT
    a.task_id, a.last_status, a.observed_at, a.is_known, e.complaint, e.created_at,
    e.message IS NOT NULL AS is_told,
    a.is_known AND a.is_healthy OR NOT a.is_known AND coalesce(r.completed_at >= e.created_at, FALSE) AS is_healed,
    r.completed OR r.is_over AS is_settled, r.ended
  FROM (SELECT DISTINCT task_arn, task_id, last_status, observed_at, bindings, is_known, is_healthy FROM alive WHERE judged) a
  LEFT JOIN told e
    ON e.task_id = a.task_id
    OR e.port IS NOT NULL AND regexp_like(a.bindings, concat('"hostPort":', e.port, '[,}]'))
  CROSS JOIN rollout r
  CROSS JOIN (SELECT max(load_balancers) AS load_balancers FROM latest_services) s
  WHERE e.message IS NOT NULL OR NOT a.is_known AND s.load_balancers > 0
)
SELECT
  concat('task ', task_id) AS resource,
  CASE
    WHEN NOT is_told THEN CASE WHEN ended AND last_status = 'RUNNING' THEN 'unknown' ELSE 'pending' END
    WHEN is_healed THEN 'pass'
    WHEN is_known THEN 'skip'
    WHEN is_settled AND ended THEN 'fail'
    ELSE 'pending'
  END AS status,
  CASE
    WHEN NOT is_told THEN 'it is registered in no target group that was asked about'
    ELSE concat(CASE WHEN is_healed THEN 'healed: ' ELSE '' END, 'unhealthy in ', coalesce(complaint, 'a target group'))
  END AS reason,
  CASE WHEN is_told THEN created_at ELSE observed_at END AS at,
  CASE WHEN is_told THEN 'a service event' ELSE coalesce(last_status, 'unknown') END AS observed,
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
