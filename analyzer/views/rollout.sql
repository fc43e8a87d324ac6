-- How the rollout of the judged release stands at the end: one row, whatever is known.
-- + deployment_id VARCHAR?: The judged deployment (or task set); null where it was never seen.
-- + kind VARCHAR?: `deployment` or `task set`; null where it was never seen.
-- + created_at TIMESTAMP?: When it was created.
-- + is_primary: Whether the last snapshot lists it as PRIMARY.
-- + completed: Whether ECS calls it complete (`rolloutState` COMPLETED, `stabilityStatus` STEADY_STATE); where there is no rollout state, whether every task that is desired runs and none is pending.
-- + completed_at TIMESTAMP?: When it completed: the event that says so, or the first snapshot that does, whichever is earlier.
-- + failed: Whether ECS calls it failed (`rolloutState` FAILED).
-- + is_over: Whether it failed, or is no longer PRIMARY while another is.
-- + in_progress: Whether it is PRIMARY (of task sets: alive) and neither complete nor failed.
-- + is_full: Whether as many tasks run as are desired.
WITH releases AS (
  SELECT
    deployment_id AS id,
    'deployment' AS kind,
    created_at,
    current AND status = 'PRIMARY' AS is_primary,
    current AND status = 'PRIMARY' AS is_alive,
    rollout_state = 'COMPLETED'
      OR rollout_state IS NULL AND pending_count = 0 AND running_count >= desired_count AS completed,
    rollout_state = 'FAILED' AS failed,
    running_count >= desired_count AS is_full
  FROM latest_deployments
  WHERE judged
  UNION ALL
  SELECT
    task_set_id AS id,
    'task set' AS kind,
    created_at,
    current AND status = 'PRIMARY' AS is_primary,
    current AND status IN ('PRIMARY', 'ACTIVE') AS is_alive,
    stability_status = 'STEADY_STATE' AS completed,
    CAST(NULL AS BOOLEAN) AS failed,
    running_count >= computed_desired_count AS is_full
  FROM latest_task_sets
  WHERE judged
),
-- Aggregates, so that each is one row even where there is none.
release AS (
  SELECT
    max(id) AS id,
    max(kind) AS kind,
    max(created_at) AS created_at,
    coalesce(bool_or(is_primary), FALSE) AS is_primary,
    coalesce(bool_or(is_alive), FALSE) AS is_alive,
    coalesce(bool_or(completed), FALSE) AS completed,
    coalesce(bool_or(failed), FALSE) AS failed,
    coalesce(bool_or(is_full), FALSE) AS is_full
  FROM releases
),
others AS (
  SELECT count(*) AS primaries
  FROM (
    SELECT deployment_id AS id FROM latest_deployments WHERE current AND status = 'PRIMARY' AND NOT judged
    UNION ALL
    SELECT task_set_id AS id FROM latest_task_sets WHERE current AND status = 'PRIMARY' AND NOT judged
  ) primary_releases
),
completions AS (
  SELECT min(at) AS at
  FROM (
    SELECT d.observed_at AS at
    FROM deployments d
    JOIN target ON d.deployment_id = target.deployment_id
    WHERE d.rollout_state = 'COMPLETED'
    UNION ALL
    SELECT e.created_at AS at
    FROM service_events e
    JOIN target ON strpos(e.message, concat('(deployment ', target.deployment_id, ') deployment completed')) > 0
    WHERE target.deployment_id IS NOT NULL
    UNION ALL
    SELECT coalesce(s.stability_status_at, s.observed_at) AS at
    FROM task_sets s
    JOIN target ON s.task_set_id = target.deployment_id
    WHERE s.stability_status = 'STEADY_STATE'
  ) moments
)
SELECT
  r.id AS deployment_id,
  r.kind AS kind,
  coalesce(r.created_at, target.deployment_created_at) AS created_at,
  r.is_primary AS is_primary,
  r.completed AS completed,
  c.at AS completed_at,
  r.failed AS failed,
  r.failed OR r.id IS NOT NULL AND NOT r.is_alive AND o.primaries > 0 AS is_over,
  r.is_alive AND NOT r.completed AND NOT r.failed AS in_progress,
  r.is_full AS is_full
FROM release r
CROSS JOIN others o
CROSS JOIN completions c
CROSS JOIN target
