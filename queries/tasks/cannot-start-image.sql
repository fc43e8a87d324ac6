-- id = "tasks.cannot-start-image"
-- title = "The images of the release could be pulled"
-- level = "block"
-- owner = "platform"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "Not found: was the image pushed, under this tag, to this region's registry? Access denied: the execution role needs ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer, and the repository policy. Platform: build for the task's CPU architecture. Time-out: the subnet's route, NAT or VPC endpoints. No space: the ephemeral storage."
-- #
-- # `tasks[].stopCode` TaskFailedToStart, and a CannotPull...Error in `tasks[].stoppedReason` (Fargate) or
-- # `containers[].reason` (EC2, where the task says only "Task failed to start"). Of the one-off tasks of the release, too.

SELECT
  concat('task ', task_id) AS resource,
  CASE WHEN coalesce(start_failure, '') = 'image' THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN start_failure = 'image' AND strpos(coalesce(stopped_reason, ''), 'CannotPull') > 0 THEN stopped_reason
    WHEN start_failure = 'image' THEN reasons
    ELSE concat('last status ', coalesce(last_status, 'unknown'), coalesce(', stopped: ' || stop_code, ''))
  END AS reason,
  CASE
    WHEN start_failure = 'image' THEN coalesce(stopping_at, stopped_at, execution_stopped_at, observed_at)
    ELSE observed_at
  END AS at,
  coalesce(stop_code, last_status, 'unknown') AS observed,
  'its images are pulled' AS expected,
  task_id,
  task_definition
FROM latest_tasks
WHERE judged OR one_off
