//! Results of CloudWatch Logs Insights: what GetQueryResults answers, and what the console exports as JSON.
//!
//! A result is a row of fields and values, all of them text (`ResultField`). A row of log lines has `@timestamp` and
//! `@message`. The fields that a query or Insights takes from the message are not kept: the message has them.

use casefile_evidence::{Name, Timestamp};
use serde_json::{Map, Value, json};

use super::answer::{LogEvent, Names};

/// The key of the rows.
pub(crate) const RESULTS: &str = "results";

const TIMESTAMP: &str = "@timestamp";
const INGESTED: &str = "@ingestionTime";
const STREAM: &str = "@logStream";
const GROUP: &str = "@log";
const MESSAGE: &str = "@message";
const POINTER: &str = "@ptr";

/// Whether an answer is one of GetQueryResults: rows, with the status or the statistics of the query.
pub(super) fn is_answer(answer: &Map<String, Value>) -> bool {
    let rows = answer.get(RESULTS).and_then(Value::as_array);
    rows.is_some_and(|rows| {
        rows.iter().any(is_result) || ["status", "statistics"].iter().any(|key| answer.contains_key(*key))
    })
}

/// Whether a value is a row of a log line: fields and values, or an object of them, as the console exports it.
pub(crate) fn is_result(row: &Value) -> bool {
    let is_of_line = |field: &str| [TIMESTAMP, MESSAGE].contains(&field);
    match row {
        Value::Object(fields) => fields.keys().any(|field| is_of_line(field)),
        Value::Array(cells) => cells.iter().filter_map(|cell| cell.get("field")?.as_str()).any(is_of_line),
        _ => false,
    }
}

/// Whether all results of the query are there. An answer without a status is one of a query that came to its end: the
/// console exports no other.
pub(super) fn is_complete(answer: &Map<String, Value>) -> bool {
    answer.get("status").is_none_or(|status| status == "Complete") && answer.get("nextToken").is_none_or(Value::is_null)
}

/// The message of a row.
pub(super) fn message_of(row: &Value) -> Option<&str> {
    match row {
        Value::Object(fields) => fields.get(MESSAGE)?.as_str(),
        Value::Array(cells) => cells.iter().find(|cell| cell["field"] == MESSAGE)?.get("value")?.as_str(),
        _ => None,
    }
}

/// The log line of a row.
pub(super) fn line(row: Value, names: &mut Names) -> LogEvent {
    let cells: Vec<(String, Value)> = match row {
        Value::Object(fields) => fields.into_iter().collect(),
        Value::Array(cells) => cells.into_iter().filter_map(cell).collect(),
        other => return LogEvent { rest: Some(Box::new(other)), ..LogEvent::default() },
    };
    let mut line = LogEvent::default();
    for (field, value) in cells {
        // The console exports a message that is JSON as what it holds.
        let text = match value {
            Value::String(text) => text,
            Value::Null => continue,
            other => other.to_string(),
        };
        match field.as_str() {
            TIMESTAMP => line.timestamp = millis(&text),
            INGESTED => line.ingestion_time = millis(&text),
            STREAM => line.log_stream = Some(names.name(&text)),
            GROUP => line.log_group = Some(names.name(&text)),
            MESSAGE => line.message = Some(text),
            POINTER => line.event_id = Some(text.into()),
            _ => {}
        }
    }
    line
}

fn cell(cell: Value) -> Option<(String, Value)> {
    let Value::Object(mut cell) = cell else { return None };
    let field = cell.get("field")?.as_str()?.to_owned();
    Some((field, cell.remove("value")?))
}

