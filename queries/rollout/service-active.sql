-- id = "rollout.service-active"
-- title = "The service is ACTIVE"
-- level = "block"
-- owner = "shared"
-- requires = ["services"]
-- conclusive = "fail"
-- advice = "The service is being deleted, or is gone: look for the terraform run or the person who did it."
-- #
-- # `services[].status`: ECS still describes a service that is DRAINING or INACTIVE.

SELECT
  concat('service ', coalesce(service_name, service_arn)) AS resource,
  CASE
    WHEN status = 'ACTIVE' THEN 'pass'
    WHEN status IS NULL THEN 'unknown'
    ELSE 'fail'
  END AS status,
  concat('status ', coalesce(status, 'unknown')) AS reason,
  observed_at AS at,
  coalesce(status, 'unknown') AS observed,
  'ACTIVE' AS expected
FROM latest_services
