-- The last state of every task that was ever seen, stopped ones too.
-- + judged: Whether it belongs to the deployment that is judged: `started_by` is that deployment, or, where the deployment was never seen, the task definition is the judged one.
SELECT
  t.*,
  CASE
    WHEN target.deployment_id IS NOT NULL THEN coalesce(t.started_by = target.deployment_id, FALSE)
    ELSE coalesce(t.task_definition = target.task_definition, FALSE)
  END AS judged
FROM tasks t
JOIN (SELECT task_arn, max(snapshot) AS snapshot FROM tasks GROUP BY task_arn) last
  ON t.task_arn = last.task_arn AND t.snapshot = last.snapshot
CROSS JOIN target
