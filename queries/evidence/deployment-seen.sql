-- id = "evidence.deployment-seen"
-- title = "The rollout that is judged was seen"
-- level = "block"
-- owner = "shared"
-- requires = ["target"]
-- conclusive = "none"
-- advice = "Start casefile as soon as the release is applied. Compare --expect-task-definition (an ARN, or family:revision) with the task definition that was applied."
-- #
-- # `deployments[].id` (or the task set's) of the judged rollout. Without it there is no telling whose tasks and
-- # whose log lines are judged. A rollout that was rolled back before the first look is known by its
-- # service deployment, and by the tasks and events that name its deployment.

SELECT
  r.resource AS resource,
  CASE
    WHEN t.deployment_id IS NOT NULL THEN 'pass'
    WHEN (NOT r.ended OR t.stop_reason <> 'imported') AND coalesce(CAST(t.window_to AS BIGINT) - CAST(t.window_from AS BIGINT) < 30000, TRUE) THEN 'pending'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN t.deployment_id IS NOT NULL THEN 'seen'
    WHEN t.service_deployment_arn IS NOT NULL THEN 'only its service deployment was seen: its deployment was gone before the first snapshot'
    ELSE 'no rollout of the expected release was seen'
  END AS reason,
  coalesce(t.deployment_created_at, t.window_from) AS at,
  coalesce(t.task_definition, 'none') AS observed,
  coalesce(t.expected_task_definition, 'the newest rollout') AS expected
FROM target t
CROSS JOIN rollout r
