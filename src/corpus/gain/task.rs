//! Adds a task, or ends one, consistently in all documents.

use std::collections::{BTreeMap, BTreeSet};

use casefile_collector::document::{Document, LogEvent, Operation};
use casefile_collector::held::Held;
use casefile_evidence::Timestamp;
use casefile_evidence::tables::TaskRow;
use serde_json::{Value, json};

use super::edit::{answer, answers, fields, list, moment, replaced, seconds};

/// How a task ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) at: Timestamp,
    pub(super) stop_code: Option<&'a str>,
    pub(super) reason: &'a str,
    pub(super) started: bool,
    /// The exit code of its containers; `None` if it is unknown.
    pub(super) exit: Option<i64>,
}

/// Ends a task.
pub(super) fn end(held: &mut Held, task: &TaskRow, end: End<'_>) {
    let gone = end.at.plus_millis(1_000);
    let ip = address(held, task);
    for (_, document) in answers(held, Operation::DescribeTasks, gone) {
        for found in list(document, "tasks").into_iter().flatten().filter(|found| is(found, task)) {
            stop(found, &end, gone);
        }
    }
    let arn = json!(task.task_arn);
    for (_, document) in answers(held, Operation::ListTasks, gone) {
        let asked = document.requested("desiredStatus").map(str::to_owned);
        let is_of_service = document.requested("family").is_none() && document.requested("startedBy").is_none();
        let Some(arns) = list(document, "taskArns") else { continue };
        match asked.as_deref() {
            Some("RUNNING") => arns.retain(|other| *other != arn),
            Some("STOPPED") if is_of_service && !arns.contains(&arn) => arns.push(arn.clone()),
            _ => {}
        }
    }
    for (_, document) in answers(held, Operation::DescribeTargetHealth, gone) {
        if let (Some(targets), Some(ip)) = (list(document, "TargetHealthDescriptions"), &ip) {
            targets.retain(|target| target.pointer("/Target/Id").and_then(Value::as_str) != Some(ip));
        }
    }
    end_lines(held, task, end.at);
}

/// A task that has ended logs nothing more, and its streams say so.
fn end_lines(held: &mut Held, task: &TaskRow, ended_at: Timestamp) {
    let mut last: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for (_, document) in answers(held, Operation::GetLogEvents, Timestamp(i64::MIN)) {
        let Some(name) = document.requested("logStreamName").map(str::to_owned) else { continue };
        let Some(events) = answer(document).and_then(|answer| answer.events.as_mut()) else { continue };
        if !name.contains(&task.task_id) {
            continue;
        }
        events.retain(|event| event.timestamp.is_none_or(|at| at <= ended_at.0));
        let last = last.entry(name).or_insert((0, 0));
        for event in events {
            let at = event.timestamp.unwrap_or_default();
            *last = (last.0.max(at), last.1.max(event.ingestion_time.unwrap_or(at)));
        }
    }
    for (_, document) in answers(held, Operation::DescribeLogStreams, ended_at) {
        for stream in list(document, "logStreams").into_iter().flatten() {
            let name = stream.get("logStreamName").and_then(Value::as_str);
            let Some((at, ingested)) = name.and_then(|name| last.get(name)) else { continue };
            let Some(stream) = stream.as_object_mut() else { continue };
            for (key, end) in [("lastEventTimestamp", at), ("lastIngestionTime", ingested)] {
                if stream.get(key).and_then(Value::as_i64).is_some_and(|at| at > *end) {
                    stream.insert(key.to_owned(), json!(end));
                }
            }
        }
    }
}

fn is(found: &Value, task: &TaskRow) -> bool {
    found.get("taskArn").and_then(Value::as_str) == Some(task.task_arn.as_str())
}

fn stop(found: &mut Value, end: &End<'_>, gone: Timestamp) {
    let Some(found) = found.as_object_mut() else { return };
    for (key, value) in [
        ("lastStatus", json!("STOPPED")),
        ("desiredStatus", json!("STOPPED")),
        ("healthStatus", json!("UNKNOWN")),
        ("stoppedReason", json!(end.reason)),
        ("stoppingAt", seconds(end.at)),
        ("executionStoppedAt", seconds(end.at.plus_millis(500))),
        ("stoppedAt", seconds(gone)),
    ] {
        found.insert(key.to_owned(), value);
    }
    if let Some(code) = end.stop_code {
        found.insert("stopCode".to_owned(), json!(code));
    }
    if !end.started {
        found.remove("startedAt");
    }
    for container in found.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(container) = container.as_object_mut() else { continue };
        container.insert("lastStatus".to_owned(), json!("STOPPED"));
        container.insert("healthStatus".to_owned(), json!("UNKNOWN"));
        if let Some(code) = end.exit {
            container.insert("exitCode".to_owned(), json!(code));
        }
        if !end.started {
            container.remove("runtimeId");
            container.remove("imageDigest");
        }
    }
}

