//! What counts as read, and what is a gap.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod logs;
mod readings;
mod tasks;

use casefile_collector::document::Document;
use casefile_collector::normalise::{About, Assembly};
use casefile_collector::redact::Redactor;
use casefile_evidence::tables::SourceRow;
use casefile_evidence::{AnyRow, Timestamp};
use serde_json::{Value, json};

pub(crate) const CREATED: i64 = 1_795_419_780_000;
pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/production/shop";
pub(crate) const DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7";
pub(crate) const MIGRATE: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-migrate:3";
pub(crate) const TASK: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const ONE_OFF: &str = "fedcba9876543210fedcba9876543210";
pub(crate) const DEPLOYMENT: &str = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/production/shop/d1";

pub(crate) fn about() -> About {
    About {
        service: "shop".to_owned(),
        cluster: Some("production".to_owned()),
        ingestion_grace_ms: 10_000,
        ..About::default()
    }
}

/// The rows of snapshots that are 10 seconds apart, the first 20 seconds after the deployment was created.
pub(crate) fn assemble(about: About, snapshots: &[Vec<Value>]) -> Vec<AnyRow> {
    let mut assembly = Assembly::new(about, Redactor::standard());
    for (number, documents) in (2..).zip(snapshots) {
        assembly.begin_snapshot(Timestamp(CREATED + number * 10_000), false);
        for value in documents {
            let document = assembly.redact(Document::from_json(value.clone(), "test").unwrap());
            assembly.take(document);
        }
        assembly.end_snapshot();
    }
    assembly.finish();
    assembly.drain()
}

pub(crate) fn sources(rows: &[AnyRow]) -> Vec<&SourceRow> {
    rows.iter().filter_map(|row| if let AnyRow::Source(source) = row { Some(&**source) } else { None }).collect()
}

/// The last row of the one source that says this in its parameters.
pub(crate) fn source<'a>(rows: &'a [AnyRow], operation: &str, parameters: &str) -> &'a SourceRow {
    let all = sources(rows);
    let found = all.iter().rfind(|it| it.operation == operation && it.parameters.contains(parameters));
    found.unwrap_or_else(|| panic!("no source {operation} {parameters} in {all:#?}"))
}

pub(crate) fn ask(operation: &str, request: Value, response: Value) -> Value {
    json!({ "operation": operation, "request": request, "response": response })
}

pub(crate) fn refuse(operation: &str, request: Value, code: &str) -> Value {
    json!({ "operation": operation, "request": request, "error": { "code": code, "message": "no" } })
}

pub(crate) fn arn(id: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task/production/{id}")
}

pub(crate) fn service() -> Value {
    ask(
        "DescribeServices",
        json!({ "cluster": "production", "services": ["shop"] }),
        json!({ "services": [{ "serviceArn": SERVICE, "serviceName": "shop", "taskDefinition": DEFINITION,
            "deployments": [{ "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": DEFINITION,
                "createdAt": CREATED / 1000, "rolloutState": "IN_PROGRESS" }],
            "events": [{ "id": "e1", "createdAt": CREATED / 1000, "message": "(service shop) has started 1 tasks." }],
        }], "failures": [] }),
    )
}

pub(crate) fn list(filter: &Value, status: &str, ids: &[&str]) -> Value {
    let mut request = json!({ "cluster": "production", "desiredStatus": status });
    for (key, value) in filter.as_object().unwrap() {
        request[key] = value.clone();
    }
    ask("ListTasks", request, json!({ "taskArns": ids.iter().map(|id| arn(id)).collect::<Vec<_>>() }))
}

pub(crate) fn task(id: &str, change: Value) -> Value {
    let mut task = json!({ "taskArn": arn(id), "taskDefinitionArn": DEFINITION, "startedBy": "ecs-svc/1",
        "group": "service:shop", "lastStatus": "RUNNING", "desiredStatus": "RUNNING", "createdAt": CREATED / 1000 + 2,
        "startedAt": CREATED / 1000 + 9,
        "containers": [{ "name": "app", "lastStatus": "RUNNING", "runtimeId": "0a1b2c" }] });
    for (key, value) in change.as_object().unwrap() {
        task[key] = value.clone();
    }
    task
}

pub(crate) fn one_off(change: Value) -> Value {
    let mut task = task(
        ONE_OFF,
        json!({ "taskDefinitionArn": MIGRATE, "group": "family:shop-migrate", "startedBy": "pipeline/77" }),
    );
    for (key, value) in change.as_object().unwrap() {
        task[key] = value.clone();
    }
    task
}

pub(crate) fn describe(tasks: &[Value]) -> Value {
    let request = json!({ "cluster": "production", "tasks": ["..."] });
    ask("DescribeTasks", request, json!({ "tasks": tasks, "failures": [] }))
}

pub(crate) fn definition(arn: &str, containers: Value) -> Value {
    let answer = json!({ "taskDefinition": { "taskDefinitionArn": arn, "containerDefinitions": containers } });
    ask("DescribeTaskDefinition", json!({ "taskDefinition": arn }), answer)
}

pub(crate) fn awslogs(name: &str, group: &str, prefix: Option<&str>) -> Value {
    let mut options = json!({ "awslogs-group": group, "awslogs-region": "eu-west-1" });
    if let Some(prefix) = prefix {
        options["awslogs-stream-prefix"] = json!(prefix);
    }
    json!({ "name": name, "essential": true, "logConfiguration": { "logDriver": "awslogs", "options": options } })
}

pub(crate) fn lines(group: &str, stream: &str, from: Option<i64>, at: &[i64]) -> Vec<Value> {
    let events: Vec<Value> =
        at.iter().map(|at| json!({ "timestamp": at, "ingestionTime": at + 900, "message": format!("{at}") })).collect();
    let mut request = json!({ "logGroupName": group, "logStreamName": stream, "startFromHead": true });
    if let Some(from) = from {
        request["startTime"] = json!(from);
    }
    let mut again = request.clone();
    again["nextToken"] = json!("f/1");
    let end = json!({ "events": [], "nextForwardToken": "f/1" });
    vec![
        ask("GetLogEvents", request, json!({ "events": events, "nextForwardToken": "f/1" })),
        ask("GetLogEvents", again, end),
    ]
}

pub(crate) fn streams(group: &str, more: Value, listed: Value) -> Value {
    let mut request = json!({ "logGroupName": group });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    ask("DescribeLogStreams", request, json!({ "logStreams": listed }))
}
