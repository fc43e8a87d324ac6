-- id = "rollout.healed"
-- title = "The rollout met no trouble on its way"
-- level = "advise"
-- owner = "platform"
-- requires = ["deployments", "service_events"]
-- conclusive = "fail"
-- advice = "It went well in the end, and is no failure of the release. If it happens at every rollout, the next one may not heal in time: look at capacity, quotas and the API limits of the account."
-- #
-- # Service events alone tell of trouble that passes: the scheduler was throttled, or waited for a place. Only of a
-- # rollout that completed (`rolloutState`) is it said here; of any other, the blocking checks tell.

WITH trouble AS (
  SELECT e.message, e.created_at
  FROM service_events e
  JOIN target ON e.created_at >= target.deployment_created_at
  WHERE regexp_like(e.message, 'operations are being throttled|was unable to place a task|was unable to stop or start tasks|unable to consistently start tasks')
    OR strpos(e.message, 'under protection') > 0
)
SELECT
  concat(r.kind, ' ', r.deployment_id) AS resource,
  'fail' AS status,
  concat('it healed: ', t.message) AS reason,
  t.created_at AS at
FROM rollout r
JOIN trouble t ON r.completed AND r.deployment_id IS NOT NULL
UNION ALL
SELECT
  concat(r.kind, ' ', r.deployment_id) AS resource,
  'pass' AS status,
  'no event tells of any' AS reason,
  r.completed_at AS at
FROM rollout r
CROSS JOIN (SELECT count(*) AS events FROM trouble) t
WHERE r.completed AND r.deployment_id IS NOT NULL AND t.events = 0