/// The address of a task that has a network interface of its own.
fn address(held: &Held, task: &TaskRow) -> Option<String> {
    let documents = held.snapshots.iter().rev().flat_map(|snapshot| &snapshot.documents);
    let tasks = documents.filter(|it| it.operation == Operation::DescribeTasks).filter_map(Document::response);
    let found = tasks.filter_map(|fields| fields.get("tasks")?.as_array()).flatten().find(|found| is(found, task))?;
    let details = found.get("attachments")?.as_array()?.iter().filter_map(|it| it.get("details")?.as_array()).flatten();
    let mut address = details.filter(|it| it.get("name").and_then(Value::as_str) == Some("privateIPv4Address"));
    address.next()?.get("value")?.as_str().map(str::to_owned)
}

/// Adds a task that does as another one did, so much later; with its log lines, unless it never starts.
pub(super) fn double(held: &mut Held, task: &TaskRow, later_ms: i64, with_logs: bool) -> Option<TaskRow> {
    let id: String = task.task_id.chars().rev().collect();
    let (arn, ip) = (task.task_arn.replace(&task.task_id, &id), address(held, task));
    let created = task.created_at?.plus_millis(later_ms);
    let started = task.started_at?.plus_millis(later_ms);
    let mut pairs = vec![(task.task_id.as_str(), id.as_str())];
    if let Some(ip) = &ip {
        pairs.push((ip.as_str(), "10.0.250.250"));
    }
    for (at, document) in answers(held, Operation::DescribeTasks, created) {
        let Some(tasks) = list(document, "tasks") else { continue };
        let Some(found) = tasks.iter().find(|found| is(found, task)) else { continue };
        let mut new = replaced(found, &pairs);
        if later_ms != 0 {
            shift(&mut new, later_ms, at < started);
        }
        tasks.push(new);
        let asked = document.request.as_mut().and_then(|request| request.get_mut("tasks"));
        if let Some(asked) = asked.and_then(Value::as_array_mut) {
            asked.push(json!(arn));
        }
    }
    for (_, document) in answers(held, Operation::ListTasks, created) {
        if let Some(arns) = list(document, "taskArns")
            && arns.iter().any(|other| other.as_str() == Some(task.task_arn.as_str()))
        {
            arns.push(json!(arn));
        }
    }
    for (_, document) in answers(held, Operation::DescribeTargetHealth, started) {
        let (Some(targets), Some(ip)) = (list(document, "TargetHealthDescriptions"), &ip) else { continue };
        let found = targets.iter().filter(|it| it.pointer("/Target/Id").and_then(Value::as_str) == Some(ip));
        let new: Vec<Value> = found.map(|target| replaced(target, &pairs)).collect();
        targets.extend(new);
    }
    if with_logs {
        lines(held, task, &id, later_ms, started);
    }
    let (created_at, started_at) = (Some(created), Some(started));
    Some(TaskRow { task_arn: arn, task_id: id, created_at, started_at, ..task.clone() })
}

/// A task's moments, later.
fn shift(task: &mut Value, later_ms: i64, is_pending: bool) {
    let Some(task) = task.as_object_mut() else { return };
    for key in ["createdAt", "connectivityAt", "pullStartedAt", "pullStoppedAt", "startedAt"] {
        if let Some(value) = task.get_mut(key)
            && let Some(at) = moment(value)
        {
            *value = seconds(at.plus_millis(later_ms));
        }
    }
    if !is_pending {
        return;
    }
    for key in ["pullStartedAt", "pullStoppedAt", "startedAt"] {
        task.remove(key);
    }
    task.insert("lastStatus".to_owned(), json!("PENDING"));
    task.insert("healthStatus".to_owned(), json!("UNKNOWN"));
    for container in task.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(container) = container.as_object_mut() else { continue };
        container.insert("lastStatus".to_owned(), json!("PENDING"));
        container.insert("healthStatus".to_owned(), json!("UNKNOWN"));
        container.remove("runtimeId");
        container.remove("imageDigest");
    }
}

/// A stream of a task: its first documents, and all its lines.
#[derive(Debug, Default)]
struct Stream {
    page: Option<Document>,
    listed: Option<Document>,
    lines: Vec<LogEvent>,
}

