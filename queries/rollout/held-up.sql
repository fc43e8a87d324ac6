-- id = "rollout.held-up"
-- title = "The rollout is not blocked by its deployment limits or by a protected task"
-- level = "block"
-- owner = "shared"
-- requires = ["deployments", "service_events"]
-- conclusive = "fail"
-- advice = "Limits: raise maximumPercent or lower minimumHealthyPercent, so that ECS may start a task before it stops one. Protection: wait until the old tasks have finished, or remove their protection."
-- #
-- # No field has it: ECS reports it in service events only. A text may only explain the state of a field: while the
-- # rollout is in progress it may still be freed (pending), once it completed it was (pass), and where it
-- # failed or was given up (`rolloutState`, `deployments[].status`) this is a part of the cause.

WITH held AS (
  SELECT e.message, e.created_at
  FROM service_events e
  JOIN rollout r ON e.created_at >= r.evidence_from
  WHERE strpos(e.message, 'was unable to stop or start tasks during a deployment because of the service deployment configuration') > 0
    OR strpos(e.message, 'under protection') > 0
)
SELECT
  r.resource AS resource,
  CASE WHEN r.completed THEN 'pass' WHEN r.is_over THEN 'fail' ELSE 'pending' END AS status,
  concat(CASE WHEN r.completed THEN 'it completed anyway: ' ELSE '' END, h.message) AS reason,
  h.created_at AS at
FROM rollout r
CROSS JOIN held h
UNION ALL
SELECT
  r.resource AS resource,
  'pass' AS status,
  'no event reports that it is blocked' AS reason,
  target.window_to AS at
FROM rollout r
CROSS JOIN target
CROSS JOIN (SELECT count(*) AS events FROM held) h
WHERE h.events = 0
