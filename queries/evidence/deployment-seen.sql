-- id = "evidence.deployment-seen"
-- title = "The deployment that is judged was seen"
-- level = "block"
-- owner = "shared"
-- requires = ["target"]
-- conclusive = "none"
-- advice = "Start casefile as soon as the release is applied, and compare --expect-task-definition with what was applied: an ARN, family:revision, or a family."
-- #
-- # `deployments[].id` (or the task set's) of the expected release. Without it there is no telling whose tasks and
-- # whose log lines are judged. A release that was rolled back before the first look is known by its
-- # service deployment alone; its tasks are then those of its task definition.

SELECT
  coalesce('deployment ' || deployment_id, 'task definition ' || task_definition, 'task definition ' || expected_task_definition, 'service ' || service) AS resource,
  CASE
    WHEN deployment_id IS NOT NULL THEN 'pass'
    WHEN stop_reason <> 'imported' AND CAST(window_to AS BIGINT) - CAST(window_from AS BIGINT) < 30000 THEN 'pending'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN deployment_id IS NOT NULL THEN 'seen'
    WHEN deployment_created_at IS NOT NULL THEN 'only its service deployment was seen: it was gone before the first snapshot'
    ELSE 'no deployment of the expected release was seen'
  END AS reason,
  coalesce(deployment_created_at, window_from) AS at,
  coalesce(task_definition, 'none') AS observed,
  coalesce(expected_task_definition, 'the newest deployment') AS expected
FROM target
