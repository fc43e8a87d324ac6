//! What an import makes of files: of recordings, of plain AWS CLI outputs, and of whatever else people save.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::Path;

use casefile_collector::import::import;
use casefile_collector::normalise::About;
use casefile_collector::recording::Recording;
use casefile_collector::redact::Redactor;
use casefile_collector::seal;
use casefile_evidence::tables::{LogEventRow, SnapshotRow, SourceRow, TargetRow, TaskRow};
use casefile_evidence::{Bundle, BundleWriter, Timestamp};
use serde_json::{Value, json};

const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/production/shop";
const DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7";
const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/production/0123456789abcdef0123456789abcdef";
const STREAM: &str = "ecs/app/0123456789abcdef0123456789abcdef";

fn put(folder: &Path, name: &str, document: &Value) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, document.to_string()).unwrap();
}

fn bundle(recording: &Path, output: &Path) -> Bundle {
    let recording = Recording::open(recording).unwrap();
    let mut writer = BundleWriter::create(output).unwrap();
    let about = About { ingestion_grace_ms: 10_000, ..About::default() };
    let assembly = import(&recording, about, Redactor::standard(), &mut writer).unwrap();
    seal(&assembly, writer, "imported", &casefile_collector::Maker::default()).unwrap();
    Bundle::open(output).unwrap()
}

fn services() -> Value {
    json!({ "services": [{
        "serviceArn": SERVICE, "serviceName": "shop", "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/production",
        "status": "ACTIVE", "desiredCount": 1, "runningCount": 1, "pendingCount": 0, "taskDefinition": DEFINITION,
        "someFieldOfTomorrow": {"a": 1},
        "deployments": [{ "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": DEFINITION, "desiredCount": 1,
            "runningCount": 1, "pendingCount": 0, "failedTasks": 0, "createdAt": "2026-11-23T08:43:00.250000+01:00",
            "rolloutState": "COMPLETED", "rolloutStateReason": "ECS deployment ecs-svc/1 completed." }],
        "events": [{ "id": "e1", "createdAt": 1_795_419_800.5, "message": "(service shop) has reached a steady state." }],
    }], "failures": [] })
}

fn tasks() -> Value {
    json!({ "tasks": [{
        "taskArn": TASK, "taskDefinitionArn": DEFINITION, "startedBy": "ecs-svc/1", "group": "service:shop",
        "lastStatus": "RUNNING", "desiredStatus": "RUNNING", "startedAt": "2026-11-23T07:43:20Z", "createdAt": "2026-11-23T07:43:02Z",
        "containers": [{ "name": "app", "lastStatus": "RUNNING", "runtimeId": "r" }],
    }], "failures": [] })
}

fn definition() -> Value {
    json!({ "taskDefinition": { "taskDefinitionArn": DEFINITION, "family": "shop", "revision": 7, "containerDefinitions": [{
        "name": "app", "image": "shop:7", "essential": true,
        "environment": [{ "name": "DATABASE_URL", "value": "postgres://shop:hunter2@db/shop" }],
        "logConfiguration": { "logDriver": "awslogs", "options": {
            "awslogs-group": "/ecs/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs" } },
    }] } })
}

fn get_events(token: Option<&str>, next: &str, lines: &[(i64, &str)]) -> Value {
    let events: Vec<Value> =
        lines.iter().map(|(at, line)| json!({ "timestamp": at, "ingestionTime": at + 900, "message": line })).collect();
    let mut request = json!({ "logGroupName": "/ecs/shop", "logStreamName": STREAM, "startFromHead": true });
    if let Some(token) = token {
        request["nextToken"] = json!(token);
    }
    json!({ "operation": "GetLogEvents", "request": request,
            "response": { "events": events, "nextForwardToken": next, "nextBackwardToken": "b/0" } })
}

fn source<'a>(sources: &'a [SourceRow], feeds: &str, operation: &str) -> &'a SourceRow {
    sources.iter().rfind(|source| source.feeds == feeds && source.operation == operation).unwrap_or_else(|| {
        panic!("no source {feeds}/{operation} in {sources:#?}");
    })
}

