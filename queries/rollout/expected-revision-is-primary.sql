-- id = "rollout.expected-revision-is-primary"
-- title = "The expected task definition is the PRIMARY deployment's"
-- level = "block"
-- owner = "shared"
-- requires = ["deployments"]
-- conclusive = "fail"
-- advice = "See rollout.* and the service events for why the release is not the one that runs."
SELECT
  d.deployment_id AS resource,
  CASE WHEN d.task_definition = target.task_definition THEN 'pass' ELSE 'fail' END AS status,
  CASE
    WHEN d.task_definition = target.task_definition THEN 'PRIMARY is the judged release'
    ELSE 'PRIMARY is another release'
  END AS reason,
  d.updated_at AS at,
  d.task_definition AS observed,
  target.task_definition AS expected
FROM latest_deployments d
CROSS JOIN target
WHERE d.current AND d.status = 'PRIMARY' AND target.task_definition IS NOT NULL
