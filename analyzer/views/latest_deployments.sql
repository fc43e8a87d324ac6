-- The last state of every deployment that was ever seen.
-- + judged: Whether it is the deployment that is judged.
-- + current: Whether the last snapshot still lists it: ECS drops a deployment once another has replaced it.
SELECT
  d.*,
  coalesce(d.deployment_id = target.deployment_id, FALSE) AS judged,
  coalesce(d.snapshot >= newest.snapshot, TRUE) AS current
FROM deployments d
JOIN (SELECT deployment_id, max(snapshot) AS snapshot FROM deployments GROUP BY deployment_id) last
  ON d.deployment_id = last.deployment_id AND d.snapshot = last.snapshot
CROSS JOIN (SELECT max(snapshot) AS snapshot FROM services) newest
CROSS JOIN target
