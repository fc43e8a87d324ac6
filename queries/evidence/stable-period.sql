-- id = "evidence.stable-period"
-- title = "The service was watched long enough after the rollout completed"
-- level = "block"
-- owner = "shared"
-- requires = ["deployments"]
-- conclusive = "none"
-- advice = "Raise the timeout, so that [collect] stable_for fits into it: a crash loop that begins after the rollout shows only to who still looks."
-- #
-- # The last snapshot must be `target.stable_for_ms` later than the completion: that of the event "(deployment
-- # ...) deployment completed", or of the first snapshot that says COMPLETED, whichever is earlier. For task
-- # sets it is `stabilityStatusAt`. Until then nothing is known to be stable, and waiting changes that: pending.

WITH completed AS (
  SELECT min(at) AS at
  FROM (
    SELECT d.observed_at AS at
    FROM deployments d
    JOIN target ON d.deployment_id = target.deployment_id
    WHERE d.rollout_state = 'COMPLETED'
    UNION ALL
    SELECT e.created_at AS at
    FROM service_events e
    JOIN target ON strpos(e.message, concat('(deployment ', target.deployment_id, ') deployment completed')) > 0
    WHERE target.deployment_id IS NOT NULL
    UNION ALL
    SELECT coalesce(s.stability_status_at, s.observed_at) AS at
    FROM task_sets s
    JOIN target ON s.task_set_id = target.deployment_id
    WHERE s.stability_status = 'STEADY_STATE'
  ) moments
)
SELECT
  concat('deployment ', target.deployment_id) AS resource,
  CASE WHEN watched.ms >= target.stable_for_ms THEN 'pass' ELSE 'pending' END AS status,
  concat(
    'watched for ', CAST(watched.ms / 1000 AS VARCHAR), ' s after it completed',
    CASE
      WHEN watched.ms >= target.stable_for_ms THEN ''
      ELSE concat(', which is less than the ', CAST(target.stable_for_ms / 1000 AS VARCHAR), ' s that it was to be')
    END
  ) AS reason,
  completed.at AS at
FROM target
CROSS JOIN completed
CROSS JOIN (
  SELECT CAST(target.window_to AS BIGINT) - CAST(completed.at AS BIGINT) AS ms
  FROM target
  CROSS JOIN completed
) watched
WHERE completed.at IS NOT NULL
