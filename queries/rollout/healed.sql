-- id = "rollout.healed"
-- title = "The rollout completed without trouble on the way"
-- level = "advise"
-- owner = "platform"
-- requires = ["tasks", "containers", "deployments", "service_events"]
-- conclusive = "none"
-- advice = "The rollout recovered, so this is not a failure. If it happens at every rollout, a later one may not recover in time: the reason names the task, the capacity, the quota or the API limit."
-- #
-- # Ends of tasks that healed (view task_ends; tasks.stopped-by-hand reports stops by hand), and service events about temporary trouble: the scheduler was
-- # throttled, or waited for a place. Only for a rollout that completed; the blocking checks report any other.

WITH trouble AS (
  SELECT e.message, e.created_at
  FROM service_events e
  JOIN rollout r ON e.created_at >= r.evidence_from
  WHERE regexp_like(e.message, 'operations are being throttled|was unable to place a task|was unable to stop or start tasks|unable to consistently start tasks')
    OR strpos(e.message, 'under protection') > 0
),
healed AS (
  SELECT task_id, status_reason, at, owner, container
  FROM task_ends
  WHERE standing = 'healed' AND NOT one_off AND cause <> 'by_hand'
)
SELECT
  concat('task ', h.task_id) AS resource,
  'fail' AS status,
  h.status_reason AS reason,
  h.at AS at,
  h.owner AS owner,
  h.task_id AS task_id,
  h.container AS container
FROM healed h
UNION ALL
SELECT
  r.resource AS resource,
  'fail' AS status,
  concat('healed: ', t.message) AS reason,
  t.created_at AS at,
  CAST(NULL AS VARCHAR) AS owner,
  CAST(NULL AS VARCHAR) AS task_id,
  CAST(NULL AS VARCHAR) AS container
FROM rollout r
JOIN trouble t ON r.completed
UNION ALL
SELECT
  r.resource AS resource,
  'pass' AS status,
  'no task ended early, and no event reports trouble' AS reason,
  r.completed_at AS at,
  CAST(NULL AS VARCHAR) AS owner,
  CAST(NULL AS VARCHAR) AS task_id,
  CAST(NULL AS VARCHAR) AS container
FROM rollout r
CROSS JOIN (SELECT count(*) AS events FROM trouble) t
CROSS JOIN (SELECT count(*) AS ends FROM healed) h
WHERE r.completed AND t.events = 0 AND h.ends = 0
