//! Results of Logs Insights, as the AWS CLI prints them and the console exports them: log lines like any others.

use casefile_collector::normalise::About;
use casefile_evidence::Timestamp;
use casefile_evidence::tables::{LogEventRow, SourceRow};
use serde_json::{Value, json};

use super::{Imported, about};

/// The log lines, the sources of log lines and the warnings of a folder with these files.
fn imported(files: &[(&str, Value)], toml: &str) -> (Vec<LogEventRow>, Vec<SourceRow>, Vec<String>) {
    let at = |name: &str| format!("2026-11-23T07-50-00Z/{name}");
    let mut files: Vec<(String, String)> =
        files.iter().map(|(name, document)| (at(name), document.to_string())).collect();
    files.push(("recording.toml".to_owned(), toml.to_owned()));
    let files = files.iter().map(|(name, text)| (name.as_str(), text.clone()));
    let about =
        About { region: Some("eu-west-1".to_owned()), account: Some("123456789012".to_owned()), ..about("shop") };
    let Imported { bundle, warnings, folder: _folder, .. } = super::imported(files, about).unwrap();
    let sources: Vec<SourceRow> = bundle.rows().unwrap();
    let sources = sources.into_iter().filter(|it| it.feeds == "log_events" && it.log_stream.is_some()).collect();
    (bundle.rows().unwrap(), sources, warnings)
}

fn row(cells: &[(&str, &str)]) -> Value {
    cells.iter().map(|(field, value)| json!({ "field": field, "value": value })).collect()
}

fn line(second: u32, message: &str) -> Value {
    row(&[
        ("@timestamp", &format!("2026-11-23 07:40:{second:02}.000")),
        ("@ingestionTime", &format!("2026-11-23 07:40:{second:02}.900")),
        ("@log", "123456789012:/ecs/shop"),
        ("@logStream", "s"),
        ("@message", message),
        ("@ptr", "CmA="),
    ])
}

fn results(rows: &[Value]) -> Value {
    json!({ "results": rows, "statistics": { "recordsMatched": 2.0 }, "status": "Complete" })
}

#[test]
fn results_are_lines_and_show_no_absence() {
    let secret = "password=hunter2hunter2";
    let (lines, sources, warnings) = imported(&[("r.json", results(&[line(1, "ready"), line(2, secret)]))], "");
    assert_eq!(warnings, [""; 0]);
    let first = &lines[0];
    assert_eq!((&*first.log_group, &*first.log_stream, &*first.message), ("/ecs/shop", "s", "ready"));
    assert_eq!(first.timestamp, Timestamp::parse("2026-11-23T07:40:01Z").unwrap());
    assert_eq!(first.ingestion_time, Timestamp::parse("2026-11-23T07:40:01.900Z").ok());
    assert!(!lines[1].message.contains("hunter2"), "{}", lines[1].message);
    let source = &sources[0];
    assert_eq!((source.status.as_str(), source.rows, source.covered_to), ("partial", 2, None));
    assert!(source.remedy.as_deref().unwrap().contains("complete = [\"get-query-results\"]"), "{source:?}");
}

#[test]
fn results_that_are_stated_to_be_complete_are_whole() {
    let stated = "complete = [\"get-query-results\"]";
    let of = |answer: Value| imported(&[("r.json", answer)], stated).1[0].status.clone();
    assert_eq!(of(results(&[line(1, "ready")])), "complete");
    let mut running = results(&[line(1, "ready")]);
    running["status"] = json!("Running");
    assert_eq!(of(running), "partial");
    let full: Vec<Value> = (0..10_000).map(|n| line(n % 60, &n.to_string())).collect();
    assert_eq!(of(results(&full)), "partial");
}

#[test]
fn an_export_of_the_console_is_one_document() {
    let of = |second: u32| {
        json!({ "@timestamp": format!("2026-11-23 07:40:{second:02}.000"), "@message": { "level": "info" },
            "@logStream": "s", "@log": "123456789012:/ecs/shop" })
    };
    let (lines, sources, warnings) = imported(&[("export.json", json!([of(1), of(2)]))], "");
    assert_eq!((lines.len(), sources.len(), warnings.len()), (2, 1, 0));
    assert_eq!((&*lines[0].message, sources[0].pages), (r#"{"level":"info"}"#, 1));
    // What `--query results` prints.
    let (lines, ..) = imported(&[("rows.json", json!([line(1, "a"), line(2, "b")]))], "");
    assert_eq!(lines.len(), 2);
}

#[test]
fn group_and_stream_come_from_the_path_and_a_group_elsewhere_is_named_by_its_arn() {
    let bare = row(&[("@timestamp", "2026-11-23 07:40:01.000"), ("@message", "ready")]);
    let (lines, ..) = imported(&[("logs/__ecs__shop/t.json", results(std::slice::from_ref(&bare)))], "");
    assert_eq!((&*lines[0].log_group, &*lines[0].log_stream), ("/ecs/shop", "t"));
    let elsewhere = row(&[
        ("@timestamp", "2026-11-23 07:40:01.000"),
        ("@log", "210987654321:/ecs/shop"),
        ("@logStream", "s"),
        ("@message", "ready"),
    ]);
    let (lines, ..) = imported(&[("r.json", results(&[elsewhere]))], "");
    assert_eq!(&*lines[0].log_group, "arn:aws:logs:eu-west-1:210987654321:log-group:/ecs/shop");
    let (lines, _, warnings) = imported(&[("r.json", results(&[bare]))], "");
    assert!(lines.is_empty());
    assert!(warnings[0].contains("results without @logStream were left out"), "{warnings:?}");
}

#[test]
fn a_line_that_other_reads_have_too_is_one_line() {
    let page = json!({ "events": [{ "timestamp": 1_795_419_601_000_i64, "ingestionTime": 1_795_419_601_900_i64,
        "message": "ready" }], "nextForwardToken": "f/1", "nextBackwardToken": "b/1" });
    let files = [("logs/__ecs__shop/s.json", page), ("r.json", results(&[line(1, "ready"), line(2, "b")]))];
    assert_eq!(imported(&files, "").0.len(), 2);
}
