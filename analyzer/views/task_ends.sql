-- One row for each involuntary end of a task of the judged rollout or of a one-off task, and for each restart in place of an essential container: its cause, and whether it healed. A task that stopped in a scale-in, or because its rollout was replaced, has no row.
-- + task_arn VARCHAR: `taskArn`.
-- + task_id VARCHAR: Its id.
-- + container VARCHAR?: The container that failed first; null where none is known to have failed.
-- + one_off: Whether it is a one-off task.
-- + cause VARCHAR: `image`, `resource`, `command`, `start` (it failed to start), `exit`, `memory`, `health`, `restart`, `spot`, `host`, `maintenance`, `rebalancing`, `by_hand` or `unexplained`.
-- + phase VARCHAR: `before` or `after` the rollout completed.
-- + standing VARCHAR: `open` (the rollout still runs), `healed`, `stands`, or `unknown` (the cause is not known, and it did not heal; or whether it healed is not known).
-- + owner VARCHAR: Who takes over: `service`, `platform` or `shared`.
-- + own_fault: Whether the task died by its own fault: exit, memory, health or restart.
-- + at TIMESTAMP: When it ended.
-- + stop_code VARCHAR?: `stopCode`; null where there is none.
-- + exit_codes VARCHAR: The exit code of every container, e.g. `app=1 otel=0`.
-- + reason VARCHAR: The cause in words, with the texts of ECS.
-- + status VARCHAR: The status of a check's row about it: `pass` where it healed, `pending` while it is open, `fail` where it stands, else `unknown`.
-- + status_reason VARCHAR: The reason of that row: that it healed, and `reason`.
WITH parts AS (
  SELECT
    c.*,
    c.added_by_aws AND c.essential
      AND (coalesce(c.exit_code NOT IN (0, 137, 143), FALSE) OR coalesce(c.reason, '') LIKE 'OutOfMemory%') AS aws_failed
  FROM latest_containers c
),
ranked AS (
  SELECT
    c.task_arn, c.container, c.exit_code, c.reason, c.health_status, c.essential, c.added_by_aws, c.aws_failed,
    -- ECS gives no time for a container's end. A program that is stopped because another one failed exits with 0, 137 or 143.
    row_number() OVER (
      PARTITION BY c.task_arn
      ORDER BY
        CASE
          WHEN c.aws_failed THEN 2
          WHEN c.added_by_aws THEN 5
          WHEN coalesce(c.reason, '') LIKE 'OutOfMemory%' THEN 0
          WHEN c.exit_code NOT IN (0, 137, 143) THEN 1
          WHEN coalesce(c.reason, '') <> '' THEN 3
          ELSE 4
        END,
        CASE WHEN c.essential THEN 0 ELSE 1 END,
        c.container
    ) AS place
  FROM parts c
),
exits AS (
  SELECT
    task_arn,
    string_agg(concat(container, '=', coalesce(CAST(exit_code AS VARCHAR), '?')), ' ' ORDER BY place) AS exit_codes,
    nullif(string_agg(nullif(reason, ''), '; ' ORDER BY place), '') AS reasons,
    bool_or(NOT added_by_aws AND coalesce(essential, TRUE) AND coalesce(reason, '') LIKE 'OutOfMemory%') AS out_of_memory,
    bool_or(NOT added_by_aws AND coalesce(exit_code NOT IN (0, 137, 143), FALSE)) AS failed,
    bool_or(aws_failed) AS aws_failed,
    coalesce(bool_and(added_by_aws) FILTER (WHERE health_status = 'UNHEALTHY'), FALSE) AS aws_unhealthy,
    max(CASE WHEN place = 1 AND (coalesce(exit_code, 0) <> 0 OR coalesce(reason, '') <> '') THEN container END) AS container,
    max(CASE WHEN place = 1 THEN exit_code END) AS exit_code
  FROM ranked
  GROUP BY task_arn
),
unhealthy AS (
  SELECT DISTINCT regexp_match(message, '\(task ([0-9a-f-]+)\)')[1] AS task_id
  FROM service_events
  WHERE strpos(message, 'failed container health checks') > 0 OR regexp_like(message, 'is (unhealthy|not healthy) in ')
),
stopped AS (
  SELECT
    t.task_arn, t.task_id, t.one_off, t.judged, t.started_at, t.ended_at AS at,
    (CAST(t.ended_at AS BIGINT) - CAST(t.started_at AS BIGINT)) / 1000 AS lived_s,
    nullif(t.stop_code, '') AS stop_code,
    coalesce(t.stopped_reason, '') AS text,
    -- On Fargate a container's reason repeats the task's.
    CASE
      WHEN coalesce(strpos(x.reasons, t.stopped_reason) > 0, FALSE) THEN x.reasons
      ELSE concat_ws('; ', nullif(t.stopped_reason, ''), x.reasons)
    END AS texts,
    coalesce(t.health_status = 'UNHEALTHY', FALSE) OR u.task_id IS NOT NULL AS is_unhealthy,
    coalesce(x.exit_codes, '?') AS exit_codes,
    x.container, x.exit_code,
    coalesce(x.out_of_memory, FALSE) OR strpos(coalesce(t.stopped_reason, ''), 'OutOfMemory') > 0 AS out_of_memory,
    coalesce(x.failed, FALSE) AS failed,
    coalesce(x.aws_unhealthy, FALSE) AS aws_unhealthy,
    coalesce(x.aws_failed AND NOT x.failed AND NOT x.out_of_memory, FALSE) AS aws_failed,
    o.is_retried, o.newest_ended_well, o.is_ambiguous, coalesce(o.ended_well, FALSE) AS ended_well
  FROM latest_tasks t
  LEFT JOIN exits x ON t.task_arn = x.task_arn
  LEFT JOIN unhealthy u ON t.task_id = u.task_id
  LEFT JOIN one_off_tasks o ON t.task_arn = o.task_arn
  WHERE (t.judged OR t.one_off) AND t.is_stopped
),
classified AS (
  SELECT
    s.*,
    -- The texts are those of AWS documentation, "Amazon ECS stopped tasks error messages" and its pages (TaskFailedToStart: "Unexpected
    -- EC2 error while attempting to Create Network Interface ...", "Capacity is unavailable at this time", "InternalError"), and
    -- "Task retirement and maintenance for AWS Fargate".
    CASE
      WHEN s.out_of_memory THEN 'memory'
      WHEN s.stop_code = 'TaskFailedToStart' AND regexp_like(s.texts, 'executable file not found|exec format error|CannotStartContainerError.*(no such file or directory|permission denied|not a directory)') THEN 'command'
      WHEN s.stop_code = 'TaskFailedToStart' AND s.failed THEN 'exit'
      WHEN s.stop_code = 'TaskFailedToStart' AND strpos(s.texts, 'CannotPull') > 0 THEN 'image'
      WHEN s.stop_code = 'TaskFailedToStart' AND regexp_like(s.texts, 'ResourceInitializationError|CannotCreate[A-Za-z]*Error|CannotStartContainerError.*logging driver|[Nn]etwork [Ii]nterface|[Tt]imeout waiting for|EBS volume|unable to assume|Capacity is unavailable|reached the limit on|InternalError|ResourceNotFoundException|not compatible with the selected compute strategy|RESOURCE:|EMPTY CAPACITY|(^|: )AGENT$|MISSING ATTRIBUTE') THEN 'resource'
      WHEN s.stop_code = 'TaskFailedToStart' THEN 'start'
      WHEN s.stop_code = 'EssentialContainerExited' THEN 'exit'
      WHEN s.stop_code = 'UserInitiated' THEN 'by_hand'
      WHEN regexp_like(s.text, '[Ff]ailed .*health checks?') THEN 'health'
      WHEN s.stop_code = 'SpotInterruption' OR regexp_like(s.text, 'Spot .*interrupt') THEN 'spot'
      WHEN s.stop_code IN ('TerminationNotice', 'InfrastructureHealth') OR regexp_like(s.text, 'Host EC2 \(instance|[Ii]nstance (was )?(terminat|stopp|deregist)|Container instance deregistration') THEN 'host'
      WHEN regexp_like(s.text, 'performing maintenance|[Rr]etire|DRAINING') THEN 'maintenance'
      WHEN s.stop_code = 'ServiceSchedulerInitiated' AND strpos(s.text, 'Scaling activity initiated by') > 0 THEN 'scaling'
      WHEN regexp_like(s.text, '[Rr]ebalanc') THEN 'rebalancing'
      WHEN coalesce(s.stop_code, 'ServiceSchedulerInitiated') = 'ServiceSchedulerInitiated' AND s.is_unhealthy THEN 'health'
      WHEN s.stop_code = 'ServiceSchedulerInitiated' AND NOT r.is_primary THEN 'scaling'
      WHEN s.stop_code IS NULL AND s.failed THEN 'exit'
      ELSE 'unexplained'
    END AS cause
  FROM stopped s
  CROSS JOIN rollout r
),
-- A restart in place (`restartPolicy`) shows as another `runtimeId` of the same container.
runtimes AS (
  SELECT c.task_arn, c.container, c.runtime_id, min(c.observed_at) AS at, max(c.observed_at) AS last_at
  FROM containers c
  WHERE c.runtime_id IS NOT NULL
  GROUP BY c.task_arn, c.container, c.runtime_id
),
restarts AS (
  SELECT
    u.task_arn, u.container, u.at,
    row_number() OVER (PARTITION BY u.task_arn, u.container ORDER BY u.at, u.runtime_id) AS run,
    lag(u.last_at) OVER (PARTITION BY u.task_arn, u.container ORDER BY u.at, u.runtime_id) AS not_before
  FROM runtimes u
),
ends AS (
  SELECT
    task_arn, task_id, container, one_off, at, at AS not_before, stop_code, exit_codes, cause,
    is_retried, newest_ended_well, is_ambiguous,
    CASE
      WHEN cause = 'exit' AND aws_failed OR cause = 'health' AND aws_unhealthy THEN 'platform'
      WHEN cause = 'image' AND regexp_like(texts, 'AccessDenied|[Aa]ccess [Dd]enied|403|no basic auth|not authorized') THEN 'platform'
      WHEN cause = 'image' AND regexp_like(texts, '[Nn]ot [Ff]ound|does not exist|manifest unknown|(matching|match) .*platform|no matching manifest') THEN 'service'
      WHEN cause = 'resource' AND regexp_like(texts, 'log group does not exist') THEN 'service'
      WHEN cause IN ('exit', 'memory', 'health', 'command') THEN 'service'
      WHEN cause IN ('by_hand', 'unexplained', 'start') THEN 'shared'
      ELSE 'platform'
    END AS owner,
    cause IN ('memory', 'health') OR cause = 'exit' AND NOT aws_failed AS own_fault,
    concat(
      CASE
        WHEN cause IN ('exit', 'memory') AND container IS NOT NULL
          THEN concat('container ', container, ' exited with ', coalesce(CAST(exit_code AS VARCHAR), 'an unknown code'))
        WHEN cause = 'exit' AND stop_code = 'EssentialContainerExited'
          THEN concat('an essential container exited: ', exit_codes)
        WHEN cause = 'health' THEN 'stopped because a health check failed'
        WHEN stop_code = 'TaskFailedToStart' AND cause IN ('image', 'command') AND container IS NOT NULL
          THEN concat('container ', container, ' failed to start')
        WHEN stop_code = 'TaskFailedToStart' THEN 'failed to start'
        ELSE concat('stopped: ', coalesce(stop_code, 'no stop code'))
      END,
      CASE
        WHEN cause NOT IN ('exit', 'memory', 'health') OR started_at IS NULL OR at < started_at THEN ''
        WHEN lived_s < 7200 THEN concat(' after ', CAST(lived_s AS VARCHAR), ' s')
        WHEN lived_s < 172800 THEN concat(' after ', CAST(lived_s / 3600 AS VARCHAR), ' h')
        ELSE concat(' after ', CAST(lived_s / 86400 AS VARCHAR), ' days')
      END,
      -- That an essential container exited is said already.
      CASE
        WHEN cause = 'exit' AND container IS NOT NULL AND texts = 'Essential container in task exited' THEN ''
        ELSE coalesce(': ' || nullif(texts, ''), '')
      END
    ) AS reason
  FROM classified
  WHERE cause <> 'scaling' AND NOT (one_off AND ended_well)
  UNION ALL
  SELECT
    t.task_arn, t.task_id, s.container, FALSE AS one_off, s.at, s.not_before, CAST(NULL AS VARCHAR) AS stop_code,
    '?' AS exit_codes, 'restart' AS cause,
    CAST(NULL AS BOOLEAN) AS is_retried, CAST(NULL AS BOOLEAN) AS newest_ended_well,
    CAST(NULL AS BOOLEAN) AS is_ambiguous,
    'service' AS owner, TRUE AS own_fault,
    concat('container ', s.container, ' exited and was restarted in place (restart ', CAST(s.run - 1 AS VARCHAR), ')') AS reason
  FROM restarts s
  JOIN latest_tasks t ON s.task_arn = t.task_arn AND t.judged
  JOIN latest_containers c ON s.task_arn = c.task_arn AND s.container = c.container
    AND coalesce(c.essential, TRUE) AND NOT c.added_by_aws
  WHERE s.run > 1
),
-- If nothing was deployed, ends since the apply began count. If its beginning is unknown, the hour before
-- the first snapshot counts, and one end in it may have healed.
counted AS (
  SELECT
    e.*,
    -- A restart in place happened between two looks.
    CASE WHEN r.completed AND e.not_before > r.completed_at THEN 'after' ELSE 'before' END AS phase,
    coalesce(r.nothing_deployed AND e.at < r.evidence_from AND target.started_after IS NULL, FALSE) AS may_have_healed
  FROM ends e
  CROSS JOIN rollout r
  CROSS JOIN target
  WHERE e.one_off OR NOT r.nothing_deployed OR coalesce(e.at >= r.ends_from, TRUE)
),
with_totals AS (
  SELECT
    e.*,
    count(CASE WHEN (own_fault OR cause = 'exit') AND NOT one_off THEN 1 END) OVER () AS own_deaths,
    count(CASE WHEN (own_fault OR cause = 'exit') AND NOT one_off AND phase = 'after' AND NOT may_have_healed THEN 1 END) OVER ()
      AS own_deaths_after,
    count(CASE WHEN NOT one_off AND cause IN ('image', 'resource', 'command', 'start') THEN 1 END) OVER () AS failed_starts
  FROM counted e
),
judgement AS (
  SELECT
    e.*,
    CASE
      WHEN e.one_off AND coalesce(e.is_retried, FALSE) AND coalesce(e.is_ambiguous, FALSE) THEN 'unknown'
      WHEN e.one_off AND coalesce(e.is_retried, FALSE) THEN 'healed'
      WHEN e.one_off THEN 'stands'
      -- An exit of a container of AWS's own is not the task's fault, and counts as a death all the same.
      WHEN (e.own_fault OR e.cause = 'exit')
        AND (e.own_deaths > r.tolerated_deaths OR e.phase = 'after' AND NOT e.may_have_healed OR e.own_deaths_after > 0) THEN 'stands'
      -- More than one died, and how many may is not known.
      WHEN (e.own_fault OR e.cause = 'exit') AND e.own_deaths > 1 AND r.tolerated_deaths IS NULL
        THEN CASE WHEN r.ended THEN 'unknown' ELSE 'open' END
      WHEN NOT r.completed AND r.is_over THEN 'stands'
      WHEN NOT r.completed AND e.cause IN ('image', 'resource', 'command', 'start') AND e.failed_starts > r.tolerated_deaths
        AND (r.ended OR e.owner = 'service') THEN 'stands'
      WHEN NOT r.completed THEN 'open'
      -- A task that the platform could not start was tried again (a scale-out that waited for an address).
      WHEN e.phase = 'after' AND e.cause IN ('image', 'resource') AND e.owner = 'platform' AND e.failed_starts > r.tolerated_deaths
        THEN 'stands'
      WHEN e.phase = 'after' AND NOT e.may_have_healed AND e.cause NOT IN ('spot', 'host', 'maintenance', 'rebalancing', 'by_hand')
        AND NOT (e.cause IN ('image', 'resource') AND e.owner = 'platform') THEN 'stands'
      WHEN r.is_over THEN 'healed'
      WHEN r.is_full AND (r.is_stable OR e.phase = 'after') THEN 'healed'
      WHEN r.is_full OR NOT r.ended THEN 'open'
      WHEN r.is_full IS NULL THEN 'unknown'
      ELSE 'stands'
    END AS standing
  FROM with_totals e
  CROSS JOIN rollout r
),
told AS (
  SELECT
    j.task_arn, j.task_id, j.container, j.one_off, j.cause, j.phase, j.owner, j.own_fault, j.at, j.stop_code, j.exit_codes,
    j.reason,
    CASE WHEN j.standing = 'stands' AND j.cause = 'unexplained' THEN 'unknown' ELSE j.standing END AS standing
  FROM judgement j
)
SELECT
  task_arn,
  task_id,
  container,
  one_off,
  CAST(cause AS VARCHAR) AS cause,
  CAST(phase AS VARCHAR) AS phase,
  CAST(standing AS VARCHAR) AS standing,
  CAST(owner AS VARCHAR) AS owner,
  own_fault,
  at,
  stop_code,
  CAST(exit_codes AS VARCHAR) AS exit_codes,
  CAST(reason AS VARCHAR) AS reason,
  CAST(
    CASE standing WHEN 'healed' THEN 'pass' WHEN 'open' THEN 'pending' WHEN 'stands' THEN 'fail' ELSE 'unknown' END AS VARCHAR
  ) AS status,
  CAST(concat(CASE standing WHEN 'healed' THEN 'healed: ' ELSE '' END, reason) AS VARCHAR) AS status_reason
FROM told
