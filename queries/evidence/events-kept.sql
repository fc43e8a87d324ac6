-- id = "evidence.events-kept"
-- title = "The service events reach back to the beginning of the deployment"
-- level = "advise"
-- owner = "shared"
-- requires = ["service_events"]
-- conclusive = "fail"
-- advice = "ECS keeps 100 events. Start casefile when the release is applied. A service that writes 100 events during one rollout has a problem of its own: read them."
-- #
-- # `services[].events` holds the newest 100. Where there were 100 and the oldest is newer than the
-- # deployment, older events are gone: from sources.covered_from on, none was missed.

SELECT
  concat('service ', target.service) AS resource,
  CASE
    WHEN coalesce(s.covered_from > r.evidence_from, FALSE) THEN 'fail'
    WHEN s.status <> 'complete' THEN 'unknown'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN s.covered_from > r.evidence_from THEN 'ECS no longer has the events before this time'
    WHEN s.status <> 'complete' THEN concat('the events are ', s.status)
    ELSE concat(CAST(s.rows AS VARCHAR), ' events, none missed')
  END AS reason,
  coalesce(s.covered_from, s.observed_at) AS at
FROM latest_sources s
CROSS JOIN target
CROSS JOIN rollout r
WHERE s.feeds = 'service_events' AND r.evidence_from IS NOT NULL
