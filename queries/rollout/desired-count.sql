-- id = "rollout.desired-count"
-- title = "The desired count of the service is at least 1"
-- level = "block"
-- owner = "shared"
-- requires = ["services"]
-- conclusive = "none"
-- advice = "Nothing runs, so nothing is proven. Scale the service up and judge again. If it is switched off on purpose, leave it out of the pipeline."
-- #
-- # `services[].desiredCount`. With 0 ECS calls any revision stable at once, be its image missing or its
-- # migration broken: that is neither a success nor a failure.

SELECT
  concat('service ', coalesce(service_name, service_arn)) AS resource,
  CASE WHEN desired_count > 0 THEN 'pass' ELSE 'unknown' END AS status,
  CASE
    WHEN desired_count > 0 THEN concat('desired count ', CAST(desired_count AS VARCHAR))
    WHEN desired_count = 0 THEN 'desired count 0: nothing runs, so nothing is proven'
    ELSE 'the desired count is not known'
  END AS reason,
  observed_at AS at,
  coalesce(CAST(desired_count AS VARCHAR), 'unknown') AS observed,
  'more than 0' AS expected
FROM latest_services
