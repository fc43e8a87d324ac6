-- The last state of every service deployment that was ever seen.
-- + task_definition VARCHAR?: The task definition of its target revision; null where that revision is missing.
-- + judged: Whether it is the rollout that is judged.
-- + current: Whether it was still asked about in the last snapshot of the service.
SELECT
  d.*,
  r.task_definition AS task_definition,
  coalesce(d.service_deployment_arn = target.service_deployment_arn, FALSE) AS judged,
  coalesce(d.snapshot >= newest.snapshot, TRUE) AS current
FROM service_deployments d
JOIN (SELECT service_deployment_arn, max(snapshot) AS snapshot FROM service_deployments GROUP BY service_deployment_arn) last
  ON d.service_deployment_arn = last.service_deployment_arn AND d.snapshot = last.snapshot
LEFT JOIN service_revisions r ON d.target_service_revision_arn = r.service_revision_arn
CROSS JOIN (SELECT max(snapshot) AS snapshot FROM services) newest
CROSS JOIN target
