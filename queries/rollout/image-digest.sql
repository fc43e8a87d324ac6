-- id = "rollout.image-digest"
-- title = "The release runs the images that were expected"
-- level = "block"
-- owner = "service"
-- requires = ["tasks", "containers", "task_definitions"]
-- conclusive = "fail"
-- advice = "A mutable tag was pushed again, or another image was built: compare the digest that the pipeline pushed with containers[].imageDigest. Pin the image by its digest in the task definition."
-- #
-- # `containers[].imageDigest` of the rollout's running tasks, against `target.expected_image_digests`
-- # (`--expect-image-digest`, as `sha256:...` or `container=sha256:...`). A container that is named is compared whether it
-- # is essential or not, and after it exited too, as an init container does. Without a name it is enough that one essential
-- # container runs the image. Each expected image has a row, even while no task runs.

WITH defined AS (
  SELECT string_agg(d.container, ', ' ORDER BY d.container) AS containers
  FROM container_definitions d
  JOIN target ON d.task_definition = target.task_definition
),
expected AS (
  SELECT
    w.container, w.digest,
    concat(coalesce(w.container || '=', ''), w.digest) AS image,
    coalesce('container ' || w.container, 'the essential containers') AS resource,
    coalesce(
      w.container IS NOT NULL AND defined.containers IS NOT NULL
        AND strpos(concat(', ', defined.containers, ','), concat(', ', w.container, ',')) = 0,
      FALSE
    ) AS is_undefined,
    defined.containers AS containers
  FROM expected_images w
  CROSS JOIN defined
),
running AS (
  SELECT task_arn, task_id, observed_at FROM latest_tasks WHERE judged AND NOT is_stopped
),
-- Aggregates, so that each is one row even where there is none.
counted AS (
  SELECT count(*) AS tasks, max(observed_at) AS at FROM running
),
desired AS (
  SELECT max(desired_count) AS tasks FROM latest_services
),
compared AS (
  SELECT
    t.task_id, w.container, w.image,
    max(t.observed_at) AS at,
    coalesce(bool_or(c.image_digest = w.digest), FALSE) AS is_found,
    count(c.image_digest) AS known,
    count(*) AS containers,
    string_agg(concat(c.container, '=', coalesce(c.image_digest, '?')), ' ' ORDER BY c.container) AS digests
  FROM running t
  CROSS JOIN expected w
  LEFT JOIN latest_containers c
    ON c.task_arn = t.task_arn AND (c.container = w.container OR w.container IS NULL AND c.essential IS NOT FALSE AND NOT c.added_by_aws)
  WHERE NOT w.is_undefined
  GROUP BY t.task_id, w.container, w.image
)
SELECT
  concat('task ', task_id) AS resource,
  CASE
    WHEN is_found THEN 'pass'
    WHEN known < containers THEN 'pending'
    ELSE 'fail'
  END AS status,
  CASE
    WHEN is_found THEN 'it runs the expected image'
    WHEN known < containers THEN 'the digest of its image is not known yet'
    ELSE concat('it runs another image: ', digests)
  END AS reason,
  at,
  digests AS observed,
  image AS expected,
  task_id,
  container
FROM compared
UNION ALL
SELECT
  resource,
  CASE
    WHEN w.is_undefined THEN 'fail'
    WHEN desired.tasks = 0 THEN 'skip'
    ELSE 'pending'
  END AS status,
  CASE
    WHEN w.is_undefined THEN concat('the task definition has no container ', w.container, ': it has ', w.containers)
    WHEN desired.tasks = 0 THEN 'the desired count is 0: no task runs an image'
    ELSE 'no task of the rollout is running'
  END AS reason,
  counted.at AS at,
  CASE WHEN w.is_undefined THEN w.containers ELSE 'no running task' END AS observed,
  w.image AS expected,
  CAST(NULL AS VARCHAR) AS task_id,
  w.container AS container
FROM expected w
CROSS JOIN counted
CROSS JOIN desired
WHERE w.is_undefined OR counted.tasks = 0
