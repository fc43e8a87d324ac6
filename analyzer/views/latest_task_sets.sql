-- The last state of every task set that was ever seen.
-- + judged: Whether it is the one that is judged.
-- + current: Whether the last snapshot still lists it.
SELECT
  s.*,
  coalesce(s.task_set_id = target.deployment_id, FALSE) AS judged,
  coalesce(s.snapshot >= newest.snapshot, TRUE) AS current
FROM task_sets s
JOIN (SELECT task_set_id, max(snapshot) AS snapshot FROM task_sets GROUP BY task_set_id) last
  ON s.task_set_id = last.task_set_id AND s.snapshot = last.snapshot
CROSS JOIN (SELECT max(snapshot) AS snapshot FROM services) newest
CROSS JOIN target
