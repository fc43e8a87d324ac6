-- id = "evidence.stopped-tasks-kept"
-- title = "No stopped task of the deployment was forgotten before it was seen"
-- level = "advise"
-- owner = "shared"
-- requires = ["tasks"]
-- conclusive = "fail"
-- advice = "ECS forgets a stopped task after about an hour. Start casefile when the release is applied. Of an older rollout only the service deployment and the logs remain."
-- #
-- # ListTasks with desiredStatus STOPPED reaches back one hour: from sources.covered_from on, none was
-- # missed: further back where the service events name every task that was started, and all of them were described.
-- # Whether any was missed is not known where one of these sources is not complete. The tasks.* checks are then unknown by themselves, unless a failure was seen.

SELECT
  r.resource AS resource,
  CASE
    WHEN coalesce(s.covered_from > r.evidence_from, FALSE) AND other.gaps > 0 THEN 'unknown'
    WHEN coalesce(s.covered_from > r.evidence_from, FALSE) THEN 'fail'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN s.covered_from > r.evidence_from THEN 'ECS may have forgotten tasks that stopped before this time'
    ELSE 'the list of stopped tasks reaches back to its creation'
  END AS reason,
  s.covered_from AS at
FROM latest_sources s
CROSS JOIN rollout r
CROSS JOIN (
  SELECT count(*) AS gaps
  FROM latest_sources
  WHERE feeds IN ('services', 'service_events', 'tasks') AND status <> 'complete'
) other
WHERE s.feeds = 'tasks' AND s.covered_from IS NOT NULL AND r.evidence_from IS NOT NULL
