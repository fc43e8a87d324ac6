//! Refusals of the sandbox, each with its message.

use std::fmt::Write as _;
use std::time::Duration;

use super::world::{self, check, healthy, pack, refused};
use crate::{AnalyzeError, Evidence, Options, Outcome, Settings, analyze, query};

/// The errors of a check with this query, one line each.
async fn refusals(sql: &str) -> String {
    let pack = pack(&[("a.sql", check("a", "\"tasks\"", "none", sql))]);
    let errors = refused(pack).await;
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A query of the right shape over a source.
fn over(from: &str) -> String {
    format!("SELECT 'r' AS resource, 'pass' AS status, 'x' AS reason FROM {from}")
}

/// A query of the right shape with an expression.
fn with(expression: &str) -> String {
    format!("SELECT task_arn AS resource, 'pass' AS status, 'x' AS reason, {expression} AS observed\nFROM tasks")
}

#[tokio::test]
async fn every_refusal_names_file_line_and_remedy() {
    let mut table = String::new();
    let queries: Vec<String> = [
        // No query, or more than one.
        "", "SELECT", "SELECT 1 FROM\n\nWHERE", "SELECT 1;\nSELECT 2", "COPY tasks TO 'x.csv'", "SET a = 1",
        "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "INSERT INTO tasks SELECT 1", "DELETE FROM tasks",
        "CREATE TABLE t AS SELECT 1", "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'x'", "DROP TABLE tasks",
        "SHOW TABLES", "SELECT 1 AS resource INTO x FROM tasks", "PREPARE p AS SELECT 1", "BEGIN", "RESET x",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain(
        // Not a table of the bundle.
        [
            "'/etc/passwd'", "\"/etc/passwd\"", "'data/tasks.parquet'", "\"s3://bucket/x.parquet\"", "\"tasks.parquet\"",
            "task", "information_schema.tables", "casefile.evidence.tasks", "range(1, 10)", "generate_series(1, 10)",
            "UNNEST(range(1, 10))", "read_parquet('x')",
            "(WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT n FROM t)",
        ]
        .map(over),
    )
    .chain(
        // Not a function of a check.
        [
            "now()", "current_timestamp", "current_date", "CURRENT_TIME", "today()", "random()", "uuid()", "version()",
            "arrow_typeof(task_arn)", "stddev(snapshot)", "approx_distinct(task_arn)", "input_file_name()",
            "md5(task_arn)", "sqrt(snapshot)", "nosuchfunction(task_arn)", "(SELECT sum(CAST(snapshot AS DOUBLE)) FROM tasks)",
            "(SELECT avg(snapshot) FROM tasks)", "(SELECT array_agg(task_arn) FROM tasks)", "(SELECT first_value(task_arn) FROM tasks)",
            "(SELECT string_agg(task_arn, ',') FROM tasks)", "(SELECT sum(task_arn) FROM tasks)", "max(snapshot)",
            "row_number() OVER ()", "count(*) OVER (ROWS UNBOUNDED PRECEDING)", "sum(CAST(snapshot AS REAL)) OVER (ORDER BY task_arn)",
            "(SELECT max(now()) FROM services)", "(SELECT random() FROM services WHERE services.snapshot = tasks.snapshot)",
            "@@version", "$1", "array_transform(make_array(1), x -> x + 1)", "EXTRACT(epoch FROM now())",
        ]
        .map(with),
    )
    .chain(
        // Misspelt names and wrong shapes.
        [
            "SELECT task_arn AS resource, 'pass' AS status,\n  'x' AS reason, last_statuss AS observed\nFROM tasks",
            "SELECT t.task_arn AS resource, 'pass' AS status, 'x' AS reason FROM tasks t\nJOIN containers c ON t.task_arn = c.task_arn WHERE snapshot = 1",
            "SELECT task_arn AS resource, 'pass' AS status FROM tasks",
            "SELECT task_arn AS resource, 1 AS status, 'x' AS reason FROM tasks",
            "SELECT snapshot AS resource, 'pass' AS status, 'x' AS reason FROM tasks",
            "SELECT task_arn AS resource, 'pass' AS status, 'x' AS reason, task_id AS at FROM tasks",
            "SELECT task_arn AS resource, 'passed' AS status, 'x' AS reason FROM tasks",
            "SELECT * FROM (SELECT task_arn AS resource, CASE WHEN snapshot > 1 THEN 'fail' ELSE 'PASS' END AS status, 'x' AS reason FROM tasks) ORDER BY 1",
            "SELECT 'r' AS resource, 'pass' AS status, 'x' AS reason FROM tasks UNION ALL SELECT 'r', 'failed', 'x' FROM tasks",
            "SELECT task_arn AS resource, 'pass' AS status, 'x' AS reason FROM tasks LIMIT 1",
            "SELECT task_arn AS resource, 'pass' AS status, 'x' AS reason FROM tasks WHERE stopped_at + task_arn > 1",
        ]
        .map(str::to_owned),
    )
    .collect();
    for sql in queries {
        let refusals = refusals(&sql).await;
        assert!(!refusals.is_empty(), "not refused: {sql}");
        assert!(refusals.lines().next().is_some_and(|line| line.starts_with("q/a.sql:")), "{sql}\n{refusals}");
        writeln!(table, "{sql}\n    {}", refusals.replace('\n', "\n    ")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn what_checks_need_is_allowed() {
    for sql in [
        with("EXTRACT(epoch FROM stopped_at - started_at)"),
        with("date_part('epoch', stopped_at)"),
        with("stopped_at - started_at > INTERVAL '5 minutes'"),
        with("substring(task_arn FROM 3)"),
        with("position('x' IN task_arn)"),
        with("task_arn || '!'"),
        with("regexp_like(stopped_reason, '^Cannot')"),
        with("regexp_match(stopped_reason, 'code ([0-9]+)')[1]"),
        with("stopped_reason ILIKE '%memory%'"),
        with("count(*) OVER (PARTITION BY started_by)"),
        with("lag(last_status) OVER (PARTITION BY task_arn ORDER BY snapshot)"),
        with("CASE WHEN stop_code IN ('a', 'b') THEN 1 ELSE 0 END"),
        with("substr(task_arn, 3)"),
        with("char_length(task_arn)"),
        "SELECT task_arn AS resource, 'fail' AS status, 'x' AS reason FROM tasks WHERE EXISTS (SELECT 1 FROM containers c WHERE c.task_arn = tasks.task_arn AND c.exit_code <> 0)".to_owned(),
        "WITH dead AS (SELECT started_by, count(*) AS n, sum(snapshot) AS s, string_agg(task_id, ', ' ORDER BY task_id) AS ids FROM tasks GROUP BY started_by) SELECT started_by AS resource, CASE WHEN n > 3 THEN 'fail' ELSE 'pass' END AS status, ids AS reason FROM dead ORDER BY n LIMIT 3".to_owned(),
        "SELECT m.task_id AS resource, 'fail' AS status, m.message AS reason, m.timestamp AS at FROM signature_matches m JOIN signatures s ON m.signature = s.signature WHERE m.judged".to_owned(),
        "SELECT s.feeds AS resource, CASE WHEN s.status = 'complete' THEN 'pass' ELSE 'unknown' END AS status, coalesce(s.error, '') AS reason, s.observed_at AS at FROM latest_sources s".to_owned(),
    ] {
        assert_eq!(refusals(&sql).await, "", "{sql}");
    }
}

#[tokio::test]
async fn a_check_that_reads_lines_says_so() {
    // While a collection runs, lines are not kept: such a check must be known to wait.
    let sql = "SELECT log_stream AS resource, 'pass' AS status, max(message) AS reason FROM (SELECT * FROM log_events) GROUP BY 1";
    insta::assert_snapshot!(refusals(sql).await);
}

async fn ran(sql: &str, options: &Options) -> (Outcome, String) {
    let pack = pack(&[("a.sql", check("a", "\"target\"", "none", sql))]);
    let mut world = healthy(&[10, 20, 30, 300]);
    for snapshot in 100..400 {
        world.add(casefile_evidence::tables::SnapshotRow {
            snapshot,
            observed_at: world::at(1),
            documents: 0,
            assumed: false,
        });
    }
    let evidence = Evidence::rows(world.all()).unwrap();
    let verdict = analyze(&evidence, &pack, &Settings::default(), options).await.unwrap();
    (verdict.checks[0].outcome, verdict.checks[0].reason.clone())
}

#[tokio::test]
async fn limits_end_a_check_with_a_clear_error() {
    let many = "SELECT concat('r', a.snapshot) AS resource, 'pass' AS status, 'x' AS reason FROM snapshots a CROSS JOIN snapshots b";
    let endless = "SELECT 'r' AS resource, 'pass' AS status, concat(count(*)) AS reason FROM snapshots a CROSS JOIN snapshots b CROSS JOIN snapshots c CROSS JOIN snapshots d WHERE concat(a.snapshot, b.snapshot, c.snapshot, d.snapshot) <> 'x'";
    let hungry = "SELECT 'r' AS resource, 'pass' AS status, concat(count(DISTINCT concat(a.snapshot, ' ', b.snapshot, ' ', c.snapshot))) AS reason FROM snapshots a CROSS JOIN snapshots b CROSS JOIN snapshots c";
    let rows = ran(many, &Options { row_limit: 1000, ..Default::default() }).await;
    let started = std::time::Instant::now();
    let options = Options { timeout: Duration::from_secs(1), memory_limit: 2 << 30, ..Default::default() };
    let time = ran(endless, &options).await;
    assert!(started.elapsed() < Duration::from_secs(20), "it was stopped after {:?}", started.elapsed());
    let memory = ran(hungry, &Options { memory_limit: 8 << 20, ..Default::default() }).await;
    insta::assert_debug_snapshot!([rows, time, memory]);
}

#[tokio::test]
async fn a_row_that_says_no_status_is_an_error_of_the_check() {
    let computed = "SELECT 'r' AS resource, concat('PA', 'SS') AS status, 'x' AS reason";
    let null = "SELECT 'r' AS resource, CAST(NULL AS VARCHAR) AS status, 'x' AS reason";
    let nobody = "SELECT CAST(NULL AS VARCHAR) AS resource, 'pass' AS status, 'x' AS reason";
    let division =
        "SELECT 'r' AS resource, 'pass' AS status, concat(1 / (snapshot - snapshot)) AS reason FROM snapshots";
    let mut errors = Vec::new();
    for sql in [computed, null, nobody, division] {
        errors.push(ran(sql, &Options::default()).await);
    }
    insta::assert_debug_snapshot!(errors);
}

#[tokio::test]
async fn a_question_may_ask_more_than_a_check_and_no_more_than_the_bundle() {
    let evidence = Evidence::rows(healthy(&[10, 300]).all()).unwrap();
    let ask = async |sql: &str| match query(&evidence, sql, &world::settings(), &Options::default()).await {
        Ok(answer) => arrow::util::pretty::pretty_format_batches(&answer.batches).unwrap().to_string(),
        Err(error @ (AnalyzeError::Query(_) | AnalyzeError::Limit(_))) => error.to_string(),
        Err(other) => panic!("{other:?}"),
    };
    let mut answers = Vec::new();
    for sql in [
        "SELECT signature, matches FROM signatures ORDER BY signature",
        "SELECT task_id, judged, avg(snapshot) AS n FROM latest_tasks GROUP BY task_id, judged ORDER BY task_id LIMIT 1",
        "SELECT arrow_typeof(observed_at) AS t FROM tasks LIMIT 1",
        "SELECT now()",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM log_event",
        "SELECT 1; SELECT 2",
        "COPY tasks TO 'x'",
        "SELECT a.snapshot FROM log_events a CROSS JOIN log_events b CROSS JOIN log_events c CROSS JOIN log_events d CROSS JOIN log_events e CROSS JOIN log_events f CROSS JOIN log_events g",
    ] {
        answers.push(format!("{sql}\n{}", ask(sql).await));
    }
    insta::assert_snapshot!(answers.join("\n\n"));
}