#[test]
fn plain_cli_outputs_in_a_flat_folder_are_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    put(&files, "a.json", &services());
    put(&files, "b.json", &tasks());
    put(&files, "c.json", &definition());
    put(
        &files,
        "d.json",
        &json!({ "events": [
        { "logStreamName": STREAM, "timestamp": 1_795_419_801_000_i64, "ingestionTime": 1_795_419_802_000_i64, "message": "up", "eventId": "1" },
    ], "searchedLogStreams": [] }),
    );
    let bundle = bundle(&files, &folder.path().join("bundle"));

    let target = &bundle.rows::<TargetRow>().unwrap()[0];
    assert_eq!(target.service, "shop");
    assert_eq!(target.cluster.as_deref(), Some("production"));
    assert_eq!((target.region.as_deref(), target.account.as_deref()), (Some("eu-west-1"), Some("123456789012")));
    assert_eq!(target.deployment_id.as_deref(), Some("ecs-svc/1"));
    assert_eq!(target.expectation, "newest");
    assert_eq!(target.deployment_created_at, Timestamp::parse("2026-11-23T07:43:00.250Z").ok());

    // Nothing says when it was taken: after everything that it tells of, and it says that this was assumed.
    let snapshots = bundle.rows::<SnapshotRow>().unwrap();
    assert_eq!(snapshots.len(), 1);
    assert!(snapshots[0].assumed);
    assert_eq!(snapshots[0].observed_at, Timestamp(1_795_419_802_000));

    let lines = bundle.rows::<LogEventRow>().unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].log_group.as_str(), lines[0].container.as_deref()), ("/ecs/shop", Some("app")));

    let sources = bundle.rows::<SourceRow>().unwrap();
    let described = source(&sources, "tasks", "DescribeTasks");
    assert_eq!((described.status.as_str(), described.assumed, described.exhausted), ("complete", true, true));
    assert_eq!(source(&sources, "service_deployments", "DescribeServiceDeployments").status, "not_attempted");
    let text = format!("{:?}", bundle.manifest());
    assert!(!text.contains("hunter2") && text.contains("environment"), "{text}");
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    put(&files, "2026-11-23T07-44-00Z/a.json", &services());
    put(&files, "2026-11-23T07-44-00Z/b.json", &tasks());
    put(&files, "2026-11-23T07-44-00Z/c.json", &definition());
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    assert_eq!(bundle(&files, &a).digest(), bundle(&files, &b).digest());
}

#[test]
fn a_line_is_taken_once_however_often_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    for (snapshot, events) in [
        (
            "2026-11-23T07-44-00Z",
            vec![
                get_events(None, "f/2", &[(1000, "a"), (2000, "b"), (2000, "b")]),
                get_events(Some("f/2"), "f/2", &[]),
            ],
        ),
        (
            "2026-11-23T07-44-05Z",
            vec![
                get_events(Some("f/2"), "f/3", &[(3000, "c")]),
                get_events(Some("f/3"), "f/3", &[]),
                // Read again from the head: a late line has come in between.
                get_events(None, "f/9", &[(1000, "a"), (1500, "late"), (2000, "b"), (2000, "b"), (3000, "c")]),
                get_events(Some("f/9"), "f/9", &[]),
            ],
        ),
    ] {
        put(&files, &format!("{snapshot}/0-services.json"), &services());
        put(&files, &format!("{snapshot}/1-tasks.json"), &tasks());
        put(&files, &format!("{snapshot}/2-definition.json"), &definition());
        for (number, document) in events.iter().enumerate() {
            put(&files, &format!("{snapshot}/3-{number}.json"), document);
        }
    }
    let bundle = bundle(&files, &folder.path().join("bundle"));
    let lines = bundle.rows::<LogEventRow>().unwrap();
    let read: Vec<(i64, &str, i64)> =
        lines.iter().map(|line| (line.timestamp.0, line.message.as_str(), line.snapshot)).collect();
    assert_eq!(read, [(1000, "a", 0), (1500, "late", 1), (2000, "b", 0), (2000, "b", 0), (3000, "c", 1)]);
    let sources = bundle.rows::<SourceRow>().unwrap();
    let stream = source(&sources, "log_events", "GetLogEvents");
    assert_eq!((stream.status.as_str(), stream.container.as_deref()), ("complete", Some("app")));
}

