-- id = "tasks.cannot-be-placed"
-- title = "ECS could place and launch the tasks of the release"
-- level = "block"
-- owner = "platform"
-- requires = ["deployments", "service_events"]
-- conclusive = "fail"
-- advice = "Capacity: container instances, Fargate quota, another availability zone. Ports, CPU, memory, constraints: the event names what the closest instance lacks. A role: its trust policy must name ecs-tasks.amazonaws.com, and the deployer needs iam:PassRole."
-- #
-- # A task that cannot be placed does not exist. Besides the counts, only service events report it.
-- # They cannot decide alone: once the rollout completed, or all tasks run after it did, a place was found (pass); while it is in progress one
-- # may still be (pending); where it failed, this is a cause (fail).
-- # The texts are those of AWS documentation, "Amazon ECS service event messages".

WITH unplaced AS (
  SELECT e.message, e.created_at
  FROM service_events e
  JOIN rollout r ON e.created_at >= r.evidence_from
  WHERE strpos(e.message, 'was unable to place ') > 0
    OR strpos(e.message, 'failed to launch a task with (error') > 0
    OR strpos(e.message, 'No Container Instances were found') > 0
    OR strpos(e.message, 'reached the limit on the number of tasks') > 0
    OR regexp_like(e.message, 'could not launch [0-9]+ tasks for deployment')
    OR strpos(e.message, 'ECS can no longer maintain your service') > 0
    OR strpos(e.message, 'Timed out waiting for Amazon ECS Agent to start') > 0
)
SELECT
  r.resource AS resource,
  CASE
    WHEN r.completed AND (r.is_full OR u.created_at <= r.completed_at) THEN 'pass'
    WHEN r.is_over THEN 'fail'
    ELSE 'pending'
  END AS status,
  concat(CASE WHEN r.completed AND (r.is_full OR u.created_at <= r.completed_at) THEN 'it completed anyway: ' ELSE '' END, u.message) AS reason,
  u.created_at AS at
FROM rollout r
CROSS JOIN unplaced u
UNION ALL
SELECT
  r.resource AS resource,
  'pass' AS status,
  'no event reports a task that could not be placed' AS reason,
  target.window_to AS at
FROM rollout r
CROSS JOIN target
CROSS JOIN (SELECT count(*) AS events FROM unplaced) u
WHERE u.events = 0
