-- id = "rollout.expected-revision"
-- title = "The expected revision is PRIMARY at the end, and nothing older runs beside it"
-- level = "block"
-- owner = "shared"
-- requires = ["services", "deployments"]
-- conclusive = "fail"
-- advice = "The release is not what runs. Rolled back: read the failing tasks.* checks and the log signatures for the cause. Superseded: find out who deployed the other revision, and judge that one instead. Never deployed: compare the pipeline's task definition with what terraform applied."
-- #
-- # `deployments[].status` decides: the one that is PRIMARY must be the judged one. Under the CODE_DEPLOY
-- # and EXTERNAL controllers it is `taskSets[].status`. A steady service proves nothing: after a rollback
-- # the old revision is PRIMARY, COMPLETED and stable.
-- # Why it is another is told by `rolloutState`, `serviceDeployments[].status` and `createdAt`: a newer
-- # PRIMARY without a rollback is another release that superseded this one. Events are a second witness.
-- # ECS answers with some delay after an update: in a live observation, a release that was not seen yet is
-- # waited for during the first 30 seconds.

WITH releases AS (
  SELECT
    'deployment' AS kind, deployment_id AS id, status, task_definition, created_at, running_count,
    rollout_state AS state, coalesce(rollout_state_reason, '') AS state_reason, judged, current
  FROM latest_deployments
  UNION ALL
  SELECT
    'task set' AS kind, task_set_id AS id, status, task_definition, created_at, running_count,
    stability_status AS state, '' AS state_reason, judged, current
  FROM latest_task_sets
),
-- Aggregates, so that each is one row even where there is none.
now_primary AS (
  SELECT
    max(id) AS id, max(task_definition) AS task_definition, max(created_at) AS created_at,
    max(state_reason) AS state_reason
  FROM releases
  WHERE current AND status = 'PRIMARY'
),
judged_release AS (
  SELECT
    max(kind) AS kind, max(status) AS status, max(created_at) AS created_at, max(state) AS state,
    coalesce(bool_or(current), FALSE) AS current
  FROM releases
  WHERE judged
),
-- A task set that waits for its termination, or takes a share of the traffic, is meant to run on.
beside AS (
  SELECT count(*) AS releases, sum(running_count) AS tasks, string_agg(id, ', ' ORDER BY id) AS ids
  FROM releases
  WHERE current AND NOT judged AND kind = 'deployment' AND running_count IS DISTINCT FROM 0
),
judged_service_deployment AS (
  SELECT
    max(status) AS status,
    coalesce(bool_or(status LIKE 'ROLLBACK%'), FALSE) AS rolled_back,
    coalesce(bool_or(status = 'SUCCESSFUL'), FALSE) AS successful
  FROM latest_service_deployments
  WHERE judged
),
completions AS (
  SELECT count(*) AS snapshots
  FROM deployments d
  JOIN target ON d.deployment_id = target.deployment_id
  WHERE d.rollout_state = 'COMPLETED'
),
rollback_events AS (
  SELECT count(*) AS events
  FROM service_events e
  CROSS JOIN target
  CROSS JOIN now_primary
  WHERE e.created_at >= target.deployment_created_at
    AND (
      target.deployment_id IS NOT NULL
        AND strpos(e.message, concat('(deployment ', target.deployment_id, ') deployment failed')) > 0
      OR now_primary.id IS NOT NULL
        AND strpos(e.message, concat('rolling back to deployment ', now_primary.id, '.')) > 0
    )
),
judgement AS (
  SELECT
    target.service, target.deployment_id,
    now_primary.id AS primary_id,
    now_primary.created_at AS primary_created_at,
    coalesce(nullif(split_part(now_primary.task_definition, '/', 2), ''), now_primary.task_definition, 'unknown')
      AS primary_revision,
    coalesce(
      nullif(split_part(target.task_definition, '/', 2), ''), target.task_definition,
      nullif(split_part(target.expected_task_definition, '/', 2), ''), target.expected_task_definition, 'the release'
    ) AS judged_revision,
    beside.releases AS beside_releases, beside.tasks AS beside_tasks, beside.ids AS beside_ids,
    completions.snapshots > 0 OR judged_service_deployment.successful
      OR coalesce(judged_release.state IN ('COMPLETED', 'STEADY_STATE'), FALSE) AS completed,
    judged_service_deployment.rolled_back
      OR rollback_events.events > 0
      OR coalesce(judged_release.state = 'FAILED', FALSE)
      OR strpos(coalesce(now_primary.state_reason, ''), 'rolling back') > 0 AS rolled_back,
    target.deployment_id IS NULL AND judged_service_deployment.status IS NULL AS never_seen,
    target.stop_reason <> 'imported'
      AND CAST(target.window_to AS BIGINT) - CAST(target.window_from AS BIGINT) < 30000 AS too_early,
    coalesce(
      judged_release.kind = 'task set' AND judged_release.status = 'ACTIVE' AND judged_release.current
        AND judged_release.created_at >= now_primary.created_at,
      FALSE
    ) AS before_the_shift,
    coalesce(now_primary.created_at > coalesce(judged_release.created_at, target.deployment_created_at), FALSE)
      AS primary_is_newer
  FROM target
  CROSS JOIN now_primary
  CROSS JOIN judged_release
  CROSS JOIN beside
  CROSS JOIN judged_service_deployment
  CROSS JOIN completions
  CROSS JOIN rollback_events
)
SELECT
  concat('service ', service) AS resource,
  CASE
    WHEN primary_id IS NULL THEN 'unknown'
    WHEN primary_id = deployment_id AND beside_releases = 0 THEN 'pass'
    WHEN primary_id = deployment_id THEN 'pending'
    WHEN before_the_shift THEN 'pending'
    WHEN never_seen AND too_early IS NOT FALSE THEN 'pending'
    ELSE 'fail'
  END AS status,
  CASE
    WHEN primary_id IS NULL THEN 'nothing says which revision is PRIMARY'
    WHEN primary_id = deployment_id AND beside_releases = 0
      THEN concat(primary_id, ' (task definition ', primary_revision, ') is PRIMARY and alone')
    WHEN primary_id = deployment_id
      THEN concat('it is PRIMARY, but ', CAST(beside_tasks AS VARCHAR), ' tasks of ', beside_ids, ' still run')
    WHEN before_the_shift
      THEN concat('its task set is not PRIMARY yet: ', primary_id, ' (task definition ', primary_revision, ') still is')
    WHEN never_seen
      THEN concat(
        judged_revision, ' was never seen deployed: ', primary_id, ' (task definition ', primary_revision,
        ') is PRIMARY'
      )
    WHEN rolled_back
      THEN concat('rolled back: ', primary_id, ' (task definition ', primary_revision, ') is PRIMARY')
    WHEN primary_is_newer AND completed
      THEN concat(
        'it completed, and was then replaced by ', primary_id, ' (task definition ', primary_revision, ')'
      )
    WHEN primary_is_newer
      THEN concat('superseded by ', primary_id, ' (task definition ', primary_revision, ') before it completed')
    ELSE concat('the older ', primary_id, ' (task definition ', primary_revision, ') is PRIMARY')
  END AS reason,
  primary_created_at AS at,
  concat(coalesce(primary_id, 'no PRIMARY'), ' ', primary_revision) AS observed,
  concat(coalesce(deployment_id, 'a deployment of'), ' ', judged_revision) AS expected
FROM judgement
