//! Untrusted checks that exhaust time or memory. None ends the run: each is an error of its own, and the
//! rest of the pack is judged.

use std::fmt::Write as _;
use std::path::Path;

use crate::{casefile, import, text};

fn check(id: &str, sql: &str) -> String {
    format!(
        "-- id = \"{id}\"\n-- title = \"t\"\n-- level = \"block\"\n-- owner = \"service\"\n-- requires = [\"tasks\"]\n\
         -- conclusive = \"none\"\n-- advice = \"a\"\n-- # taskArn\n{sql}\n"
    )
}

/// A value that grows in three steps.
fn grown(first: &str, step: &str, told: &str) -> String {
    format!(
        "WITH a AS (SELECT task_arn, {first} AS m FROM tasks), b AS (SELECT task_arn, {step} AS m FROM a), \
         c AS (SELECT task_arn, {step} AS m FROM b), d AS (SELECT task_arn, {step} AS m FROM c)\n\
         SELECT task_arn AS resource, 'pass' AS status, 'x' AS reason, {told} AS observed FROM d"
    )
}

fn many(function: &str, argument: &str, times: usize) -> String {
    format!("{function}({})", vec![argument; times].join(","))
}

fn value(expression: &str) -> String {
    format!("SELECT task_arn AS resource, 'pass' AS status, 'x' AS reason, {expression} AS observed FROM tasks")
}

/// A value that is known only at run time.
fn bombs() -> Vec<(&'static str, String)> {
    let words = many("concat", "m", 1500);
    let crossed = "FROM tasks a CROSS JOIN tasks b CROSS JOIN tasks c CROSS JOIN tasks d";
    let wide: Vec<String> = (0..700).map(|n| format!("concat(raw, raw, '{n}') AS c{n}")).collect();
    vec![
        ("concat", grown("raw", &words, "left(m, 3)")),
        ("concat-literals", grown("'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'", &words, "left(m, 3)")),
        ("concat-ws", grown("raw", &format!("concat_ws('-', {})", vec!["m"; 1500].join(",")), "left(m, 3)")),
        ("joined", grown("raw", &format!("array_to_string({}, ',')", many("make_array", "m", 1500)), "left(m, 3)")),
        ("arrays", grown("make_array(raw)", &many("array_concat", "m", 1500), "array_length(m)")),
        ("nested-arrays", grown("make_array(raw)", &many("make_array", "m", 400), "array_length(m)")),
        (
            "string-agg",
            format!(
                "SELECT 'r' AS resource, 'pass' AS status, left(string_agg(a.raw, '' ORDER BY a.raw), 3) AS reason {crossed}"
            ),
        ),
        (
            "array-agg",
            format!(
                "SELECT 'r' AS resource, 'pass' AS status, concat(array_length(array_agg(a.raw ORDER BY b.raw))) AS reason {crossed}"
            ),
        ),
        ("wide", value(&format!("1 AS one, {}, 2", wide.join(", ")))),
        ("many-rows", format!("SELECT a.task_arn AS resource, 'pass' AS status, 'x' AS reason {crossed}")),
        ("regular-expression", value("regexp_like(task_arn, '((((a{1000}){1000}){1000}){1000})')")),
        ("least-number", value("abs(-9223372036854775807 - 1)")),
        ("common-multiple", value("lcm(-9223372036854775807 - 1, -1)")),
        ("substring", value("substr(task_arn, -9223372036854775807 - 1, 9223372036854775807)")),
        ("element", value("array_element(make_array(1), -9223372036854775807 - 1)")),
        ("year", value("make_date(2147483647, 1, 1)")),
        ("format", value("to_char(created_at, '%9999999999Y')")),
        ("no-character", value("chr(2147483647)")),
        ("no-bin", value("date_bin(INTERVAL '0 seconds', created_at)")),
        ("no-regular-expression", value("regexp_like(task_arn, concat('(', task_arn))")),
        ("several-rows", value("(SELECT task_id FROM tasks)")),
        ("division", value("1 / (snapshot - snapshot)")),
    ]
}

fn write(folder: &Path, checks: &[(&str, String)]) {
    std::fs::create_dir_all(folder).unwrap();
    for (id, sql) in checks {
        std::fs::write(folder.join(format!("{id}.sql")), check(&format!("bomb.{id}"), sql)).unwrap();
    }
}

#[test]
fn a_check_that_takes_all_is_an_error_of_that_check_alone() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let mut checks = bombs();
    checks.push(("sound", value("task_id")));
    let pack = folder.path().join("pack");
    write(&pack, &checks);
    let run = casefile(&["analyze", text(&bundle), "--extra-queries", text(&pack), "--format", "json"]);
    assert_eq!(run.code, 5, "{}", run.err);
    let verdict: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let mut told = String::new();
    for check in verdict["checks"].as_array().unwrap() {
        let [id, outcome, reason] = ["id", "outcome", "reason"].map(|key| check[key].as_str().unwrap());
        match id.strip_prefix("bomb.") {
            Some(id) => writeln!(told, "{id}: {outcome}: {reason}").unwrap(),
            None => assert_ne!(outcome, "error", "{id}: {reason}"),
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_question_that_takes_all_ends_with_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let run = casefile(&["query", text(&bundle), &grown("raw", &many("concat", "m", 1500), "left(m, 3)")]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("the query needed more than 512 MiB"), "{}", run.err);
}

#[test]
fn what_cannot_be_planned_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let deep =
        |open: &str, middle: &str, close: &str, times| format!("{}{middle}{}", open.repeat(times), close.repeat(times));
    let checks = [
        ("parentheses", value(&deep("(", "1", ")", 3000))),
        ("minus", value(&format!("{}snapshot", "- ".repeat(4000)))),
        (
            "subqueries",
            format!(
                "SELECT task_arn AS resource, 'pass' AS status, 'x' AS reason FROM {}",
                deep("(SELECT * FROM ", "tasks", ")", 100)
            ),
        ),
        ("words", value(&many("concat", "task_id", 6000))),
        (
            "any-row",
            "SELECT DISTINCT ON (task_id) task_id AS resource, 'pass' AS status, last_status AS reason FROM tasks"
                .to_owned(),
        ),
        ("other-zone", value("created_at AT TIME ZONE 'Europe/Berlin'")),
        ("decimal", value("CAST('9e999999' AS DECIMAL(38, 10))")),
    ];
    write(folder.path(), &checks);
    let run = casefile(&["check", "lint", "--queries", text(folder.path())]);
    assert_eq!(run.code, 2, "{}", run.err);
    insta::assert_snapshot!(run.err.replace(text(folder.path()), "pack"));
}
