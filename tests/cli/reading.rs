//! Output for people: help, inspect, query.

use crate::{casefile, casefile_in, import, text};

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

/// What is piped is what a file gets: a verdict whose bytes were changed on the way would fail its own digest.
#[test]
fn standard_output_has_every_byte_that_a_file_has() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let sql = "SELECT 'a\u{7f}b\u{1b}[31mc\u{7}' AS x";
    for format in ["csv", "json", "terminal", "markdown"] {
        let piped = casefile(&["query", text(&bundle), sql, "--format", format]);
        assert_eq!(piped.code, 0, "{}", piped.err);
        let file = folder.path().join(format);
        casefile(&["query", text(&bundle), sql, "--format", format, "-o", text(&file)]);
        assert_eq!(piped.out, std::fs::read_to_string(&file).unwrap(), "{format}");
        assert_eq!(piped.out.contains("\u{1b}[31m"), format == "csv", "{format}: {:?}", piped.out);
    }
}

#[test]
fn results_that_cannot_be_written_are_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let analyze = |more: &[&str]| casefile_in(folder.path(), &[&["analyze", text(&bundle)][..], more].concat());
    let twice = analyze(&["--report", "junit=a.xml", "--report", "json=./a.xml"]);
    assert_eq!((twice.code, twice.out.as_str()), (2, ""));
    assert!(twice.err.contains("two results go to ./a.xml"), "{}", twice.err);
    let folder_as_file = analyze(&["--report", "junit=."]);
    assert!(folder_as_file.code == 2 && folder_as_file.err.contains("is a folder"), "{}", folder_as_file.err);
    let inside = casefile_in(folder.path(), &["man", text(&bundle.join("man"))]);
    assert!(inside.code == 2 && inside.err.contains("is sealed"), "{}", inside.err);
}
