//! The latest moment that a document tells of: when a bare answer was taken at the earliest.

use casefile_evidence::Timestamp;
use serde_json::Value;

use crate::document::{Delivered, Document, LogEvent, Operation};

/// The latest time of any field of the answer that is a time; `None` where it has none. Log lines written by clocks that
/// run ahead count as they stand.
pub fn latest_moment(document: &Document) -> Option<Timestamp> {
    if document.operation == Operation::EventBridge {
        return Delivered::all(document.response()?).filter_map(Delivered::at).max();
    }
    let millis = has_millis(document.operation);
    let fields = document.response()?.values().filter_map(|value| latest(value, millis));
    fields.chain(document.events().iter().filter_map(latest_of_event)).max()
}

/// Whether the operation's times are milliseconds since 1970; those of others are seconds, or text.
fn has_millis(operation: Operation) -> bool {
    operation.is_of_lines() || matches!(operation, Operation::DescribeLogGroups | Operation::DescribeLogStreams)
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

/// The latest time that a clock of AWS set, and its field, e.g. `services[].events[].createdAt`. The times that programs
/// give their log lines do not count: their clocks may be wrong.
pub(crate) fn latest_of_aws(document: &Document) -> Option<(Timestamp, String)> {
    if document.operation == Operation::EventBridge {
        return latest_moment(document).map(|at| (at, "time".to_owned()));
    }
    let millis = has_millis(document.operation);
    let mut latest = None;
    for (key, value) in document.response()? {
        find(key, value, key, millis, &mut latest);
    }
    let arrived = document.events().iter().filter_map(|event| event.ingestion_time).max();
    let arrived = arrived.map(|at| (Timestamp(at), "events[].ingestionTime".to_owned()));
    latest.into_iter().chain(arrived).max_by_key(|(at, _)| *at)
}

/// When the first of the stopped tasks of an answer stopped.
pub(crate) fn first_stop(document: &Document) -> Option<Timestamp> {
    let tasks = document.response()?.get("tasks")?.as_array()?;
    tasks.iter().filter_map(|task| moment(task.get("stoppedAt")?, false)).min()
}

fn find(path: &str, value: &Value, key: &str, millis: bool, latest: &mut Option<(Timestamp, String)>) {
    const OF_PROGRAMS: [&str; 3] = ["timestamp", "firstEventTimestamp", "lastEventTimestamp"];
    match value {
        Value::Array(items) => items.iter().for_each(|item| find(&format!("{path}[]"), item, key, millis, latest)),
        Value::Object(fields) => {
            for (key, value) in fields {
                find(&format!("{path}.{key}"), value, key, millis, latest);
            }
        }
        _ if is_time(key) && !OF_PROGRAMS.contains(&key) => {
            if let Some(at) = moment(value, millis).filter(|at| latest.as_ref().is_none_or(|(latest, _)| at > latest)) {
                *latest = Some((at, path.to_owned()));
            }
        }
        _ => {}
    }
}

/// Whether a field is a time that has come. `expiresAt` (`lifecycleHookDetails[]`) is one that has not.
fn is_time(key: &str) -> bool {
    (key.ends_with("At") && key != "expiresAt")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_does_not_say_when_an_answer_was_taken() {
        let answer = serde_json::json!({
            "startedAt": "2027-01-19T03:22:00Z",
            "lifecycleHookDetails": [{ "expiresAt": "2027-01-20T03:21:21Z" }],
        });
        assert_eq!(latest(&answer, false), Timestamp::parse("2027-01-19T03:22:00Z").ok());
        let mut found = None;
        find("answer", &answer, "", false, &mut found);
        assert_eq!(found.map(|(_, field)| field).as_deref(), Some("answer.startedAt"));
    }
}
