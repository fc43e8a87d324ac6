-- The one-off tasks of the release (`[collect] tasks`). Tasks with the same overrides are tries of the same job, and the newest try counts. Tasks with different overrides are different jobs.
-- + task_arn VARCHAR: `taskArn`.
-- + task_id VARCHAR: Its id.
-- + selected_by VARCHAR?: The selector that chose it (`task_selectors.selector`).
-- + is_newest: Whether it is the newest try.
-- + newest_ended_well: Whether the newest try ended well.
-- + is_retried: Whether a later try was started.
-- + is_ambiguous: Whether the environment of its overrides was redacted, or its overrides are not there, so that tries and different jobs look alike.
-- + is_stopped: Whether it stopped, or is stopping.
-- + ended_well: Whether it stopped and every essential container exited with 0.
-- + exit_codes VARCHAR: The exit code of every container, e.g. `migrate=1 otel=0`.
WITH exits AS (
  SELECT
    task_arn,
    count(CASE WHEN NOT added_by_aws AND coalesce(essential, TRUE) THEN 1 END) AS containers,
    count(CASE WHEN NOT added_by_aws AND coalesce(essential, TRUE) AND exit_code = 0 THEN 1 END) AS well,
    string_agg(concat(container, '=', coalesce(CAST(exit_code AS VARCHAR), '?')), ' ' ORDER BY container) AS exit_codes
  FROM latest_containers
  GROUP BY task_arn
),
tries AS (
  SELECT
    t.task_arn, t.task_id, t.selected_by, t.is_stopped,
    t.overrides,
    t.is_stopped AND coalesce(x.containers > 0 AND x.well = x.containers, FALSE)
      AND coalesce(t.stop_code, '') <> 'TaskFailedToStart' AS ended_well,
    coalesce(x.exit_codes, '?') AS exit_codes,
    row_number() OVER (
      PARTITION BY t.selected_by, t.overrides
      ORDER BY t.created_at DESC, t.task_arn
    ) AS place
  FROM (
    SELECT
      task_arn, task_id, selected_by, is_stopped, stop_code, created_at,
      nullif(concat(json_as_text(raw, 'overrides'), ''), '') AS overrides
    FROM latest_tasks
    WHERE one_off
  ) t
  LEFT JOIN exits x ON t.task_arn = x.task_arn
)
SELECT
  task_arn,
  task_id,
  selected_by,
  place = 1 AS is_newest,
  coalesce(bool_or(place = 1 AND ended_well) OVER (PARTITION BY selected_by, overrides), FALSE) AS newest_ended_well,
  place > 1 AS is_retried,
  coalesce(strpos(overrides, '[redacted') > 0, TRUE) AS is_ambiguous,
  is_stopped,
  ended_well,
  CAST(exit_codes AS VARCHAR) AS exit_codes
FROM tries