/// The row of a log line, as GetQueryResults has it.
pub(super) fn row(line: &LogEvent) -> Value {
    let LogEvent { timestamp, ingestion_time, message, log_stream, log_group, event_id, rest, hash: _ } = line;
    if let Some(rest) = rest.as_deref() {
        return rest.clone();
    }
    let text = |name: &Option<Name>| name.as_deref().map(str::to_owned);
    let cells = [
        (TIMESTAMP, timestamp.map(written)),
        (INGESTED, ingestion_time.map(written)),
        (STREAM, text(log_stream)),
        (GROUP, text(log_group)),
        (MESSAGE, message.clone()),
        (POINTER, event_id.as_deref().map(str::to_owned)),
    ];
    let cells =
        cells.into_iter().filter_map(|(field, value)| value.map(|value| json!({ "field": field, "value": value })));
    cells.collect()
}

/// `2026-11-23 01:02:03.123`, in UTC; or milliseconds since 1970, as a query's functions give times.
fn millis(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    let time = Timestamp::parse(text).or_else(|_| Timestamp::parse(&format!("{}Z", text.trim().replacen(' ', "T", 1))));
    time.ok().map(Timestamp::as_millis)
}

fn written(millis: i64) -> String {
    let seconds = Timestamp(millis - millis.rem_euclid(1000)).to_string();
    let seconds = seconds.trim_end_matches('Z').trim_end_matches(".000").replacen('T', " ", 1);
    format!("{seconds}.{:03}", millis.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Answer, Document, Operation};

    fn answer(rows: &Value) -> Answer {
        let document = Document::from_json(json!({ "results": rows, "status": "Complete" }), "").unwrap();
        assert_eq!(document.operation, Operation::GetQueryResults);
        document.answer().unwrap().clone()
    }

    fn cells(cells: &[(&str, &str)]) -> Value {
        cells.iter().map(|(field, value)| json!({ "field": field, "value": value })).collect()
    }

    #[test]
    fn a_row_is_a_line_and_is_written_as_it_came() {
        let row = cells(&[
            ("@timestamp", "2026-11-23 01:02:03.123"),
            ("@ingestionTime", "2026-11-23 01:02:04.000"),
            ("@logStream", "ecs/app/0123"),
            ("@log", "123456789012:/ecs/shop"),
            ("@message", "ready\n"),
            ("@ptr", "Cl0="),
        ]);
        let answer = answer(&json!([row]));
        let line = &answer.events.as_deref().unwrap()[0];
        assert_eq!(line.timestamp, Some(1_795_395_723_123));
        assert_eq!(line.ingestion_time, Some(1_795_395_724_000));
        assert_eq!(line.message.as_deref(), Some("ready\n"));
        assert_eq!(answer.to_json(), *json!({ "results": [row], "status": "Complete" }).as_object().unwrap());
        assert_eq!(serde_json::to_value(&answer).unwrap(), Value::Object(answer.to_json()));
        assert_eq!(Answer::new(Operation::GetQueryResults, answer.to_json()), answer);
    }

    #[test]
    fn what_the_console_exports_gives_the_same_line() {
        let row = json!({ "@timestamp": "2026-11-23 01:02:03.123", "@message": { "level": "info" }, "level": "info" });
        let listed = cells(&[("@timestamp", "1795395723123"), ("@message", r#"{"level":"info"}"#)]);
        assert_eq!(answer(&json!([row])).events, answer(&json!([listed])).events);
    }

    #[test]
    fn a_query_that_runs_has_more_to_come() {
        let of =
            |status: &str| Answer::new(Operation::GetQueryResults, Map::from_iter([("status".into(), status.into())]));
        assert_eq!(["Complete", "Running", "Failed"].map(|status| of(status).has_more()), [false, true, true]);
    }

    #[test]
    fn rows_that_are_no_log_lines_are_recognised_by_the_status_of_their_query() {
        let counted = json!({ "results": [cells(&[("count(*)", "3")])] });
        assert!(Document::from_json(counted.clone(), "").is_err());
        let mut counted = counted;
        counted["status"] = json!("Complete");
        let document = Document::from_json(counted, "").unwrap();
        assert_eq!((document.operation, document.events()[0].message.as_deref()), (Operation::GetQueryResults, None));
    }
}
