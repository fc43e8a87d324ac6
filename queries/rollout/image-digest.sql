-- id = "rollout.image-digest"
-- title = "The release runs the images that were expected"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "containers", "task_definitions"]
-- conclusive = "fail"
-- advice = "A mutable tag was pushed again, or another image was built: compare the digest that the pipeline pushed with containers[].imageDigest. Pin the image by its digest in the task definition."
-- #
-- # `containers[].imageDigest` of the essential containers of the rollout's running tasks, against
-- # `target.expected_image_digests` (`--expect-image-digest`, as `sha256:...` or `container=sha256:...`). Without a
-- # container's name it is enough that one essential container runs it.

WITH running AS (
  SELECT c.task_id, c.container, c.image_digest, c.observed_at
  FROM latest_containers c
  JOIN latest_tasks t ON c.task_arn = t.task_arn
  WHERE c.judged AND c.essential IS NOT FALSE AND NOT t.is_stopped
),
judged AS (
  SELECT
    r.task_id, w.container, w.digest,
    max(r.observed_at) AS at,
    bool_or(r.image_digest = w.digest) AS is_found,
    count(CASE WHEN r.image_digest IS NULL THEN 1 END) AS unknown,
    string_agg(concat(r.container, '=', coalesce(r.image_digest, '?')), ' ' ORDER BY r.container) AS digests
  FROM running r
  CROSS JOIN expected_images w
  WHERE w.container IS NULL OR w.container = r.container
  GROUP BY r.task_id, w.container, w.digest
)
SELECT
  concat('task ', task_id) AS resource,
  CASE
    WHEN is_found THEN 'pass'
    WHEN unknown > 0 THEN 'pending'
    ELSE 'fail'
  END AS status,
  CASE
    WHEN is_found THEN 'it runs the expected image'
    WHEN unknown > 0 THEN 'the digest of its image is not known yet'
    ELSE concat('it runs another image: ', digests)
  END AS reason,
  at,
  digests AS observed,
  concat(coalesce(container || '=', ''), digest) AS expected,
  task_id,
  container
FROM judged
