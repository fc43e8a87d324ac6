-- id = "rollout.began"
-- title = "A rollout of the release began"
-- level = "block"
-- owner = "shared"
-- requires = ["services", "deployments"]
-- conclusive = "fail"
-- advice = "Compare what the pipeline applied with what the service runs: an apply without a change, or a tag that was pushed again, creates no deployment. Force a new deployment, or remove require_rollout if an apply without a change is expected."
-- #
-- # The creation of the judged rollout (`serviceDeployments[].createdAt`, `deployments[].createdAt`). It is no news where it
-- # was created before `target.started_after`, or, without that, completed more than an hour before the first snapshot. Then
-- # nothing was deployed, and the present state is judged: no failure, unless `target.require_rollout` says so.

SELECT
  r.resource AS resource,
  CASE
    WHEN r.created_at IS NULL THEN 'skip'
    WHEN NOT is_no_news THEN 'pass'
    WHEN target.require_rollout IS NOT TRUE THEN 'pass'
    WHEN too_early THEN 'pending'
    ELSE 'fail'
  END AS status,
  concat(
    CASE
      WHEN r.created_at IS NULL THEN 'no rollout of the release was seen'
      WHEN is_no_news THEN concat('nothing was deployed: ', r.release, ' has been out since ')
      ELSE 'it began at '
    END,
    CASE WHEN r.created_at IS NULL THEN '' ELSE concat(substr(CAST(r.created_at AS VARCHAR), 1, 10), ' ', substr(CAST(r.created_at AS VARCHAR), 12, 5)) END,
    CASE WHEN target.started_after IS NOT NULL AND is_no_news THEN ', before --started-after' ELSE '' END,
    coalesce('; it took over from ' || j.took_over_from, '')
  ) AS reason,
  r.created_at AS at
FROM (
  SELECT
    r.*,
    coalesce(nullif(split_part(t.task_definition, '/', 2), ''), t.service) AS release,
    r.nothing_deployed OR coalesce(r.created_at < t.started_after, FALSE) AS is_no_news,
    (NOT r.ended OR t.stop_reason <> 'imported')
      AND coalesce(CAST(t.window_to AS BIGINT) - CAST(t.window_from AS BIGINT) < greatest(30000, t.stable_for_ms), TRUE) AS too_early
  FROM rollout r
  CROSS JOIN target t
) r
CROSS JOIN judged_rollout j
CROSS JOIN target
