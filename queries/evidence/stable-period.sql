-- id = "evidence.stable-period"
-- title = "The service was watched long enough after the rollout completed"
-- level = "block"
-- owner = "shared"
-- requires = ["deployments", "service_events"]
-- conclusive = "none"
-- advice = "Raise the timeout, so that [collect] stable_for fits into it: a crash loop that begins after completion is seen only while the service is watched."
-- #
-- # The last snapshot must be `target.stable_for_ms` later than the completion (`rollout.completed_at`). Under LINEAR and
-- # CANARY that is after the last step. Until then nothing is known to be stable, and waiting changes that: pending.

SELECT
  r.resource AS resource,
  CASE WHEN r.is_stable THEN 'pass' ELSE 'pending' END AS status,
  concat(
    'watched for ', CAST((CAST(target.window_to AS BIGINT) - CAST(r.completed_at AS BIGINT)) / 1000 AS VARCHAR),
    ' s after it completed',
    CASE
      WHEN r.is_stable THEN ''
      ELSE concat(' (required: ', CAST(target.stable_for_ms / 1000 AS VARCHAR), ' s)')
    END
  ) AS reason,
  r.completed_at AS at
FROM rollout r
CROSS JOIN target
WHERE r.completed_at IS NOT NULL
