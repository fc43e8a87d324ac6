-- The last state of every service deployment that was ever seen.
-- + task_definition VARCHAR?: The task definition of its target revision; null where that revision is missing.
-- + judged: Whether it is the rollout that is judged: of those to the judged task definition, the one created closest to the judged deployment.
SELECT
  s.*,
  coalesce(
    s.task_definition = s.judged_task_definition
      AND rank() OVER (PARTITION BY s.task_definition ORDER BY s.distance) = 1,
    FALSE
  ) AS judged
FROM (
  SELECT
    d.*,
    r.task_definition AS task_definition,
    target.task_definition AS judged_task_definition,
    abs(CAST(d.created_at AS BIGINT) - CAST(target.deployment_created_at AS BIGINT)) AS distance
  FROM service_deployments d
  JOIN (SELECT service_deployment_arn, max(snapshot) AS snapshot FROM service_deployments GROUP BY service_deployment_arn) last
    ON d.service_deployment_arn = last.service_deployment_arn AND d.snapshot = last.snapshot
  LEFT JOIN service_revisions r ON d.target_service_revision_arn = r.service_revision_arn
  CROSS JOIN target
) s
