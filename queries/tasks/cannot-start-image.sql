-- id = "tasks.cannot-start-image"
-- title = "The images of the release could be pulled"
-- level = "block"
-- owner = "platform"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "Not found: was the image pushed, under this tag, to this region's registry? Access denied: the execution role needs ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer, and the repository policy. Platform: build for the task's CPU architecture. Time-out: the subnet's route, NAT or VPC endpoints. No space: the ephemeral storage."
-- #
-- # `tasks[].stopCode` TaskFailedToStart, and a CannotPull...Error in `tasks[].stoppedReason` (Fargate) or
-- # `containers[].reason` (EC2, where the task says only "Task failed to start").

WITH reasons AS (
  SELECT task_arn, string_agg(nullif(reason, ''), '; ' ORDER BY container) AS text
  FROM latest_containers
  WHERE judged
  GROUP BY task_arn
),
judged_tasks AS (
  SELECT
    t.*,
    r.text AS container_reasons,
    coalesce(t.stop_code = 'TaskFailedToStart', FALSE)
      AND strpos(concat_ws(' ', t.stopped_reason, r.text), 'CannotPull') > 0 AS is_image
  FROM latest_tasks t
  LEFT JOIN reasons r ON t.task_arn = r.task_arn
  WHERE t.judged
)
SELECT
  concat('task ', task_id) AS resource,
  CASE WHEN is_image THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN is_image AND strpos(coalesce(stopped_reason, ''), 'CannotPull') > 0 THEN stopped_reason
    WHEN is_image THEN container_reasons
    ELSE concat('last status ', coalesce(last_status, 'unknown'), coalesce(', stopped: ' || stop_code, ''))
  END AS reason,
  CASE
    WHEN is_image THEN coalesce(stopping_at, stopped_at, execution_stopped_at, observed_at)
    ELSE observed_at
  END AS at,
  coalesce(stop_code, last_status, 'unknown') AS observed,
  'its images are pulled' AS expected,
  task_id,
  task_definition
FROM judged_tasks
