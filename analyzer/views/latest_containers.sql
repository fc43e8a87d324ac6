-- The last state of every container of every task that was ever seen.
-- + judged: Whether its task belongs to the deployment that is judged.
-- + task_definition VARCHAR?: Its task's task definition; null where the task's own row is missing.
-- + essential BOOLEAN?: Whether the task stops when it stops (`containerDefinitions[].essential`); null where the task definition is missing.
SELECT
  c.*,
  coalesce(t.judged, FALSE) AS judged,
  t.task_definition AS task_definition,
  d.essential AS essential
FROM containers c
JOIN (SELECT task_arn, container, max(snapshot) AS snapshot FROM containers GROUP BY task_arn, container) last
  ON c.task_arn = last.task_arn AND c.container = last.container AND c.snapshot = last.snapshot
LEFT JOIN latest_tasks t ON c.task_arn = t.task_arn
LEFT JOIN container_definitions d ON t.task_definition = d.task_definition AND c.container = d.container