/// Gives a task the log streams of another one, line by line so much later.
fn lines(held: &mut Held, task: &TaskRow, id: &str, later_ms: i64, from: Timestamp) {
    let mut streams: BTreeMap<String, Stream> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for document in held.snapshots.iter().flat_map(|snapshot| &snapshot.documents) {
        let asked = ["logStreamName", "logStreamNamePrefix"].iter().find_map(|key| document.requested(key));
        let Some(name) = asked.filter(|name| name.contains(&task.task_id)) else { continue };
        let key = format!("{} {name}", document.requested("logGroupName").unwrap_or_default());
        let stream = streams.entry(key.clone()).or_default();
        match document.operation {
            Operation::GetLogEvents => {
                stream.page.get_or_insert_with(|| document.clone());
                let new =
                    document.events().iter().filter(|it| seen.insert((key.clone(), it.timestamp, it.message.clone())));
                stream.lines.extend(new.cloned());
            }
            Operation::DescribeLogStreams => stream.listed = Some(document.clone()),
            _ => {}
        }
    }
    let pairs = [(task.task_id.as_str(), id)];
    for stream in streams.into_values() {
        let mut read = 0;
        for snapshot in held.snapshots.iter_mut().filter(|snapshot| snapshot.observed_at >= from) {
            if !snapshot
                .documents
                .iter()
                .any(|it| it.operation == Operation::DescribeLogStreams || it.operation.is_of_lines())
            {
                continue;
            }
            let (mut until, arrived) = (read, |event: &LogEvent| {
                let at = event.ingestion_time.or(event.timestamp).unwrap_or_default();
                at.saturating_add(later_ms) <= snapshot.observed_at.0
            });
            while stream.lines.get(until).is_some_and(arrived) {
                until += 1;
            }
            let shifted: Vec<LogEvent> = stream.lines[..until].iter().map(|event| later(event, later_ms)).collect();
            if let Some(listed) = &stream.listed {
                snapshot.documents.push(listing(listed, &pairs, &shifted, later_ms));
            }
            if let Some(page) = &stream.page {
                snapshot.documents.push(paged(page, &pairs, &shifted[read..], read));
                if read < until {
                    snapshot.documents.push(paged(page, &pairs, &[], until));
                }
            }
            read = until;
        }
    }
    listed_together(held, &pairs, later_ms, from);
}

fn later(event: &LogEvent, later_ms: i64) -> LogEvent {
    let mut event = event.clone();
    for at in [&mut event.timestamp, &mut event.ingestion_time].into_iter().flatten() {
        *at = at.saturating_add(later_ms);
    }
    event
}

/// The answer of DescribeLogStreams for a stream with these lines.
pub(super) fn listing(from: &Document, pairs: &[(&str, &str)], lines: &[LogEvent], later_ms: i64) -> Document {
    let mut document = named(from, pairs);
    for stream in list(&mut document, "logStreams").into_iter().flatten() {
        describe(stream, later_ms, lines.first().zip(lines.last()));
    }
    document
}

fn describe(stream: &mut Value, later_ms: i64, ends: Option<(&LogEvent, &LogEvent)>) {
    let Some(stream) = stream.as_object_mut() else { return };
    for key in ["creationTime", "firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime"] {
        if let Some(value) = stream.get_mut(key)
            && let Some(at) = value.as_i64()
        {
            *value = json!(at.saturating_add(later_ms));
        }
    }
    let Some((first, last)) = ends else { return };
    for (key, at) in [
        ("firstEventTimestamp", first.timestamp),
        ("lastEventTimestamp", last.timestamp),
        ("lastIngestionTime", last.ingestion_time),
    ] {
        if let Some(at) = at {
            stream.insert(key.to_owned(), json!(at));
        }
    }
}

/// A page of a stream that begins after the given number of lines.
pub(super) fn paged(from: &Document, pairs: &[(&str, &str)], lines: &[LogEvent], read: usize) -> Document {
    let mut document = named(from, pairs);
    if let Some(request) = document.request.as_mut() {
        request.remove("nextToken");
        if read > 0 {
            request.insert("nextToken".to_owned(), json!(format!("f/double{read}/s")));
        }
    }
    if let Some(answer) = answer(&mut document) {
        answer.events = Some(lines.to_vec());
        answer.fields.insert("nextForwardToken".to_owned(), json!(format!("f/double{}/s", read + lines.len())));
        answer.fields.insert("nextBackwardToken".to_owned(), json!(format!("b/double{read}/s")));
    }
    document
}

fn named(from: &Document, pairs: &[(&str, &str)]) -> Document {
    let mut document = from.clone();
    if let Some(request) = document.request.take()
        && let Value::Object(request) = replaced(&Value::Object(request), pairs)
    {
        document.request = Some(request);
    }
    if let Some(own) = fields(&mut document)
        && let Value::Object(new) = replaced(&Value::Object(std::mem::take(own)), pairs)
    {
        *own = new;
    }
    document
}

/// Where one answer lists the streams of many tasks, it lists those of the new task too.
fn listed_together(held: &mut Held, pairs: &[(&str, &str)], later_ms: i64, from: Timestamp) {
    let Some((id, new_id)) = pairs.first() else { return };
    for (_, document) in answers(held, Operation::DescribeLogStreams, from) {
        if document
            .requested("logStreamNamePrefix")
            .is_some_and(|prefix| prefix.contains(id) || prefix.contains(new_id))
        {
            continue;
        }
        let Some(streams) = list(document, "logStreams") else { continue };
        let name = |stream: &Value| stream.get("logStreamName").and_then(Value::as_str).map(str::to_owned);
        let found = streams.iter().filter(|stream| name(stream).is_some_and(|name| name.contains(id)));
        let mut new: Vec<Value> = found.map(|stream| replaced(stream, pairs)).collect();
        new.iter_mut().for_each(|stream| describe(stream, later_ms, None));
        streams.extend(new);
    }
}
