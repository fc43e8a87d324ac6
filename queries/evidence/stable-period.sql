-- id = "evidence.stable-period"
-- title = "The service was watched long enough after the rollout completed"
-- level = "block"
-- owner = "shared"
-- requires = ["deployments", "service_events"]
-- conclusive = "none"
-- advice = "Raise the timeout, so that [collect] stable_for fits into it: a crash loop that begins after the rollout shows only to who still looks."
-- #
-- # The last snapshot must be `target.stable_for_ms` later than the completion: that of the event "(deployment
-- # ...) deployment completed", or of the first snapshot that says COMPLETED, whichever is earlier. For task
-- # sets it is `stabilityStatusAt`. Until then nothing is known to be stable, and waiting changes that: pending.

SELECT
  concat(watched.kind, ' ', watched.deployment_id) AS resource,
  CASE WHEN watched.ms >= watched.stable_for_ms THEN 'pass' ELSE 'pending' END AS status,
  concat(
    'watched for ', CAST(watched.ms / 1000 AS VARCHAR), ' s after it completed',
    CASE
      WHEN watched.ms >= watched.stable_for_ms THEN ''
      ELSE concat(', which is less than the ', CAST(watched.stable_for_ms / 1000 AS VARCHAR), ' s that it was to be')
    END
  ) AS reason,
  watched.completed_at AS at
FROM (
  SELECT
    r.kind, r.deployment_id, r.completed_at, target.stable_for_ms,
    CAST(target.window_to AS BIGINT) - CAST(r.completed_at AS BIGINT) AS ms
  FROM rollout r
  CROSS JOIN target
  WHERE r.deployment_id IS NOT NULL AND r.completed_at IS NOT NULL
) watched
