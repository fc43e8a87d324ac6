//! Changes of documents that the gains are made of.

use casefile_collector::document::{Answer, Document, Operation, Outcome};
use casefile_collector::held::Held;
use casefile_evidence::Timestamp;
use serde_json::{Map, Value, json};

/// The fields of a document's answer.
pub(super) fn fields(document: &mut Document) -> Option<&mut Map<String, Value>> {
    answer(document).map(|answer| &mut answer.fields)
}

pub(super) fn answer(document: &mut Document) -> Option<&mut Answer> {
    match &mut document.outcome {
        Outcome::Response(answer) => Some(answer),
        Outcome::Error(_) => None,
    }
}

/// A list of a document's answer.
pub(super) fn list<'a>(document: &'a mut Document, key: &str) -> Option<&'a mut Vec<Value>> {
    fields(document)?.get_mut(key)?.as_array_mut()
}

/// Every answer of an operation from a moment on, each with the moment of its snapshot.
pub(super) fn answers(
    held: &mut Held,
    operation: Operation,
    from: Timestamp,
) -> impl Iterator<Item = (Timestamp, &mut Document)> {
    held.snapshots.iter_mut().filter(move |snapshot| snapshot.observed_at >= from).flat_map(move |snapshot| {
        let at = snapshot.observed_at;
        let documents = snapshot.documents.iter_mut();
        documents.filter(move |document| document.operation == operation).map(move |document| (at, document))
    })
}

/// A moment as ECS writes it: in seconds, or, as the AWS CLI prints it, as text.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse(text).ok(),
        other => other.as_f64().and_then(Timestamp::from_epoch_seconds),
    }
}

pub(super) fn seconds(at: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact")]
    let seconds = at.0 as f64 / 1000.0;
    json!(seconds)
}

/// The same JSON with one text in place of another, everywhere.
pub(super) fn replaced(value: &Value, pairs: &[(&str, &str)]) -> Value {
    match value {
        Value::String(text) => {
            Value::String(pairs.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to)))
        }
        Value::Array(items) => items.iter().map(|item| replaced(item, pairs)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, field)| (key.clone(), replaced(field, pairs))).collect(),
        other => other.clone(),
    }
}

/// Adds to a count that is there.
fn add(object: &mut Value, key: &str, more: i64) {
    if let Some(count) = object.get_mut(key)
        && let Some(number) = count.as_i64()
    {
        *count = json!((number + more).max(0));
    }
}

/// By how much the counts of the service and its judged rollout change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) desired: i64,
    pub(super) running: i64,
    pub(super) pending: i64,
    pub(super) failed: i64,
}

/// Changes the counts in the snapshots from one moment up to another.
pub(super) fn count(held: &mut Held, rollout: &str, from: Timestamp, to: Timestamp, by: Counts) {
    let change = |object: &mut Value| {
        for desired in ["desiredCount", "computedDesiredCount", "requestedTaskCount"] {
            add(object, desired, by.desired);
        }
        for running in ["runningCount", "runningTaskCount"] {
            add(object, running, by.running);
        }
        for pending in ["pendingCount", "pendingTaskCount"] {
            add(object, pending, by.pending);
        }
        add(object, "failedTasks", by.failed);
    };
    let parts = |object: &mut Value| {
        for key in ["deployments", "taskSets"] {
            let parts = object.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten();
            parts.filter(|part| part.get("id").and_then(Value::as_str) == Some(rollout)).for_each(change);
        }
    };
    for operation in [Operation::DescribeServices, Operation::DescribeTaskSets] {
        for (at, document) in answers(held, operation, from) {
            if at >= to {
                continue;
            }
            for service in list(document, "services").into_iter().flatten() {
                change(service);
                parts(service);
            }
            let sets = list(document, "taskSets").into_iter().flatten();
            sets.filter(|set| set.get("id").and_then(Value::as_str) == Some(rollout)).for_each(change);
        }
    }
}

/// Adds a service event: every snapshot from then on has it.
pub(super) fn event(held: &mut Held, at: Timestamp, id: &str, message: &str) {
    let event = json!({ "createdAt": seconds(at), "id": id, "message": message });
    for (_, document) in answers(held, Operation::DescribeServices, at) {
        for service in list(document, "services").into_iter().flatten() {
            let Some(events) = service.get_mut("events").and_then(Value::as_array_mut) else { continue };
            // The newest comes first.
            let newer = |event: &&Value| event.get("createdAt").and_then(moment).is_some_and(|then| then > at);
            let place = events.iter().take_while(newer).count();
            events.insert(place, event.clone());
        }
    }
}
