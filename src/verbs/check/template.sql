-- id = "ID"
-- title = "Say what is true when it passes"
-- level = "advise"               # block | advise: begin with advise, and look at what it says of past deployments
-- owner = "service"              # service | platform | shared: who takes over when it fails
-- requires = ["tasks"]           # the tables that it judges from: casefile query --tables
-- conclusive = "fail"            # the status that one row proves even when evidence is missing: fail | pass | none
-- advice = "Say what whoever takes over should look at first."
-- #
-- # Say which field of which AWS answer decides, and why. One row for each thing that was judged, passing ones too.

SELECT
  concat('task ', task_id) AS resource,
  CASE
    WHEN coalesce(connectivity, '') = 'DISCONNECTED' THEN 'fail'
    ELSE 'pass'
  END AS status,
  concat('its agent is ', coalesce(connectivity, 'not known to be connected')) AS reason,
  observed_at AS at,
  coalesce(connectivity, 'unknown') AS observed,
  'CONNECTED' AS expected
FROM latest_tasks
WHERE judged
