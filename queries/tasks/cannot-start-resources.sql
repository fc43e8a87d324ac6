-- id = "tasks.cannot-start-resources"
-- title = "The tasks of the release got what they need to start: secrets, network interface, volumes, log driver"
-- level = "block"
-- owner = "platform"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "Secrets and registry: the execution role's rights and the network path to Secrets Manager, SSM and ECR. Network interface: free addresses in the subnet, quota of interfaces. Log driver: does the log group exist, may the execution role write to it? EFS: mount targets and security groups."
-- #
-- # `tasks[].stopCode` TaskFailedToStart, and one of the error names in `stoppedReason` or `containers[].reason` that are not
-- # the image's or the program's: ResourceInitializationError, CannotCreate...Error, CannotStartContainerError of the log
-- # driver, the network interface. A log group that does not exist is the service's, the rest is the platform's.

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
LEFT JOIN task_ends e ON t.task_arn = e.task_arn AND e.cause = 'resource'
CROSS JOIN rollout r
WHERE t.judged OR t.one_off
