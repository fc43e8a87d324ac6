//! Gains that end no task: events, streams, containers and fields.

use casefile_collector::document::{Document, LogEvent, Operation};
use casefile_collector::held::Held;
use casefile_evidence::Timestamp;
use serde_json::{Value, json};

use super::Told;
use super::edit::{answers, event, fields, list, moment, replaced, seconds};
use super::scene::Scene;
use super::task::{listing, paged};

/// Lines that failure signatures are made for.
const FAILURES: [&str; 3] = [
    "Traceback (most recent call last):",
    "alembic.util.exc.CommandError: Multiple head revisions are present for given argument 'head'",
    "CRITICAL: the worker is out of memory",
];

pub(super) fn unhealthy_once(held: &mut Held, scene: &Scene) -> Option<()> {
    if scene.load_balancers == 0 {
        return None;
    }
    let (task, at) = (scene.task.as_ref()?, scene.before()?);
    let told = format!(
        "(service {}) (task {}) (port 8000) is unhealthy in (target-group arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:targetgroup/app/6d0ecf831eec9f09) due to (reason Health checks failed with these codes: [503]).",
        scene.service, task.task_id
    );
    event(held, at, "5ca1e1ab-0000-4000-8000-000000000005", &told);
    Some(())
}

pub(super) fn tell(held: &mut Held, scene: &Scene, told: Told) -> Option<()> {
    let (at, text) = match told {
        Told::Unknown => {
            (scene.early().or(scene.after())?, "met a condition of kind Q7 that no text has described yet.")
        }
        Told::Throttled => (scene.early()?, "operations are being throttled on elb. Will try again later."),
        Told::NotPlaced => (
            scene.early()?,
            "was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance 1f0e2d3c4b5a69788796a5b4c3d2e1f0) has insufficient CPU units available.",
        ),
    };
    event(held, at, "5ca1e1ab-0000-4000-8000-000000000006", &format!("(service {}) {text}", scene.service));
    Some(())
}

/// The documents that told first of a stream of the judged task: its list entry, and a page.
fn of_the_task(held: &Held, scene: &Scene) -> Option<(Document, Document, String)> {
    let id = &scene.task.as_ref()?.task_id;
    let mut documents = held.snapshots.iter().flat_map(|snapshot| &snapshot.documents);
    let page = documents.clone().find(|it| it.requested("logStreamName").is_some_and(|name| name.contains(id)))?;
    let stream = page.requested("logStreamName")?;
    let listed =
        documents.find(|it| it.requested("logStreamNamePrefix").is_some_and(|prefix| stream.starts_with(prefix)))?;
    Some((listed.clone(), page.clone(), stream.to_owned()))
}

/// Adds a stream with failure lines, which every snapshot after a moment reads.
fn add_stream(held: &mut Held, from: &(Document, Document, String), stream: &str, at: Timestamp) -> Option<()> {
    let (listed, page, known) = from;
    let line = |(number, text): (i64, &str)| LogEvent {
        timestamp: Some(at.0 + number),
        ingestion_time: Some(at.0 + number + 300),
        message: Some(text.to_owned()),
        ..LogEvent::default()
    };
    let lines: Vec<LogEvent> = (0..).zip(FAILURES).map(line).collect();
    let pairs = [(known.as_str(), stream)];
    let mut read = 0;
    for snapshot in held.snapshots.iter_mut().filter(|snapshot| snapshot.observed_at >= at.plus_millis(1_000)) {
        if !snapshot.documents.iter().any(|document| document.operation.is_of_lines()) {
            continue;
        }
        snapshot.documents.push(listing(listed, &pairs, &lines, 0));
        if read == 0 {
            snapshot.documents.push(paged(page, &pairs, &lines, 0));
            read = lines.len();
        }
        snapshot.documents.push(paged(page, &pairs, &[], read));
    }
    (read > 0).then_some(())
}

pub(super) fn unrelated_stream(held: &mut Held, scene: &Scene) -> Option<()> {
    let from = of_the_task(held, scene)?;
    let at = scene.early().unwrap_or(scene.first).max(scene.first);
    add_stream(held, &from, "nightly-report/job/00f1e2d3c4b5a6978897a6b5c4d3e2f1", at)
}

pub(super) fn old_task_fails(held: &mut Held, scene: &Scene) -> Option<()> {
    let from = of_the_task(held, scene)?;
    let (old, ended_at) = scene.old.as_ref()?;
    let stream = from.2.replace(&scene.task.as_ref()?.task_id, &old.task_id);
    let mut documents = held.snapshots.iter().flat_map(|snapshot| &snapshot.documents);
    if documents.any(|document| document.requested("logStreamName") == Some(stream.as_str())) {
        return None;
    }
    add_stream(held, &from, &stream, ended_at.plus_millis(-2_000))
}

