-- id = "rollout.expected-revision"
-- title = "The service runs this release, and no older one"
-- level = "block"
-- owner = "shared"
-- requires = ["services", "deployments"]
-- conclusive = "fail"
-- advice = "Compare the pipeline's task definition with what the service runs."
-- #
-- # `deployments[].status`: the judged deployment must be PRIMARY. Under the CODE_DEPLOY and EXTERNAL controllers it is
-- # `taskSets[].status`. A steady service proves nothing: after a rollback the old revision is PRIMARY, COMPLETED and
-- # stable, and it may have the same task definition. `serviceDeployments[]` have the newest rollout.
-- # ECS answers with some delay after an update: in a live observation, a release that was not seen yet is
-- # waited for during the first 30 seconds.

WITH releases AS (
  SELECT
    'deployment' AS kind, deployment_id AS id, status, created_at, running_count, judged, current,
    current AND NOT judged AND running_count IS DISTINCT FROM 0 AS is_beside
  FROM latest_deployments
  UNION ALL
  SELECT
    'task set' AS kind, task_set_id AS id, status, created_at, running_count, judged, current,
    FALSE AS is_beside
  FROM latest_task_sets
),
-- Aggregates, so that it is one row even where there is none. A task set that waits for its termination, or takes a share of
-- the traffic, is meant to run on beside the release; a deployment is not.
summary AS (
  SELECT
    max(CASE WHEN judged THEN kind END) AS kind,
    max(CASE WHEN judged THEN status END) AS status,
    max(CASE WHEN judged THEN created_at END) AS created_at,
    coalesce(bool_or(judged AND current), FALSE) AS current,
    count(CASE WHEN is_beside THEN 1 END) AS beside_releases,
    sum(CASE WHEN is_beside THEN running_count END) AS beside_tasks,
    string_agg(CASE WHEN is_beside THEN id END, ', ' ORDER BY id) AS beside_ids
  FROM releases
),
judgement AS (
  SELECT
    target.service, target.deployment_id,
    r.primary_id, r.primary_created_at,
    coalesce(nullif(split_part(r.primary_task_definition, '/', 2), ''), r.primary_task_definition, 'unknown') AS primary_revision,
    coalesce(
      nullif(split_part(target.task_definition, '/', 2), ''), target.task_definition,
      nullif(split_part(target.expected_task_definition, '/', 2), ''), target.expected_task_definition, 'the release'
    ) AS judged_revision,
    coalesce(nullif(split_part(target.expected_task_definition, '/', 2), ''), target.expected_task_definition) AS expected_revision,
    coalesce(j.superseded_by, '') AS newest_id,
    concat(
      coalesce(nullif(split_part(j.superseded_by_task_definition, '/', 2), ''), 'unknown'),
      coalesce(', registered by ' || nullif(split_part(by_whom.registered_by, ':', 6), ''), '')
    ) AS newest_revision,
    j.superseded_at AS superseded_at,
    j.superseded_by IS NOT NULL AS is_superseded,
    coalesce(j.superseded_by_task_definition <> target.task_definition, FALSE) AS is_another_release,
    target.expected_service_deployment IS NOT NULL AND read.gaps > 0 AS may_not_be_seen,
    target.deployment_id IS NULL AND target.service_deployment_arn IS NULL AS never_seen,
    coalesce(
      'the deployment ' || target.expected_deployment,
      'the service deployment ' || split_part(target.expected_service_deployment, '/', 4)
    ) AS named,
    r.failed OR strpos(coalesce(r.service_deployment_status, ''), 'ROLLBACK') > 0 AS is_given_up,
    strpos(coalesce(r.service_deployment_status, ''), 'ROLLBACK') > 0
      OR r.failed AND coalesce(r.service_deployment_status, '') NOT LIKE 'STOP%' AS is_rolled_back,
    r.completed, r.in_progress, r.is_described,
    coalesce(r.service_deployment_status, '') = 'SUCCESSFUL' AND target.deployment_id IS NULL
      AND r.primary_task_definition = target.task_definition AS is_successful,
    s.beside_releases, s.beside_tasks, s.beside_ids,
    (NOT r.ended OR target.stop_reason <> 'imported') AND coalesce(CAST(target.window_to AS BIGINT) - CAST(target.window_from AS BIGINT) < 30000, TRUE)
      AS too_early,
    coalesce(
      s.kind = 'task set' AND s.status = 'ACTIVE' AND s.current AND s.created_at >= r.primary_created_at, FALSE
    ) AS before_the_shift,
    coalesce(
      target.expected_task_definition IS NOT NULL AND target.task_definition IS NOT NULL
        AND target.task_definition <> target.expected_task_definition
        AND split_part(target.task_definition, '/', 2) <> target.expected_task_definition,
      FALSE
    ) AS is_other_definition
  FROM target
  CROSS JOIN summary s
  CROSS JOIN rollout r
  CROSS JOIN judged_rollout j
  LEFT JOIN (
    SELECT task_definition, max(json_get_str(raw, 'registeredBy')) AS registered_by FROM task_definitions GROUP BY task_definition
  ) by_whom ON by_whom.task_definition = j.superseded_by_task_definition
  CROSS JOIN (
    SELECT count(*) AS gaps FROM latest_sources WHERE feeds = 'service_deployments' AND status <> 'complete'
  ) read
)
SELECT
  concat('service ', service) AS resource,
  CASE
    WHEN is_other_definition THEN 'fail'
    WHEN never_seen AND too_early THEN 'pending'
    WHEN never_seen AND (may_not_be_seen OR primary_id IS NULL AND newest_id = '') THEN 'unknown'
    WHEN never_seen THEN 'fail'
    WHEN is_superseded AND completed AND is_another_release AND (NOT is_described OR coalesce(primary_id = deployment_id, FALSE))
      THEN 'unknown'
    WHEN is_superseded OR is_given_up THEN 'fail'
    WHEN primary_id IS NULL THEN 'unknown'
    WHEN primary_id = deployment_id AND beside_releases > 0 THEN 'pending'
    WHEN primary_id = deployment_id OR is_successful THEN 'pass'
    WHEN before_the_shift OR in_progress THEN 'pending'
    WHEN deployment_id IS NULL THEN 'unknown'
    ELSE 'fail'
  END AS status,
  CASE
    WHEN is_other_definition THEN concat('the rollout that was named brings ', judged_revision, ', and ', expected_revision, ' is expected')
    WHEN never_seen AND may_not_be_seen THEN concat(named, ' was not seen, for not every service deployment could be read')
    WHEN never_seen AND primary_id IS NULL AND newest_id = '' THEN 'nothing says which revision is PRIMARY'
    WHEN never_seen
      THEN concat(
        coalesce(named || ' was never seen: ', judged_revision || ' was never rolled out: '), coalesce(primary_id, newest_id), ' (task definition ',
        CASE WHEN primary_id IS NULL THEN newest_revision ELSE primary_revision END, ') is PRIMARY'
      )
    WHEN is_rolled_back
      THEN concat('rolled back: ', coalesce(primary_id, 'nothing'), ' (task definition ', primary_revision, ') is PRIMARY')
    WHEN is_superseded AND completed AND is_another_release AND primary_id = deployment_id
      THEN concat(
        'the release completed and is PRIMARY, but ', newest_id, ' (task definition ', newest_revision,
        ') was rolled out after it, and what became of that is not known'
      )
    WHEN is_superseded AND completed AND primary_id = deployment_id
      THEN concat('the release completed and is PRIMARY, but ', newest_id, ' (task definition ', newest_revision, ') was rolled out after it')
    WHEN is_superseded AND completed AND is_another_release AND NOT is_described
      THEN concat(
        'the release completed, ', newest_id, ' (task definition ', newest_revision,
        ') was rolled out after it, and nothing says which is PRIMARY at the end'
      )
    WHEN is_superseded AND completed
      THEN concat('the release completed, and was then replaced by ', newest_id, ' (task definition ', newest_revision, ')')
    WHEN is_superseded
      THEN concat('superseded by ', newest_id, ' (task definition ', newest_revision, ') before the release completed')
    WHEN is_given_up
      THEN concat('stopped: ', coalesce(primary_id, 'nothing'), ' (task definition ', primary_revision, ') is PRIMARY')
    WHEN primary_id IS NULL THEN 'nothing says which revision is PRIMARY'
    WHEN primary_id = deployment_id AND beside_releases > 0
      THEN concat('the release is PRIMARY, but ', CAST(beside_tasks AS VARCHAR), ' tasks of ', beside_ids, ' still run')
    WHEN primary_id = deployment_id OR is_successful
      THEN concat(primary_id, ' (task definition ', primary_revision, ') is PRIMARY and alone')
    WHEN before_the_shift
      THEN concat('the task set of the release is not PRIMARY yet: ', primary_id, ' (task definition ', primary_revision, ') still is')
    WHEN in_progress THEN concat('the release is in progress: ', primary_id, ' (task definition ', primary_revision, ') is PRIMARY')
    ELSE concat(primary_id, ' (task definition ', primary_revision, ') is PRIMARY')
  END AS reason,
  CASE
    WHEN is_other_definition THEN 'Name the rollout and the task definition that belong together, or only one of them.'
    WHEN never_seen THEN 'The service was not updated to the release: compare the pipeline''s task definition with what terraform applied.'
    WHEN is_rolled_back THEN 'Look for the cause in the failing tasks.* checks and log signatures, mend it, and roll out again.'
    WHEN is_superseded THEN 'Judge the newer rollout in place of this one, and find out who started it.'
    WHEN is_given_up THEN 'Ask who stopped the rollout: CloudTrail has the call StopServiceDeployment.'
    WHEN primary_id = deployment_id OR before_the_shift OR in_progress THEN 'Wait, or raise the timeout: the rollout is still in progress.'
  END AS advice,
  coalesce(superseded_at, primary_created_at) AS at,
  CASE
    WHEN is_superseded AND newest_id <> '' THEN concat(newest_id, ' ', newest_revision)
    WHEN is_given_up AND primary_id = deployment_id THEN concat(primary_id, ' ', primary_revision, ', given up')
    ELSE concat(coalesce(primary_id, 'no PRIMARY'), ' ', primary_revision)
  END AS observed,
  CASE
    WHEN is_other_definition THEN expected_revision
    WHEN never_seen THEN coalesce(named, judged_revision) ELSE concat(coalesce(deployment_id, 'a deployment of'), ' ', judged_revision)
  END
    AS expected
FROM judgement
