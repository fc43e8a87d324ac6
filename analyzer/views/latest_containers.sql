-- The last state of every container of every task that was ever seen.
-- + snapshots BIGINT: In how many snapshots it was described.
-- + judged: Whether its task belongs to the judged rollout.
-- + task_definition VARCHAR?: Its task's task definition; null where the task's own row is missing.
-- + essential BOOLEAN?: Whether the task stops when it stops (`containerDefinitions[].essential`); of the containers that AWS adds, true for that of Service Connect (public reports of tasks that stop with it) and false for GuardDuty's agent; null where the task definition is missing.
-- + added_by_aws: Whether AWS added it (`aws-guardduty-agent-...`, `ecs-service-connect-...`): the task definition does not name it, or is not known.
SELECT
  c.*,
  last.snapshots AS snapshots,
  coalesce(t.judged, FALSE) AS judged,
  t.task_definition AS task_definition,
  CASE
    WHEN d.container IS NOT NULL THEN d.essential
    WHEN regexp_like(c.container, '^(ecs-service-connect-|~internal)') THEN TRUE
    WHEN known.task_definition IS NOT NULL AND c.container LIKE 'ecs-%' THEN TRUE
    WHEN known.task_definition IS NOT NULL AND c.container LIKE 'aws-%' THEN FALSE
  END AS essential,
  CASE
    WHEN known.task_definition IS NULL THEN regexp_like(c.container, '^(ecs-service-connect-|aws-guardduty-agent-|~internal)')
    ELSE d.container IS NULL AND regexp_like(c.container, '^(aws-|ecs-|~internal)')
  END AS added_by_aws
FROM containers c
JOIN (SELECT task_arn, container, max(snapshot) AS snapshot, count(*) AS snapshots FROM containers GROUP BY task_arn, container) last
  ON c.task_arn = last.task_arn AND c.container = last.container AND c.snapshot = last.snapshot
LEFT JOIN latest_tasks t ON c.task_arn = t.task_arn
LEFT JOIN container_definitions d ON t.task_definition = d.task_definition AND c.container = d.container
LEFT JOIN (SELECT DISTINCT task_definition FROM container_definitions) known ON t.task_definition = known.task_definition
