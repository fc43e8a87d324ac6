-- id = "tasks.cannot-start-resources"
-- title = "The tasks of the release got what they need to start: secrets, network interface, volumes, log driver"
-- level = "block"
-- owner = "platform"
-- requires = ["tasks", "containers"]
-- conclusive = "fail"
-- advice = "Secrets and registry: the execution role's rights and the network path to Secrets Manager, SSM and ECR. Network interface: free addresses in the subnet, quota of interfaces. Log driver: does the log group exist, may the execution role write to it? EFS: mount targets and security groups."
-- #
-- # `tasks[].stopCode` TaskFailedToStart, and of the error names in `stoppedReason` or `containers[].reason`
-- # those that are not the image's or the program's: ResourceInitializationError, CannotCreate...Error,
-- # CannotStartContainerError of the log driver, and the network interface.
-- # A CannotStartContainerError for another cause may be the program's own (no such command):
-- # tasks.failed-to-start has it, with no side taken. The one-off tasks of the release are judged, too.

SELECT
  concat('task ', task_id) AS resource,
  CASE WHEN coalesce(start_failure, '') = 'resource' THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN start_failure = 'resource' THEN reasons
    ELSE concat('last status ', coalesce(last_status, 'unknown'), coalesce(', stopped: ' || stop_code, ''))
  END AS reason,
  CASE
    WHEN start_failure = 'resource' THEN coalesce(stopping_at, stopped_at, execution_stopped_at, observed_at)
    ELSE observed_at
  END AS at,
  coalesce(stop_code, last_status, 'unknown') AS observed,
  'its resources are there' AS expected,
  task_id,
  task_definition
FROM latest_tasks
WHERE judged OR one_off
