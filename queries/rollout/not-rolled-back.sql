-- id = "rollout.not-rolled-back"
-- title = "The rollout was not rolled back, failed or stopped"
-- level = "block"
-- owner = "shared"
-- requires = ["deployments", "service_deployments", "service_revisions", "service_events"]
-- conclusive = "fail"
-- advice = "Read the service deployment's statusReason and the service events: they say why it ended."
-- #
-- # `serviceDeployments[].status` decides (ROLLBACK_..., STOPPED), and `deployments[].rolloutState` (FAILED);
-- # `statusReason` and `rolloutStateReason` explain. The event "(deployment ...) deployment failed" is a second
-- # witness, where the fields cannot be read or were never seen in that state.
-- # A rollout that was stopped because another one followed was superseded, not rolled back:
-- # rollout.expected-revision reports it, and this check skips it.
-- # ROLLBACK_FAILED with "No rollback candidate was found" is a first deployment that failed: the reason
-- # hides the cause.

-- Aggregates, so that each is one row even where there is none.
WITH judged_service_deployment AS (
  SELECT
    max(status) AS status,
    max(coalesce(rollback_started_at, stopped_at, finished_at, updated_at, observed_at)) AS at,
    max(
      concat(
        coalesce(status, '(no status)'), ': ',
        coalesce(nullif(status_reason, ''), nullif(rollback_reason, ''), 'ECS gives no reason'),
        CASE
          WHEN circuit_breaker_failures > 0
            THEN concat(
              ' (', CAST(circuit_breaker_failures AS VARCHAR), ' failed tasks, threshold ',
              coalesce(CAST(circuit_breaker_threshold AS VARCHAR), 'unknown'), ')'
            )
          ELSE ''
        END,
        CASE WHEN triggered_alarms IS NOT NULL THEN concat(' (alarms: ', triggered_alarms, ')') ELSE '' END
      )
    ) AS told
  FROM latest_service_deployments
  WHERE judged
),
judged_deployment AS (
  SELECT
    max(rollout_state) AS state, max(rollout_state_reason) AS reason, max(coalesce(updated_at, observed_at)) AS at
  FROM latest_deployments
  WHERE judged
),
failure_events AS (
  SELECT min(e.created_at) AS at, min(e.message) AS message
  FROM service_events e
  JOIN target ON strpos(e.message, concat('(deployment ', target.deployment_id, ') deployment failed')) > 0
  WHERE target.deployment_id IS NOT NULL
),
-- Tasks that the rollback starts, and that do not start.
rollback_tasks AS (
  SELECT count(*) AS tasks, max(coalesce(nullif(t.stopped_reason, ''), 'no reason is given')) AS told
  FROM latest_tasks t
  JOIN rollout r ON t.created_at >= r.evidence_from
  WHERE NOT t.judged AND NOT t.one_off AND t.stop_code = 'TaskFailedToStart'
),
-- Why the alarms went off, where that was read.
fired_alarms AS (
  SELECT string_agg(told, '; ' ORDER BY told) AS told
  FROM (
    SELECT DISTINCT concat(a.alarm_name, ': ', split_part(a.reason, ' (minimum ', 1)) AS told
    FROM alarms a
    JOIN rollout r ON coalesce(a.changed_at, a.observed_at) >= r.evidence_from
    WHERE a.state = 'ALARM' AND a.reason IS NOT NULL
  ) fired
),
judgement AS (
  SELECT
    r.resource AS resource,
    s.status, s.told, s.at AS service_deployment_at,
    d.state, coalesce(nullif(d.reason, ''), 'ECS gives no reason') AS state_reason, d.at AS deployment_at,
    f.message, f.at AS failed_at,
    coalesce(s.status LIKE 'ROLLBACK%', FALSE) AS is_rolled_back,
    coalesce(s.status IN ('STOP_REQUESTED', 'STOPPED'), FALSE) AS is_stopped,
    coalesce(d.state = 'FAILED', FALSE) AS is_failed,
    f.message IS NOT NULL AS is_told,
    coalesce(strpos(s.told, 'by user') > 0, FALSE) AS is_by_a_person,
    coalesce(strpos(s.told, 'alarm') > 0, FALSE) OR coalesce(strpos(d.reason, 'alarm') > 0, FALSE)
      OR coalesce(strpos(f.message, 'alarm') > 0, FALSE) AS is_by_an_alarm,
    b.tasks AS rollback_tasks, b.told AS rollback_told,
    coalesce('; ' || w.told, '') AS alarm_told,
    j.superseded_by IS NOT NULL AS is_superseded,
    coalesce(s.status NOT IN ('SUCCESSFUL', 'PENDING', 'IN_PROGRESS'), FALSE) AS is_odd
  FROM rollout r
  CROSS JOIN judged_rollout j
  CROSS JOIN judged_service_deployment s
  CROSS JOIN judged_deployment d
  CROSS JOIN failure_events f
  CROSS JOIN rollback_tasks b
  CROSS JOIN fired_alarms w
  WHERE s.status IS NOT NULL OR d.at IS NOT NULL OR f.message IS NOT NULL
)
SELECT
  resource,
  CASE
    WHEN is_rolled_back OR is_failed OR is_told THEN 'fail'
    WHEN is_stopped AND is_superseded THEN 'skip'
    WHEN is_stopped THEN 'fail'
    WHEN is_odd THEN 'unknown'
    ELSE 'pass'
  END AS status,
  CASE
    WHEN status = 'ROLLBACK_FAILED' THEN concat('the rollback failed: ', told)
    WHEN status IN ('ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS') AND rollback_tasks > 0
      THEN concat('the rollback cannot start ', CAST(rollback_tasks AS VARCHAR), ' tasks: ', rollback_told, ' (', told, ')')
    WHEN status IN ('ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS')
      THEN concat('it is being rolled back by ', CASE WHEN is_by_a_person THEN 'a person' ELSE 'ECS' END, ': ', told)
    WHEN is_rolled_back AND is_by_a_person THEN concat('rolled back by a person: ', told)
    WHEN is_rolled_back AND is_by_an_alarm THEN concat('rolled back by ECS: ', told, alarm_told)
    WHEN is_rolled_back THEN concat('rolled back by ECS: ', told)
    WHEN is_failed AND is_by_an_alarm THEN concat('failed: ', state_reason, alarm_told)
    WHEN is_failed THEN concat('failed: ', state_reason)
    WHEN is_told AND is_by_an_alarm THEN concat(message, alarm_told)
    WHEN is_told THEN message
    WHEN is_stopped AND is_superseded THEN 'it was stopped because another rollout followed'
    WHEN is_stopped THEN concat('stopped by a person: ', told)
    WHEN is_odd THEN concat('the status of its service deployment, ', status, ', is not known to this check')
    ELSE concat(
      'rollout state ', coalesce(state, '(none)'), ', service deployment ', coalesce(status, 'not seen')
    )
  END AS reason,
  CASE
    WHEN is_rolled_back OR is_stopped THEN service_deployment_at
    WHEN is_told THEN failed_at
    ELSE coalesce(deployment_at, service_deployment_at)
  END AS at,
  coalesce(nullif(concat_ws(', ', status, state), ''), 'a service event') AS observed,
  'neither rolled back, failed nor stopped' AS expected,
  CASE
    WHEN is_by_a_person OR is_stopped THEN 'Ask who stopped it: CloudTrail has the call StopServiceDeployment. Roll out again when the reason is gone.'
    WHEN is_by_an_alarm THEN 'Look at the alarm that is named: ECS rolled back because it went off.'
    WHEN is_rolled_back OR is_failed OR is_told THEN 'Tasks kept failing: the tasks.* checks and the log signatures have the cause. Mend it and roll out again.'
  END AS advice,
  message AS event,
  CASE WHEN is_failed THEN state_reason END AS rollout_state_reason
FROM judgement
