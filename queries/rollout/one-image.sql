-- id = "rollout.one-image"
-- title = "Every task of the rollout runs the same images"
-- level = "advise"
-- owner = "service"
-- requires = ["tasks", "containers", "deployments"]
-- conclusive = "none"
-- advice = "A mutable tag was pushed again during the rollout, and the service resolves tags for each task (versionConsistency is disabled): pin the image by its digest, or turn versionConsistency on."
-- #
-- # `containers[].imageDigest` of each container of the rollout's tasks, stopped ones too.

SELECT
  concat('container ', container) AS resource,
  CASE WHEN count(DISTINCT image_digest) > 1 THEN 'fail' ELSE 'pass' END AS status,
  concat(
    CAST(count(DISTINCT task_arn) AS VARCHAR), ' tasks run ', CAST(count(DISTINCT image_digest) AS VARCHAR),
    CASE WHEN count(DISTINCT image_digest) > 1 THEN ' different images' ELSE ' image' END
  ) AS reason,
  max(observed_at) AS at,
  min(image_digest) AS observed,
  max(image_digest) AS expected,
  container
FROM latest_containers
WHERE judged AND NOT added_by_aws AND image_digest IS NOT NULL
GROUP BY container
