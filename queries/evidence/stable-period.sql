-- id = "evidence.stable-period"
-- title = "The service was watched after the rollout completed"
-- level = "advise"
-- owner = "shared"
-- requires = ["deployments"]
-- conclusive = "fail"
-- advice = "Raise [collect] stable_for and timeout: a crash loop that begins after the rollout shows only to who still looks."
-- #
-- # There must be a snapshot later than the completion: that of the event "(deployment ...) deployment
-- # completed", or of the first snapshot that says COMPLETED, whichever is earlier. For task sets it is
-- # `stabilityStatusAt`.

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
  CASE WHEN target.window_to > completed.at THEN 'pass' ELSE 'fail' END AS status,
  CASE
    WHEN target.window_to > completed.at
      THEN concat(
        'watched for ', CAST((CAST(target.window_to AS BIGINT) - CAST(completed.at AS BIGINT)) / 1000 AS VARCHAR),
        ' s after it completed'
      )
    ELSE 'no snapshot is later than its completion'
  END AS reason,
  completed.at AS at
FROM target
CROSS JOIN completed
WHERE completed.at IS NOT NULL
