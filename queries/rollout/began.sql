-- id = "rollout.began"
-- title = "A rollout of the release began"
-- level = "block"
-- owner = "shared"
-- requires = ["services", "deployments"]
-- conclusive = "fail"
-- advice = "Compare what the pipeline applied with what the service runs: an apply without a change, or a tag that was pushed again, creates no deployment. Force a new deployment, or remove require_rollout if an apply without a change is expected."
-- #
-- # The creation of the judged rollout (`serviceDeployments[].createdAt`, `deployments[].createdAt`). It is no news where it
-- # was complete by `target.started_after`, or, without that, completed more than an hour before the first snapshot. Then
-- # nothing was deployed, and the present state is judged: not a failure, unless `target.require_rollout` is set. That one
-- # asks for a rollout that began after `target.started_after`, be the older one complete or not.

SELECT
  r.resource AS resource,
  CASE
    WHEN r.created_at IS NULL THEN 'skip'
    WHEN target.require_rollout IS NOT TRUE OR NOT (r.nothing_deployed OR is_older) THEN 'pass'
    WHEN too_early THEN 'pending'
    ELSE 'fail'
  END AS status,
  concat(
    CASE
      WHEN r.created_at IS NULL THEN 'no rollout of the release was seen'
      WHEN r.nothing_deployed THEN concat('nothing was deployed: ', r.release, ' has been out since ')
      ELSE 'it began at '
    END,
    coalesce(substr(CAST(r.created_at AS VARCHAR), 1, 19) || 'Z', ''),
    CASE WHEN is_older THEN concat(', before --started-after (', substr(CAST(target.started_after AS VARCHAR), 1, 19), 'Z', ')') ELSE '' END,
    coalesce('; it took over from ' || j.took_over_from, '')
  ) AS reason,
  r.created_at AS at
FROM (
  SELECT
    r.*,
    coalesce(nullif(split_part(t.task_definition, '/', 2), ''), t.service) AS release,
    coalesce(r.created_at < t.started_after, FALSE) AS is_older,
    (NOT r.ended OR t.stop_reason <> 'imported')
      AND coalesce(CAST(t.window_to AS BIGINT) - CAST(t.window_from AS BIGINT) < greatest(30000, t.stable_for_ms), TRUE) AS too_early
  FROM rollout r
  CROSS JOIN target t
) r
CROSS JOIN judged_rollout j
CROSS JOIN target
