-- The one-off tasks of the release (`[collect] tasks`). Those with the same overrides are tries of one thing, of which the newest counts; those with different overrides are different things.
-- + task_arn VARCHAR: `taskArn`.
-- + task_id VARCHAR: Its id.
-- + selected_by VARCHAR?: Which of `task_selectors` it is a task of.
-- + is_newest: Whether it is the newest try.
-- + newest_ended_well: Whether the newest try ended well.
-- + is_retried: Whether a later try was started.
-- + is_ambiguous: Whether the environment of its overrides was redacted, so that nobody can tell a try from another thing.
-- + is_stopped: Whether it stopped, or is stopping.
-- + ended_well: Whether it stopped and every essential container exited with 0.
-- + exit_codes VARCHAR: The exit code of every container, e.g. `migrate=1 otel=0`.
WITH exits AS (
  SELECT
    task_arn,
    count(CASE WHEN essential IS NOT FALSE THEN 1 END) AS containers,
    count(CASE WHEN essential IS NOT FALSE AND exit_code = 0 THEN 1 END) AS well,
    string_agg(concat(container, '=', coalesce(CAST(exit_code AS VARCHAR), '?')), ' ' ORDER BY container) AS exit_codes
  FROM latest_containers
  GROUP BY task_arn
),
tries AS (
  SELECT
    t.task_arn, t.task_id, t.selected_by, t.is_stopped,
    coalesce(json_as_text(t.raw, 'overrides'), '') AS overrides,
    t.is_stopped AND coalesce(x.containers > 0 AND x.well = x.containers, FALSE)
      AND coalesce(t.stop_code, '') <> 'TaskFailedToStart' AS ended_well,
    coalesce(x.exit_codes, '?') AS exit_codes,
    row_number() OVER (
      PARTITION BY t.selected_by, coalesce(json_as_text(t.raw, 'overrides'), '')
      ORDER BY t.created_at DESC, t.task_arn
    ) AS place
  FROM latest_tasks t
  LEFT JOIN exits x ON t.task_arn = x.task_arn
  WHERE t.one_off
)
SELECT
  t.task_arn AS task_arn,
  t.task_id AS task_id,
  t.selected_by AS selected_by,
  t.place = 1 AS is_newest,
  coalesce(n.ended_well, FALSE) AS newest_ended_well,
  t.place > 1 AS is_retried,
  strpos(t.overrides, '[redacted') > 0 AS is_ambiguous,
  t.is_stopped AS is_stopped,
  t.ended_well AS ended_well,
  t.exit_codes AS exit_codes
FROM tries t
LEFT JOIN (SELECT selected_by, overrides, ended_well FROM tries WHERE place = 1) n
  ON t.selected_by = n.selected_by AND t.overrides = n.overrides
