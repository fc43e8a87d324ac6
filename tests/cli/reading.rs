//! Output for people: help, inspect, query.

use crate::{casefile, import, text};

#[test]
fn every_verb_has_help_with_an_example() {
    for verb in [
        "demo",
        "collect",
        "import",
        "analyze",
        "validate",
        "replay",
        "query",
        "inspect",
        "verify",
        "reproduce",
        "diff",
        "archive",
        "gate",
    ] {
        let run = casefile(&[verb, "--help"]);
        assert_eq!(run.code, 0);
        assert!(run.out.contains(&format!("casefile {verb}")) && run.out.contains("Example:"), "{verb}: {}", run.out);
    }
    for verb in ["lint", "explain"] {
        let run = casefile(&["check", verb, "--help"]);
        assert!(run.code == 0 && run.out.contains("Example:"), "{}", run.out);
    }
    let run = casefile(&["--help"]);
    assert_eq!(run.code, 0);
    insta::assert_snapshot!("help", run.out);
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    assert_eq!(casefile(&[]).code, 2);
    assert_eq!(casefile(&["analyse"]).code, 2);
    assert_eq!(casefile(&["collect", "--nonsense"]).code, 2);
    assert_eq!(casefile(&["collect", "--timeout", "soon"]).code, 2);
    let run = casefile(&["collect"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--service"), "{}", run.err);
}

#[test]
fn query_answers_and_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("circuit-breaker-rollback", folder.path());
    let sql = "SELECT DISTINCT stop_code FROM latest_tasks WHERE judged AND stop_code IS NOT NULL ORDER BY 1";
    let run = casefile(&["query", text(&bundle), sql, "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let rows: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert!(rows.as_array().unwrap().iter().any(|row| row["stop_code"] == "EssentialContainerExited"), "{rows}");
    for (sql, word) in [
        ("SELECT nonsense FROM tasks", "nonsense"),
        ("DROP TABLE tasks", "SELECT"),
        ("", "SQL"),
        ("SELECT * FROM '/etc/passwd'", "passwd"),
    ] {
        let run = casefile(&["query", text(&bundle), sql]);
        assert_eq!(run.code, 2, "{sql}: {}", run.out);
        assert!(run.err.contains(word), "{sql}: {}", run.err);
    }
    let run = casefile(&["query", "--tables"]);
    assert!(run.code == 0 && run.out.contains("latest_tasks") && run.out.contains("stopped_reason"));
}

#[test]
fn inspect_says_what_is_missing_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("logs-denied", folder.path());
    let run = casefile(&["inspect", text(&bundle)]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("AccessDeniedException") && run.out.contains("grant logs:GetLogEvents"), "{}", run.out);
}
