//! How readings of a log stream add up: what was not seen is not covered, and no line counts twice.

use casefile_collector::document::Document;
use casefile_collector::normalise::{About, Assembly};
use casefile_collector::redact::Redactor;
use casefile_evidence::tables::SourceRow;
use casefile_evidence::{AnyRow, Timestamp, distinct};
use serde_json::{Value, json};

const AT: i64 = 1_795_419_780_000;

fn page(operation: &str, from: Option<i64>, token: Option<&str>, events: &[i64], next: Option<&str>) -> Value {
    let mut request = json!({ "logGroupName": "g", "startFromHead": true });
    match operation {
        "GetLogEvents" => request["logStreamName"] = json!("s"),
        _ => request["logStreamNames"] = json!(["s"]),
    }
    for (key, value) in [("startTime", from.map(|from| json!(AT + from))), ("nextToken", token.map(Value::from))] {
        if let Some(value) = value {
            request[key] = value;
        }
    }
    let events: Vec<Value> = events
        .iter()
        .map(|at| json!({ "logStreamName": "s", "timestamp": AT + at, "ingestionTime": AT + at, "message": format!("at {at}") }))
        .collect();
    let mut response = json!({ "events": events });
    let key = if operation == "GetLogEvents" { "nextForwardToken" } else { "nextToken" };
    if let Some(next) = next {
        response[key] = json!(next);
    }
    json!({ "operation": operation, "request": request, "response": response })
}

fn get(from: Option<i64>, token: Option<&str>, events: &[i64], next: &str) -> Value {
    page("GetLogEvents", from, token, events, Some(next))
}

fn filter(from: Option<i64>, token: Option<&str>, events: &[i64], next: Option<&str>) -> Value {
    page("FilterLogEvents", from, token, events, next)
}

/// The stream's last source, and how many lines there are, of snapshots a minute apart.
fn read(snapshots: &[Vec<Value>]) -> (SourceRow, usize) {
    let about = About { service: "shop".to_owned(), ingestion_grace_ms: 10_000, ..About::default() };
    let mut assembly = Assembly::new(about, Redactor::standard());
    for (number, documents) in (1..).zip(snapshots) {
        assembly.begin_snapshot(Timestamp(AT + number * 60_000), false);
        for value in documents {
            let document = assembly.redact(Document::from_json(value.clone(), "test").unwrap());
            assembly.take(document);
        }
        assembly.end_snapshot();
    }
    let rows = assembly.drain();
    let lines = rows.iter().filter_map(|row| if let AnyRow::Line(line) = row { Some((**line).clone()) } else { None });
    let lines = distinct(lines.collect()).len();
    let source = rows.into_iter().rev().find_map(|row| match row {
        AnyRow::Source(source) if source.log_stream.as_deref() == Some("s") => Some(*source),
        _ => None,
    });
    (source.unwrap_or_else(|| panic!("no source")), lines)
}

fn known(source: &SourceRow) -> (&str, Option<i64>, Option<i64>) {
    let after = |at: Option<Timestamp>| at.map(|at| at.millis_since(Timestamp(AT)));
    (source.status.as_str(), after(source.covered_from), after(source.covered_to))
}

#[test]
fn before_a_page_that_nothing_leads_to_nothing_is_known() {
    let (source, lines) = read(&[vec![filter(None, Some("n/2"), &[500, 600], None)]]);
    assert_eq!((known(&source), lines), (("complete", Some(500), Some(60_000)), 2));
    let (source, _) = read(&[vec![get(None, Some("f/7"), &[500], "f/8"), get(None, Some("f/8"), &[], "f/8")]]);
    assert_eq!(known(&source), ("complete", Some(500), Some(60_000)));
    let (source, _) = read(&[vec![get(None, Some("f/8"), &[], "f/8")]]);
    assert_eq!(known(&source), ("complete", Some(60_000), Some(60_000)), "the end alone");
}

#[test]
fn a_reading_that_was_held_up_is_known_up_to_when_it_was_begun() {
    let held_up = vec![filter(None, None, &[100], Some("n/1"))];
    let (source, _) = read(&[held_up.clone(), vec![filter(None, Some("n/1"), &[200], None)]]);
    assert_eq!(known(&source), ("complete", None, Some(60_000)));
    // And one that begins after what may have arrived since is no addition to it.
    let alone = vec![get(Some(150), None, &[200], "f/1"), get(Some(150), Some("f/1"), &[], "f/1")];
    let (source, _) = read(&[held_up, alone]);
    assert_eq!(known(&source), ("complete", Some(150), Some(120_000)));
}

#[test]
fn readings_that_take_turns_count_no_line_twice() {
    let first = vec![get(None, None, &[100], "f/1")];
    let between = vec![filter(Some(500), None, &[600], None), get(None, Some("f/1"), &[600], "f/2")];
    let last = vec![get(None, Some("f/2"), &[], "f/2")];
    let (source, lines) = read(&[first, between, last]);
    assert_eq!((known(&source), lines), (("complete", None, Some(60_000)), 2), "as the first one was begun");
}

#[test]
fn a_full_page_without_a_token_is_the_end() {
    let full: Vec<i64> = (1..=10_000).collect();
    let (source, lines) = read(&[vec![filter(None, None, &full, None)]]);
    assert_eq!((known(&source), lines), (("complete", None, Some(60_000)), 10_000));
}

#[test]
fn a_page_that_says_which_read_it_belongs_to_is_taken_at_its_word() {
    let page = |read: Value, events: &[i64]| {
        let mut page = filter(Some(100), None, events, None);
        page["reading"] = read;
        page
    };
    let began = "2026-11-23T07:43:30Z";
    let first = json!({ "id": 4, "page": 1, "began": began, "from": "2026-11-23T07:43:00.100Z", "last": false });
    let last = json!({ "id": 4, "page": 2, "began": began, "from": "2026-11-23T07:43:00.100Z", "last": true });
    let (source, lines) = read(&[vec![page(first.clone(), &[200, 200])]]);
    assert_eq!((source.status.as_str(), lines), ("partial", 2));
    // What equals lines of another page of the read was logged again; of another read, it was read again.
    let again = json!({ "id": 5, "page": 1, "began": began, "from": "2026-11-23T07:43:00.100Z", "last": true });
    let (source, lines) = read(&[vec![page(first, &[200, 200]), page(last, &[200]), page(again, &[200, 200, 200])]]);
    assert_eq!((known(&source), lines), (("complete", Some(100), Some(30_000)), 3), "known up to when it began");
}

#[test]
fn reads_of_two_collections_do_not_mix() {
    let page = |began: &str| {
        let mut page = filter(None, None, &[200, 200], None);
        page["reading"] = json!({ "id": 1, "page": 1, "began": began, "last": true });
        page
    };
    let (_, lines) = read(&[vec![page("2026-11-23T07:43:30Z")], vec![page("2026-11-23T07:44:30Z")]]);
    assert_eq!(lines, 2);
}
