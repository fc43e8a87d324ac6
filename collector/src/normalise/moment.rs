//! The latest moment that a document tells of: when a bare answer was taken at the earliest.

use casefile_evidence::Timestamp;
use serde_json::Value;

use crate::document::{Document, LogEvent, Operation};

/// The latest time of any field of the answer that is a time; `None` where it has none. Times to come
/// (there are none in these answers) and log lines written by clocks that run ahead count as they stand.
pub fn latest_moment(document: &Document) -> Option<Timestamp> {
    let millis = matches!(
        document.operation,
        Operation::DescribeLogGroups
            | Operation::DescribeLogStreams
            | Operation::FilterLogEvents
            | Operation::GetLogEvents
    );
    let fields = document.response()?.values().filter_map(|value| latest(value, millis));
    fields.chain(document.events().iter().filter_map(latest_of_event)).max()
}

fn latest_of_event(event: &LogEvent) -> Option<Timestamp> {
    let times = [event.timestamp, event.ingestion_time].map(|at| at.map(Timestamp));
    times.into_iter().chain([event.rest.as_deref().and_then(|rest| latest(rest, true))]).flatten().max()
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
