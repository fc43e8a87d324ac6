-- id = "migration.unnamed-one-off-task"
-- title = "No one-off task of the release failed that the config does not name"
-- level = "advise"
-- owner = "service"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "If it is a part of the release (a migration), name its family in [collect] tasks: then it must end well for a pass."
-- #
-- # Tasks outside the service (`tasks[].group` is not `service:...`) that run the release's task definition. A collection reads
-- # only those that `[collect] tasks` names; a recording may hold others.

SELECT
  concat('task ', t.task_id) AS resource,
  CASE WHEN x.failed > 0 THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN x.failed > 0 THEN concat('it is a one-off task of the release, and ended with ', x.exit_codes)
    ELSE t.state
  END AS reason,
  coalesce(t.ended_at, t.observed_at) AS at,
  t.task_id AS task_id,
  x.exit_codes AS exit_codes
FROM latest_tasks t
JOIN (
  SELECT
    task_arn,
    count(CASE WHEN exit_code <> 0 AND essential IS NOT FALSE AND NOT added_by_aws THEN 1 END) AS failed,
    string_agg(concat(container, '=', coalesce(CAST(exit_code AS VARCHAR), '?')), ' ' ORDER BY container) AS exit_codes
  FROM latest_containers
  GROUP BY task_arn
) x ON t.task_arn = x.task_arn
CROSS JOIN target
WHERE t.selected_by IS NULL AND NOT t.judged AND t.is_stopped AND t.task_definition = target.task_definition
  AND coalesce(t.task_group, 'service:') NOT LIKE 'service:%'
