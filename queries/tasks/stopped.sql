-- id = "tasks.stopped"
-- title = "Every stopped task of the release has a known cause"
-- level = "block"
-- owner = "shared"
-- requires = ["tasks", "deployments"]
-- conclusive = "fail"
-- advice = "ECS gives a stop code or a reason that this version does not know: read it, decide whether it is a failure, and report it so that the checks learn it."
-- #
-- # `tasks[].stopCode` and `stoppedReason` that view task_ends does not know. It is unknown while it stands, and no failure once
-- # the rollout completed and the service is full. Scale-ins and drains are not listed: they are no ends of their own.

SELECT
  concat('task ', t.task_id) AS resource,
  CASE
    WHEN e.status IS NULL OR e.status = 'pass' THEN 'pass'
    WHEN e.status = 'pending' THEN 'pending'
    ELSE 'unknown'
  END AS status,
  coalesce(e.status_reason, t.state) AS reason,
  coalesce(e.at, t.observed_at) AS at,
  coalesce(nullif(t.stop_code, ''), t.last_status, 'unknown') AS observed,
  e.owner AS owner,
  t.task_id AS task_id,
  e.container AS container,
  e.exit_codes AS exit_codes,
  e.phase AS phase
FROM latest_tasks t
LEFT JOIN task_ends e ON t.task_arn = e.task_arn AND e.cause = 'unexplained'
WHERE t.judged
