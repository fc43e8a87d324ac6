//! The log streams that the containers of the judged rollout's tasks and of the chosen one-off tasks write to.

use casefile_evidence::tables::SourceRow;
use serde_json::json;

use super::Known;
use super::calls::describe_task_definition;
use crate::document::Operation;
use crate::normalise::coverage::{Key, Place, of_class};
use crate::normalise::topology::{ExpectedStream, SeenContainer, StreamNaming};

/// The streams that this snapshot and those before it did not read.
pub(crate) fn unread_streams(known: &Known<'_>) -> Vec<SourceRow> {
    let mut rows = Vec::new();
    for stream in known.topology.expected_streams() {
        let key = Key::of_stream(&stream.log_group, &stream.log_stream);
        if !known.coverage.ledger.knows(&key) {
            rows.push(unread(known, &key, stream));
        }
    }
    rows
}

fn unread(known: &Known<'_>, key: &Key, stream: ExpectedStream) -> SourceRow {
    let ExpectedStream { log_group, log_stream, container, task_id, started, stopped_at } = stream;
    let of = |name: &Option<String>| name.clone().unwrap_or_else(|| "(several)".to_owned());
    let writer = format!("container {} of task {}", of(&container), of(&task_id));
    let place = Place { log_group: Some(log_group.clone()), log_stream: Some(log_stream), container, task_id };
    if !started {
        // There is nothing to read, and so nothing that was not read; nothing was logged either.
        return SourceRow {
            exhausted: true,
            covered_to: stopped_at.is_none().then_some(known.current.observed_at),
            error_code: Some("casefile:NeverStarted".to_owned()),
            remedy: None,
            ..known.gap_at(key, place, "complete", (format!("{writer} had not started: it has no log"), String::new()))
        };
    }
    let why = known.coverage.logs.unreadable.get(&log_group).map(|class| of_class(&log_group, class));
    let why = why.unwrap_or_else(|| {
        (
            format!("the log of {writer} was not read"),
            format!(
                "grant logs:DescribeLogStreams and logs:GetLogEvents on log group {log_group}, and collect while its lines are kept"
            ),
        )
    });
    known.gap_at(key, place, "missing", why)
}

/// The task definition names the log groups: without it, no log line can be asked for.
pub(crate) fn none_known(known: &Known<'_>) -> Vec<SourceRow> {
    let unknown = known.unknown_definition().filter(|_| !known.was_called(Operation::GetLogEvents));
    let Some(named) = unknown else { return Vec::new() };
    let gap = |operation| {
        let remedy = format!("{}: it names the log groups", describe_task_definition(&named));
        known.not_called(&Key::by(operation, &json!({})), remedy)
    };
    vec![gap(Operation::DescribeLogStreams), gap(Operation::GetLogEvents)]
}

/// Essential containers of the judged release whose lines do not go to CloudWatch Logs as awslogs does.
pub(crate) fn other_log_drivers(known: &Known<'_>) -> Vec<SourceRow> {
    let judged = known.topology.judged();
    let definition = judged.rollout.task_definition.as_ref().and_then(|arn| known.topology.definitions.get(arn));
    let unknown = definition.into_iter().flatten().filter(|(container, log)| {
        let part = format!("/{container}/");
        let found = |key: &Key| {
            key.feeds == "log_events" && key.parameter("logStreamName").is_some_and(|it| it.contains(&part))
        };
        log.essential && !can_be_read(known, container, log) && !known.coverage.ledger.was_asked(found)
    });
    let rows = unknown.map(|(container, log)| {
        let key = Key::by(Operation::GetLogEvents, &json!({ "container": container }));
        let place = Place { container: Some(container.clone()), ..Place::default() };
        known.gap_at(&key, place, "not_attempted", of_driver(container, log))
    });
    rows.collect()
}

/// Whether the streams of a container of the judged release are known by name.
fn can_be_read(known: &Known<'_>, container: &str, log: &SeenContainer) -> bool {
    if log.naming != Some(StreamNaming::RuntimeId) {
        return log.naming.is_some();
    }
    let judged = known.topology.judged();
    let mut tasks = known.topology.tasks.values().filter(|task| known.topology.is_of(task, &judged));
    tasks.all(|task| task.containers.get(container).is_none_or(|seen| !seen.started || seen.runtime_id.is_some()))
}

/// Why the streams of a container are not known, and what can be done about it.
fn of_driver(container: &str, log: &SeenContainer) -> (String, String) {
    let (error, remedy) = match log.log_driver.as_deref() {
        None => (format!("container {container} has no log configuration"), "give it an awslogs log configuration"),
        Some("awslogs") if log.log_group.is_none() => (
            format!("container {container} logs through awslogs, and nothing says to which log group"),
            "set awslogs-group in its log configuration",
        ),
        Some("awslogs") => (
            format!("the streams of container {container} have no prefix, and its runtime id is not known"),
            "set awslogs-stream-prefix in its log configuration",
        ),
        Some("awsfirelens") => match log.log_plugin.as_deref() {
            Some("cloudwatch" | "cloudwatch_logs") => (
                format!("where container {container} logs to through awsfirelens cannot be told beforehand"),
                "give log_group_name and log_stream_prefix in its log configuration, without variables",
            ),
            plugin => (
                format!(
                    "container {container} logs through awsfirelens to {}, which is not read",
                    plugin.unwrap_or("a plugin that is not named")
                ),
                "judge it by other evidence, or let it log to cloudwatch_logs too",
            ),
        },
        Some(driver) => (
            format!("container {container} logs through {driver}, which is not read"),
            "judge it by other evidence, or let it log through awslogs",
        ),
    };
    (error, remedy.to_owned())
}