#[test]
fn a_stream_whose_end_was_not_read_is_not_complete() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files/2026-11-23T07-44-00Z");
    put(&files, "0.json", &services());
    put(&files, "1.json", &tasks());
    put(&files, "2.json", &definition());
    put(&files, "3.json", &get_events(None, "f/2", &[(1000, "a")]));
    let bundle = bundle(&folder.path().join("files"), &folder.path().join("bundle"));
    let sources = bundle.rows::<SourceRow>().unwrap();
    let stream = source(&sources, "log_events", "GetLogEvents");
    assert_eq!((stream.status.as_str(), stream.exhausted), ("partial", false));
}

#[test]
fn a_recorded_error_is_a_gap_that_says_how_to_fill_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files/2026-11-23T07-44-00Z");
    put(&files, "0.json", &services());
    put(&files, "1.json", &tasks());
    put(&files, "2.json", &definition());
    put(
        &files,
        "3.json",
        &json!({ "operation": "GetLogEvents",
        "request": { "logGroupName": "/ecs/shop", "logStreamName": STREAM, "startFromHead": true },
        "error": { "code": "AccessDeniedException", "message": "User is not authorized to perform: logs:GetLogEvents" } }),
    );
    let bundle = bundle(&folder.path().join("files"), &folder.path().join("bundle"));
    let sources = bundle.rows::<SourceRow>().unwrap();
    let stream = source(&sources, "log_events", "GetLogEvents");
    assert_eq!(stream.status, "denied");
    assert_eq!(stream.error_code.as_deref(), Some("AccessDeniedException"));
    assert_eq!(
        stream.remedy.as_deref(),
        Some("grant logs:GetLogEvents on log group /ecs/shop to the role that collects")
    );
    assert_eq!(stream.task_id.as_deref(), Some("0123456789abcdef0123456789abcdef"));
}

#[test]
fn what_aws_may_send_one_day_is_taken_as_far_as_it_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    put(&files, "a.json", &services());
    put(
        &files,
        "b.json",
        &json!({ "tasks": [
        { "taskArn": TASK, "lastStatus": "TELEPORTING", "stopCode": null, "startedAt": "yesterday", "containers": "none", "cpu": 256 },
        { "lastStatus": "RUNNING" },
        "not an object",
    ] }),
    );
    put(&files, "c.txt", &json!("hello"));
    let recording = Recording::open(&files).unwrap();
    assert_eq!(recording.unknown.len(), 1);
    let mut writer = BundleWriter::create(&folder.path().join("bundle")).unwrap();
    let assembly = import(&recording, About::default(), Redactor::standard(), &mut writer).unwrap();
    let remarks: Vec<&str> = assembly.remarks().iter().collect();
    assert_eq!(remarks.len(), 4, "{remarks:#?}");
    seal(&assembly, writer, "imported", &casefile_collector::Maker::default()).unwrap();
    let tasks = Bundle::open(&folder.path().join("bundle")).unwrap().rows::<TaskRow>().unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].last_status.as_deref(), tasks[0].cpu.as_deref()), (Some("TELEPORTING"), Some("256")));
    assert_eq!((&tasks[0].stop_code, tasks[0].started_at), (&None, None));
}

/// Answers that nobody on the project wrote; the tests go without them where they are not there.
#[test]
fn recorded_answers_of_others_import() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/recorded/custodian");
    let Ok(scenarios) = fs::read_dir(&root) else {
        return println!("skipped: {} is not there", root.display());
    };
    let mut imported = 0;
    for scenario in scenarios.filter_map(Result::ok) {
        let Ok(recording) = Recording::open(&scenario.path()) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut writer = BundleWriter::create(&folder.path().join("bundle")).unwrap();
        let about = About { service: "any".to_owned(), ..About::default() };
        let Ok(assembly) = import(&recording, about, Redactor::standard(), &mut writer) else { continue };
        seal(&assembly, writer, "imported", &casefile_collector::Maker::default()).unwrap();
        Bundle::open(&folder.path().join("bundle")).unwrap();
        imported += 1;
    }
    assert!(imported > 20, "only {imported} were imported");
}
