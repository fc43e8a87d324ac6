//! Lint findings of checks.

use super::world::pack;
use crate::lint;

fn file(header: &str, prose: &str, sql: &str) -> String {
    format!(
        "-- id = \"a.b\"\n-- title = \"t\"\n-- level = \"advise\"\n-- owner = \"service\"\n-- requires = [\"tasks\"]\n\
         -- conclusive = \"fail\"\n{header}{prose}{sql}\n"
    )
}

const ADVICE: &str = "-- advice = \"look at it\"\n";
const PROSE: &str = "-- #\n-- # `tasks[].stopCode` decides.\n";

#[tokio::test]
async fn findings() {
    let plain = "SELECT task_id AS resource, 'pass' AS status, 'x' AS reason FROM latest_tasks";
    let status = |case: &str| format!("SELECT task_id AS resource, {case} AS status, 'x' AS reason FROM latest_tasks");
    let cases = [
        ("sound", file(ADVICE, PROSE, plain)),
        ("no advice", file("", PROSE, plain)),
        ("no prose", file(ADVICE, "", plain)),
        ("a null passes", file(ADVICE, PROSE, &status("CASE WHEN stop_code = 'x' THEN 'fail' ELSE 'pass' END"))),
        ("a null of several conditions", file(ADVICE, PROSE, &status(
            "CASE WHEN judged THEN 'skip' WHEN stop_code = 'x' OR task_id = 'y' THEN 'fail' ELSE 'pass' END",
        ))),
        ("a null does not pass", file(ADVICE, PROSE, &status("CASE WHEN stop_code = 'x' THEN 'pass' ELSE 'fail' END"))),
        ("null-safe", file(ADVICE, PROSE, &status(
            "CASE WHEN coalesce(stop_code = 'x', FALSE) OR stop_code IS NOT NULL AND judged THEN 'fail' ELSE 'pass' END",
        ))),
        ("a null behind a WITH and a UNION", file(ADVICE, PROSE,
            "WITH t AS (SELECT task_id, CASE stop_code WHEN 'x' THEN 'fail' ELSE 'pass' END AS found FROM latest_tasks)
SELECT task_id AS resource, found AS status, 'x' AS reason FROM t
UNION ALL SELECT 'r' AS resource, 'skip' AS status, 'x' AS reason FROM target",
        )),
        ("a column that nothing reads", file(ADVICE, PROSE,
            "WITH t AS (SELECT task_id, stop_code, health_status AS health FROM latest_tasks)
SELECT task_id AS resource, 'pass' AS status, coalesce(stop_code, 'x') AS reason FROM t",
        )),
        ("every column taken", file(ADVICE, PROSE,
            "WITH t AS (SELECT task_id AS resource, stop_code FROM latest_tasks), u AS (SELECT t.* FROM t)
SELECT resource, 'pass' AS status, stop_code AS reason FROM u",
        )),
    ];
    let mut told = String::new();
    for (title, content) in cases {
        let found = lint(&pack(&[("a.sql", content)]), &crate::Options::default()).await.unwrap();
        let found: Vec<String> = found.iter().map(|finding| format!("  {finding}")).collect();
        told.push_str(&format!("{title}\n{}\n", if found.is_empty() { "  -".to_owned() } else { found.join("\n") }));
    }
    insta::assert_snapshot!(told);
}