pub(super) fn guard_duty(held: &mut Held) {
    for (_, document) in answers(held, Operation::DescribeTasks, Timestamp(i64::MIN)) {
        for task in list(document, "tasks").into_iter().flatten() {
            let Some(containers) = task.get_mut("containers").and_then(Value::as_array_mut) else { continue };
            let is_agent =
                |it: &Value| it.get("name").and_then(Value::as_str).is_some_and(|it| it.contains("guardduty"));
            let Some(first) = containers.first().filter(|_| !containers.iter().any(is_agent)) else { continue };
            let text = |key: &str| first.get(key).and_then(Value::as_str).map(|text| format!("{text}9"));
            let mut agent = json!({
                "name": "aws-guardduty-agent-dpSB4",
                "image": "593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate:v1.8.0-Fg_x86_64",
                "taskArn": first.get("taskArn"),
                "lastStatus": first.get("lastStatus"),
                "containerArn": text("containerArn"),
                "healthStatus": "UNKNOWN",
                "networkBindings": [],
            });
            if let Some(runtime) = text("runtimeId") {
                agent["runtimeId"] = json!(runtime);
            }
            if first.get("exitCode").is_some() {
                agent["exitCode"] = json!(143);
            }
            containers.push(agent);
        }
    }
}

pub(super) fn older_service_deployment(held: &mut Held, scene: &Scene) -> Option<()> {
    const EARLIER_MS: i64 = -7_200_000;
    let created = scene.created_at?;
    let older = |deployment: &Value| -> Option<Value> {
        let at = deployment.get("createdAt").and_then(moment)?;
        let arn = deployment.get("serviceDeploymentArn")?.as_str()?;
        // The judged one is created with its deployment.
        if at.millis_since(created).abs() > 5_000 {
            return None;
        }
        let (path, _) = arn.rsplit_once('/')?;
        let revision = deployment.get("targetServiceRevisionArn").and_then(Value::as_str);
        let target = revision.or_else(|| deployment.pointer("/targetServiceRevision/arn")?.as_str())?;
        let (revisions, _) = target.rsplit_once('/')?;
        let source = format!("{revisions}/1234500000000000001");
        let own = format!("{path}/0lderDeployment00000");
        let mut new = replaced(deployment, &[(arn, own.as_str()), (target, source.as_str())]);
        let new = new.as_object_mut()?;
        new.remove("sourceServiceRevisions");
        new.insert("status".to_owned(), json!("SUCCESSFUL"));
        for key in ["createdAt", "startedAt", "finishedAt", "updatedAt"] {
            let then = deployment.get(key).and_then(moment).unwrap_or(at.plus_millis(90_000));
            new.insert(key.to_owned(), seconds(then.plus_millis(EARLIER_MS)));
        }
        Some(Value::Object(new.clone()))
    };
    for operation in [Operation::ListServiceDeployments, Operation::DescribeServiceDeployments] {
        for (_, document) in answers(held, operation, Timestamp(i64::MIN)) {
            let Some(deployments) = list(document, "serviceDeployments") else { continue };
            let new: Vec<Value> = deployments.iter().filter_map(older).take(1).collect();
            let arns: Vec<Value> = new.iter().filter_map(|it| it.get("serviceDeploymentArn").cloned()).collect();
            deployments.extend(new);
            let asked = document.request.as_mut().and_then(|request| request.get_mut("serviceDeploymentArns"));
            if let Some(asked) = asked.and_then(Value::as_array_mut) {
                asked.extend(arns);
            }
        }
    }
    Some(())
}

pub(super) fn unknown_fields(held: &mut Held) {
    for document in held.snapshots.iter_mut().flat_map(|snapshot| &mut snapshot.documents) {
        let Some(fields) = fields(document) else { continue };
        for items in fields.values_mut().filter_map(Value::as_array_mut) {
            for item in items.iter_mut().filter_map(Value::as_object_mut) {
                if let Some(tags) = item.get_mut("tags").and_then(Value::as_array_mut) {
                    tags.push(json!({ "key": "cost-centre", "value": "42" }));
                }
                item.insert("fieldOfTheFuture".to_owned(), json!({ "state": "FAILED", "count": 0 }));
            }
        }
        fields.insert("fieldOfTheFuture".to_owned(), json!([{ "status": "ERROR" }]));
    }
}
