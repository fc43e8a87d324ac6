//! Events of ECS as EventBridge delivers them to its targets (AWS documentation, "Amazon ECS events").
//!
//! People keep them in a log group, in S3 or in a file. They tell of tasks that ECS has forgotten since. What they show
//! happened; what they do not show may have happened too.

use std::collections::BTreeSet;

use casefile_evidence::Timestamp;
use serde_json::{Map, Value};

use super::results::{RESULTS, message_of};

/// The key of the events in a document of them.
pub(crate) const DELIVERED: &str = "deliveredEvents";

/// One event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivered<'a> {
    event: &'a Map<String, Value>,
    detail: &'a Map<String, Value>,
}

/// Which state of a task an event tells of; a later state is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeliveredTask {
    /// `detail.version`: it grows with each change of the task.
    version: i64,
    at: Option<Timestamp>,
}

impl DeliveredTask {
    /// When the event happened.
    pub(crate) fn at(self) -> Option<Timestamp> {
        self.at
    }
}

/// Whether a JSON value is an event that EventBridge delivered.
pub(crate) fn is_delivered(value: &Value) -> bool {
    value.as_object().is_some_and(is_event)
}

fn is_event(object: &Map<String, Value>) -> bool {
    object.get("detail-type").is_some_and(Value::is_string) && object.get("detail").is_some_and(Value::is_object)
}

/// Turns an event into a document of events. The same for a page of a log group whose lines are all events, and for the
/// results of a query of such a group. Every other answer is returned unchanged.
pub(super) fn of_events(answer: Map<String, Value>) -> Map<String, Value> {
    let list = |events: Vec<Value>| Map::from_iter([(DELIVERED.to_owned(), Value::Array(events))]);
    let lines =
        ["events", RESULTS].iter().find_map(|key| answer.get(*key)?.as_array()).filter(|lines| !lines.is_empty());
    let logged = lines.and_then(|lines| lines.iter().map(logged).collect::<Option<Vec<_>>>());
    if let Some(events) = logged {
        return list(events);
    }
    if is_event(&answer) {
        return list(vec![Value::Object(answer)]);
    }
    answer
}

/// The event that is the message of a log line.
fn logged(line: &Value) -> Option<Value> {
    let message = line.get("message").and_then(Value::as_str).or_else(|| message_of(line));
    let message = message.filter(|text| text.trim_start().starts_with('{'))?;
    serde_json::from_str(message).ok().filter(is_delivered)
}

impl<'a> Delivered<'a> {
    /// The events of a document.
    pub(crate) fn all(answer: &'a Map<String, Value>) -> impl Iterator<Item = Self> {
        let events = answer.get(DELIVERED).and_then(Value::as_array).into_iter().flatten();
        events.filter_map(|event| {
            let event = event.as_object()?;
            Some(Self { event, detail: event.get("detail")?.as_object()? })
        })
    }

    /// `detail-type`, where ECS is the source.
    pub(crate) fn kind(self) -> Option<&'a str> {
        self.text("source").filter(|source| *source == "aws.ecs")?;
        self.text("detail-type")
    }

    /// When it happened.
    pub(crate) fn at(self) -> Option<Timestamp> {
        Timestamp::parse(self.text("time")?).ok()
    }

    /// Its id.
    pub(crate) fn id(self) -> Option<&'a str> {
        self.text("id")
    }

    /// `detail`: of a task's change the task, as DescribeTasks has it.
    pub(crate) fn detail(self) -> &'a Map<String, Value> {
        self.detail
    }

    /// What tells an older state of a task from a newer one.
    pub(crate) fn task(self) -> DeliveredTask {
        DeliveredTask { version: self.detail.get("version").and_then(Value::as_i64).unwrap_or_default(), at: self.at() }
    }

    /// The ARN of the service that it tells of. Of a task it is made of the task's ARN and group.
    pub(crate) fn service_arn(self) -> Option<String> {
        let resources = self.event.get("resources").and_then(Value::as_array).into_iter().flatten();
        let named = resources.filter_map(Value::as_str).find(|arn| arn.contains(":service/"));
        if let Some(arn) = named {
            return Some(arn.to_owned());
        }
        let name = self.detail.get("group")?.as_str()?.strip_prefix("service:")?;
        let cluster = self.detail.get("clusterArn")?.as_str()?;
        let (place, cluster) = cluster.split_once(":cluster/")?;
        Some(format!("{place}:service/{cluster}/{name}"))
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.event.get(key)?.as_str()
    }
}

/// The ARNs of the services that a document of events tells of.
pub(crate) fn service_arns_of_events(answer: &Map<String, Value>) -> BTreeSet<String> {
    Delivered::all(answer).filter_map(Delivered::service_arn).collect()
}
