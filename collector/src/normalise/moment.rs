//! The latest moment that a document tells of: when a bare answer was taken at the earliest.

use casefile_evidence::Timestamp;
use serde_json::Value;

use crate::document::{Document, Operation, Outcome};

/// The latest time of any field of the answer that is a time; `None` where it has none. Times to come
/// (there are none in these answers) and log lines written by clocks that run ahead count as they stand.
pub fn latest_moment(document: &Document) -> Option<Timestamp> {
    let Outcome::Response(answer) = &document.outcome else { return None };
    let millis = matches!(
        document.operation,
        Operation::DescribeLogGroups
            | Operation::DescribeLogStreams
            | Operation::FilterLogEvents
            | Operation::GetLogEvents
    );
    answer.values().filter_map(|value| latest(value, millis)).max()
}

fn latest(value: &Value, millis: bool) -> Option<Timestamp> {
    match value {
        Value::Array(items) => items.iter().filter_map(|item| latest(item, millis)).max(),
        Value::Object(fields) => {
            let times = fields.iter().filter_map(|(key, value)| match value {
                Value::Array(_) | Value::Object(_) => latest(value, millis),
                _ if is_time(key) => moment(value, millis),
                _ => None,
            });
            times.max()
        }
        _ => None,
    }
}

fn is_time(key: &str) -> bool {
    key.ends_with("At")
        || matches!(
            key,
            "timestamp"
                | "ingestionTime"
                | "creationTime"
                | "firstEventTimestamp"
                | "lastEventTimestamp"
                | "lastIngestionTime"
        )
}

fn moment(value: &Value, millis: bool) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse(text).ok(),
        Value::Number(number) if millis => number.as_i64().map(Timestamp),
        Value::Number(number) => number.as_f64().and_then(Timestamp::from_epoch_seconds),
        _ => None,
    }
}
