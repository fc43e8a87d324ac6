-- The state of the judged rollout: always one row.
-- + resource VARCHAR: A name for the rollout: its deployment, else its service deployment, else the release.
-- + deployment_id VARCHAR?: The judged deployment (or task set); null where it was never seen.
-- + service_deployment_status VARCHAR?: `serviceDeployments[].status`; null where it is not known at the end.
-- + created_at TIMESTAMP?: When it was created.
-- + evidence_from TIMESTAMP?: Evidence is needed from this moment (`judged_rollout`).
-- + ends_from TIMESTAMP?: The ends of tasks count from this moment (`judged_rollout`).
-- + nothing_deployed: Whether nothing was deployed (`judged_rollout`).
-- + ended: Whether the collection has ended.
-- + is_primary: Whether the last snapshot lists it as PRIMARY.
-- + primary_id VARCHAR?: The deployment (or task set) that the last snapshot lists as PRIMARY.
-- + primary_task_definition VARCHAR?: Its task definition.
-- + primary_created_at TIMESTAMP?: When it was created.
-- + completed: Whether it is complete: its service deployment is SUCCESSFUL; where that is not known, `rolloutState` COMPLETED or `stabilityStatus` STEADY_STATE; where there is no rollout state, every desired task runs and none is pending.
-- + completed_at TIMESTAMP?: When it completed: `finishedAt` of its service deployment; else the event that says so or the first snapshot that does, whichever is earlier; where there is no rollout state, the snapshot since which all counts are full.
-- + failed: Whether it failed: `rolloutState` FAILED, a service deployment that was stopped or rolled back, or the event "(deployment ...) deployment failed".
-- + is_over: Whether it failed, or is no longer PRIMARY while another is.
-- + in_progress: Whether it is neither complete nor over.
-- + is_described: Whether the last snapshot describes the service.
-- + is_full BOOLEAN?: Whether it is PRIMARY (of task sets: alive) and as many tasks run as are desired; null where that is not known, as where the last snapshot does not describe the service.
-- + is_stable: Whether it was watched for `target.stable_for_ms` after it completed.
-- + tolerated_deaths BIGINT?: How many tasks may die by their own fault before completion: `[rollout] tolerated_deaths`, else one or a tenth of the desired count, whichever is more; null where the desired count is not known.
WITH releases AS (
  SELECT
    deployment_id AS id, task_definition, created_at, judged,
    current AND status = 'PRIMARY' AS is_primary,
    current AND status = 'PRIMARY' AS is_alive,
    CASE
      WHEN rollout_state IS NULL THEN pending_count = 0 AND running_count >= desired_count
      ELSE rollout_state = 'COMPLETED'
    END AS completed,
    rollout_state = 'FAILED' AS failed,
    running_count >= desired_count AS is_full
  FROM latest_deployments
  UNION ALL
  SELECT
    task_set_id AS id, task_definition, created_at, judged,
    current AND status = 'PRIMARY' AS is_primary,
    current AND status IN ('PRIMARY', 'ACTIVE') AS is_alive,
    stability_status = 'STEADY_STATE' AS completed,
    CAST(NULL AS BOOLEAN) AS failed,
    running_count >= computed_desired_count AS is_full
  FROM latest_task_sets
),
-- Aggregates, so that each is one row even where there is none.
release AS (
  SELECT
    coalesce(bool_or(judged), FALSE) AS is_seen,
    coalesce(bool_or(judged AND is_primary), FALSE) AS is_primary,
    coalesce(bool_or(judged AND is_alive), FALSE) AS is_alive,
    coalesce(bool_or(judged AND completed), FALSE) AS completed,
    coalesce(bool_or(judged AND failed), FALSE) AS failed,
    bool_or(CASE WHEN judged THEN is_full END) AS is_full,
    coalesce(bool_or(NOT judged AND is_primary), FALSE) AS is_another_primary,
    max(CASE WHEN is_primary THEN id END) AS primary_id,
    max(CASE WHEN is_primary THEN task_definition END) AS primary_task_definition,
    max(CASE WHEN is_primary THEN created_at END) AS primary_created_at
  FROM releases
),
-- A service deployment that is in progress in an old answer may have ended since.
service_deployment AS (
  SELECT max(status) AS status, max(finished_at) AS finished_at
  FROM latest_service_deployments
  WHERE judged AND (current OR status NOT IN ('PENDING', 'IN_PROGRESS'))
),
-- Counts of an earlier snapshot say nothing of the end.
last_look AS (
  SELECT coalesce(max(services.snapshot) >= max(s.snapshot), FALSE) AS is_described
  FROM (SELECT max(snapshot) AS snapshot FROM snapshots) s
  CROSS JOIN (SELECT max(snapshot) AS snapshot FROM services) services
),
deployment_looks AS (
  SELECT
    d.rollout_state, d.snapshot, d.observed_at,
    max(
      CASE
        WHEN d.rollout_state IS NULL AND coalesce(d.pending_count > 0 OR d.running_count < d.desired_count, TRUE) THEN d.snapshot
      END
    ) OVER () AS last_not_full
  FROM deployments d
  JOIN target ON d.deployment_id = target.deployment_id
),
deployment_completion AS (
  SELECT min(observed_at) AS completed_at
  FROM deployment_looks
  WHERE rollout_state = 'COMPLETED' OR rollout_state IS NULL AND snapshot > coalesce(last_not_full, -1)
),
task_set_completion AS (
  SELECT min(coalesce(s.stability_status_at, s.observed_at)) AS completed_at
  FROM task_sets s
  JOIN target ON s.task_set_id = target.deployment_id
  WHERE s.stability_status = 'STEADY_STATE'
),
events AS (
  SELECT
    min(CASE WHEN strpos(e.message, concat('(deployment ', t.deployment_id, ') deployment completed')) > 0 THEN e.created_at END)
      AS completed_at,
    count(CASE WHEN strpos(e.message, concat('(deployment ', t.deployment_id, ') deployment failed')) > 0 THEN 1 END) AS failures
  FROM service_events e
  JOIN target t ON t.deployment_id IS NOT NULL
),
desired AS (
  SELECT max(desired_count) AS tasks FROM latest_services
),
standing AS (
  SELECT
    coalesce(
      CASE WHEN target.deployment_controller = 'ECS' THEN 'deployment ' ELSE 'task set ' END || target.deployment_id,
      'service deployment ' || nullif(split_part(target.service_deployment_arn, '/', 4), ''),
      'task definition ' || nullif(split_part(coalesce(target.task_definition, target.expected_task_definition), '/', 2), ''),
      'service ' || target.service
    ) AS resource,
    target.deployment_id AS deployment_id,
    target.window_to AS window_to,
    target.stable_for_ms AS stable_for_ms,
    s.status AS service_deployment_status,
    target.deployment_created_at AS created_at,
    j.evidence_from AS evidence_from,
    j.ends_from AS ends_from,
    j.nothing_deployed AS nothing_deployed,
    j.ended AS ended,
    r.is_primary AS is_primary,
    r.primary_id, r.primary_task_definition, r.primary_created_at,
    CASE WHEN s.status IS NULL THEN r.completed ELSE s.status = 'SUCCESSFUL' END AS completed,
    coalesce(s.finished_at, least(d.completed_at, t.completed_at, e.completed_at)) AS completed_at,
    r.failed OR e.failures > 0 OR coalesce(s.status LIKE 'ROLLBACK%' OR s.status LIKE 'STOP%', FALSE) AS failed,
    r.is_seen AND NOT r.is_alive AND r.is_another_primary AS is_replaced,
    r.is_alive AS is_alive,
    last_look.is_described AS is_described,
    CASE
      WHEN last_look.is_described THEN CASE WHEN r.is_alive THEN r.is_full WHEN r.is_seen OR r.is_another_primary THEN FALSE END
    END AS is_full,
    coalesce(j.tolerated_deaths, CASE WHEN desired.tasks IS NOT NULL THEN greatest(1, desired.tasks / 10) END) AS tolerated_deaths
  FROM release r
  CROSS JOIN last_look
  CROSS JOIN service_deployment s
  CROSS JOIN deployment_completion d
  CROSS JOIN task_set_completion t
  CROSS JOIN events e
  CROSS JOIN desired
  CROSS JOIN judged_rollout j
  CROSS JOIN target
)
SELECT
  CAST(resource AS VARCHAR) AS resource,
  deployment_id,
  service_deployment_status,
  created_at,
  evidence_from,
  ends_from,
  nothing_deployed,
  ended,
  is_primary,
  primary_id,
  primary_task_definition,
  primary_created_at,
  completed,
  CASE WHEN completed THEN completed_at END AS completed_at,
  failed,
  failed OR is_replaced AS is_over,
  (is_alive OR service_deployment_status IN ('PENDING', 'IN_PROGRESS')) IS TRUE AND NOT completed AND NOT failed
    AS in_progress,
  is_described,
  is_full,
  coalesce(
    completed AND CAST(window_to AS BIGINT) - CAST(completed_at AS BIGINT) >= stable_for_ms, FALSE
  ) AS is_stable,
  tolerated_deaths
FROM standing
