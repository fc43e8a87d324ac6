-- The last state of every task that was ever seen, stopped ones too.
-- + snapshots BIGINT: In how many snapshots it was described.
-- + judged: Whether it belongs to the judged rollout (`judged_tasks`).
-- + one_off: Whether it is a one-off task that the config names (`[collect] tasks`), created recently enough to belong to the release.
-- + is_stopped: Whether it stopped, or is stopping.
-- + ended_at TIMESTAMP?: When it stopped; null while it runs.
-- + state VARCHAR: Its last status in words, with its stop code where there is one; where it has not started for 2 minutes, for how long.
SELECT
  t.*,
  CASE
    WHEN t.is_stopped
      THEN coalesce(t.execution_stopped_at, t.stopping_at, t.stopped_at, t.observed_at)
  END AS ended_at,
  concat(
    'last status ', coalesce(t.last_status, 'unknown'), coalesce(', stopped: ' || nullif(t.stop_code, ''), ''),
    CASE
      WHEN t.last_status IN ('PROVISIONING', 'PENDING', 'ACTIVATING') AND CAST(t.observed_at AS BIGINT) - CAST(t.created_at AS BIGINT) >= 120000
        THEN concat(', ', CAST((CAST(t.observed_at AS BIGINT) - CAST(t.created_at AS BIGINT)) / 60000 AS VARCHAR), ' min after its creation')
      ELSE ''
    END
  ) AS state
FROM (
  SELECT
    t.*,
    last.snapshots AS snapshots,
    own.task_arn IS NOT NULL AS judged,
    -- Without a time of creation it is recent all the same: ECS forgets a stopped task within about an hour.
    s.selector IS NOT NULL AND coalesce(
      CAST(last.created_at AS BIGINT)
        >= CAST(coalesce(rollout.evidence_from, target.window_from) AS BIGINT) - s.since_ms,
      TRUE
    ) AS one_off,
    coalesce(
      nullif(t.stop_code, '') IS NOT NULL OR t.last_status IN ('DEPROVISIONING', 'STOPPED', 'DELETED'), FALSE
    ) AS is_stopped
  FROM tasks t
  JOIN (SELECT task_arn, max(snapshot) AS snapshot, count(*) AS snapshots, max(created_at) AS created_at FROM tasks GROUP BY task_arn) last
    ON t.task_arn = last.task_arn AND t.snapshot = last.snapshot
  LEFT JOIN judged_tasks own ON t.task_arn = own.task_arn
  LEFT JOIN task_selectors s ON t.selected_by = s.selector
  CROSS JOIN judged_rollout rollout
  CROSS JOIN target
) t
