-- id = "tasks.cannot-start-image"
-- title = "The images of the release could be pulled"
-- level = "block"
-- owner = "platform"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "Not found: was the image pushed, under this tag, to this region's registry? Access denied: the execution role needs ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer, and the repository policy. Platform: build for the task's CPU architecture. Time-out: the subnet's route, NAT or VPC endpoints. No space: the ephemeral storage."
-- #
-- # `tasks[].stopCode` TaskFailedToStart, and a CannotPull...Error in `tasks[].stoppedReason` (Fargate) or
-- # `containers[].reason` (EC2, where the task says only "Task failed to start"). View task_ends decides whether it healed.
-- # An image that does not exist or is of another architecture is the service's; networks, rights and disks are the platform's.

SELECT
  concat('task ', t.task_id) AS resource,
  CASE
    WHEN e.status IS NULL AND t.judged AND t.started_at IS NULL AND NOT t.is_stopped AND r.completed IS NOT TRUE
      THEN 'pending'
    WHEN e.status IS NULL THEN 'pass'
    ELSE e.status
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
LEFT JOIN task_ends e ON t.task_arn = e.task_arn AND e.cause = 'image'
CROSS JOIN rollout r
WHERE t.judged OR t.one_off
