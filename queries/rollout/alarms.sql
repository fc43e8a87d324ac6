-- id = "rollout.alarms"
-- title = "No alarm that ECS watches is in ALARM"
-- level = "advise"
-- owner = "shared"
-- requires = ["alarms"]
-- conclusive = "fail"
-- advice = "The reason is CloudWatch's own. ECS fails a deployment whose alarm goes off, and ignores an alarm that is in ALARM when the deployment begins."
-- #
-- # One row for each alarm of `deploymentConfiguration.alarms`, by its state in the last snapshot. ECS does not watch an alarm
-- # that was in ALARM when the deployment began (Amazon ECS Developer Guide, "How CloudWatch alarms detect Amazon ECS
-- # deployment failures"): such a rollout is less protected than its configuration says. rollout.not-rolled-back has what ECS made of it.

WITH last_alarms AS (
  SELECT a.alarm_name, a.state, a.reason, a.changed_at, a.observed_at
  FROM alarms a
  JOIN (SELECT max(snapshot) AS snapshot FROM alarms) last ON a.snapshot = last.snapshot
),
went_off AS (
  SELECT a.alarm_name, min(coalesce(a.changed_at, a.observed_at)) AS at, min(a.reason) AS reason
  FROM alarms a
  CROSS JOIN rollout r
  WHERE a.state = 'ALARM' AND coalesce(a.changed_at, a.observed_at) >= r.evidence_from
  GROUP BY a.alarm_name
)
SELECT
  concat('alarm ', a.alarm_name) AS resource,
  CASE
    WHEN a.state = 'ALARM' THEN 'fail'
    WHEN a.state = 'INSUFFICIENT_DATA' THEN 'skip'
    WHEN a.state = 'OK' THEN 'pass'
    ELSE 'unknown'
  END AS status,
  CASE
    WHEN a.state = 'ALARM' AND w.alarm_name IS NULL
      THEN concat('in ALARM since before the rollout, so ECS ignores it: ', coalesce(a.reason, 'no reason is given'))
    WHEN a.state = 'ALARM' THEN concat('it went off during the rollout: ', coalesce(a.reason, 'no reason is given'))
    WHEN a.state = 'INSUFFICIENT_DATA' THEN concat('it has no data: ', coalesce(a.reason, 'no reason is given'))
    WHEN a.state = 'OK' AND w.alarm_name IS NOT NULL
      THEN concat('healed: it went off during the rollout and is OK again: ', coalesce(w.reason, 'no reason is given'))
    ELSE concat('the state is ', coalesce(a.state, 'not known'))
  END AS reason,
  coalesce(w.at, a.changed_at, a.observed_at) AS at,
  coalesce(a.state, 'unknown') AS observed,
  'OK' AS expected
FROM last_alarms a
LEFT JOIN went_off w ON a.alarm_name = w.alarm_name
