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
-- # Where nothing was deployed, a live collection must watch the present state for as long, but no longer than 30 s.

WITH watched AS (
  SELECT
    r.resource, r.completed_at, r.nothing_deployed AND target.stop_reason <> 'imported' AS is_present_state, r.is_stable,
    CAST(target.window_to AS BIGINT) - CAST(target.window_from AS BIGINT) AS watched_ms,
    CAST(target.window_to AS BIGINT) - CAST(r.completed_at AS BIGINT) AS since_ms,
    target.stable_for_ms AS stable_for_ms
  FROM rollout r
  CROSS JOIN target
  WHERE r.completed_at IS NOT NULL
),
judged AS (
  SELECT
    w.*,
    CASE WHEN is_present_state THEN watched_ms ELSE since_ms END AS is_ms,
    CASE WHEN is_present_state THEN least(stable_for_ms, 30000) ELSE stable_for_ms END AS needed_ms
  FROM watched w
)
SELECT
  resource,
  CASE WHEN is_ms >= needed_ms THEN 'pass' ELSE 'pending' END AS status,
  concat(
    'watched for ', CAST(is_ms / 1000 AS VARCHAR), ' s',
    CASE WHEN is_present_state THEN '' ELSE ' after it completed' END,
    CASE WHEN is_ms >= needed_ms THEN '' ELSE concat(' (required: ', CAST(needed_ms / 1000 AS VARCHAR), ' s)') END
  ) AS reason,
  completed_at AS at
FROM judged
