-- The last state of every task that was ever seen, stopped ones too.
-- + snapshots BIGINT: In how many snapshots it was described.
-- + judged: Whether it belongs to the deployment that is judged: `started_by` is that deployment, or, where the deployment was never seen, the task definition is the judged one.
-- + one_off: Whether it is a one-off task that the config names (`[collect] tasks`), created recently enough to belong to the release.
-- + reasons VARCHAR?: Its `stoppedReason` and its containers' reasons, in one text; null where there is none.
-- + start_failure VARCHAR?: Where it failed to start (`stopCode` TaskFailedToStart), what its reasons name: `image`, `memory`, `resource` or `other`.
SELECT
  t.*,
  CASE
    WHEN t.stop_code IS DISTINCT FROM 'TaskFailedToStart' THEN NULL
    WHEN strpos(coalesce(t.reasons, ''), 'CannotPull') > 0 THEN 'image'
    WHEN strpos(coalesce(t.reasons, ''), 'OutOfMemory') > 0 THEN 'memory'
    WHEN regexp_like(
      coalesce(t.reasons, ''),
      'ResourceInitializationError|CannotCreate[A-Za-z]*Error|CannotStartContainerError.*logging driver|network interface|RESOURCE:'
    ) THEN 'resource'
    ELSE 'other'
  END AS start_failure
FROM (
  SELECT
    t.*,
    last.snapshots AS snapshots,
    CASE
      WHEN target.deployment_id IS NOT NULL THEN coalesce(t.started_by = target.deployment_id, FALSE)
      ELSE coalesce(t.task_definition = target.task_definition, FALSE)
    END AS judged,
    coalesce(
      CAST(t.created_at AS BIGINT)
        >= CAST(coalesce(target.deployment_created_at, target.window_from) AS BIGINT) - s.since_ms,
      FALSE
    ) AS one_off,
    CAST(nullif(concat_ws('; ', nullif(t.stopped_reason, ''), r.text), '') AS VARCHAR) AS reasons
  FROM tasks t
  JOIN (SELECT task_arn, max(snapshot) AS snapshot, count(*) AS snapshots FROM tasks GROUP BY task_arn) last
    ON t.task_arn = last.task_arn AND t.snapshot = last.snapshot
  LEFT JOIN (
    SELECT task_arn, snapshot, string_agg(nullif(reason, ''), '; ' ORDER BY container) AS text
    FROM containers
    GROUP BY task_arn, snapshot
  ) r
    ON t.task_arn = r.task_arn AND t.snapshot = r.snapshot
  LEFT JOIN task_selectors s ON t.selected_by = s.selector
  CROSS JOIN target
) t
