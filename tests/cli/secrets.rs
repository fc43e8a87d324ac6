//! No secret of the corpus is in any byte that is written.

use std::fs;
use std::path::Path;

use arrow::util::pretty::pretty_format_batches;
use casefile_collector::recording::Recording;
use casefile_evidence::{Bundle, tables};
use casefile_fixtures::endpoint::{Endpoint, Playback, World};
use serde_json::{Value, json};

use super::{casefile, command, ended, text};

const TASK: &str = "0123456789abcdef0123456789abcdef";
const DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7";

/// Secret and text.
fn corpus() -> Vec<(String, String)> {
    let lines = include_str!("../../collector/tests/secrets/secrets.tsv").lines();
    let rows = lines.filter(|line| !line.starts_with('#') && !line.starts_with("beyond"));
    rows.map(|line| {
        let mut parts = line.split('\t').skip(1).map(|part| serde_json::from_str::<String>(part).unwrap());
        (parts.next().unwrap(), parts.next().unwrap())
    })
    .collect()
}

/// Secrets everywhere that a text can be.
fn recording(folder: &Path, corpus: &[(String, String)]) {
    fs::create_dir(folder).unwrap();
    let save = |name: &str, document: Value| fs::write(folder.join(name), document.to_string()).unwrap();
    let all = |what: &str| corpus.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(what);
    let events: Vec<Value> = corpus
        .iter()
        .enumerate()
        .map(|(n, (_, text))| json!({ "id": format!("e{n}"), "createdAt": 1_795_419_780, "message": text }))
        .collect();
    save(
        "services.json",
        json!({ "services": [{
        "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/production/shop", "serviceName": "shop",
        "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/production", "status": "ACTIVE", "desiredCount": 1,
        "runningCount": 0, "pendingCount": 0, "events": events, "taskDefinition": DEFINITION, "deployments": [{
            "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": DEFINITION, "desiredCount": 1, "runningCount": 0,
            "pendingCount": 0, "createdAt": 1_795_419_780, "rolloutState": "FAILED", "rolloutStateReason": all(" ") }] }],
        "failures": [] }),
    );
    let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task/production/{TASK}");
    for status in ["RUNNING", "STOPPED"] {
        let arns: Vec<&str> = if status == "STOPPED" { vec![&arn] } else { Vec::new() };
        save(
            &format!("list-{status}.json"),
            json!({ "operation": "ListTasks", "response": { "taskArns": arns },
            "request": { "cluster": "production", "serviceName": "shop", "desiredStatus": status } }),
        );
    }
    let environment: Vec<Value> =
        corpus.iter().map(|(secret, _)| json!({ "name": "SETTING", "value": secret })).collect();
    save(
        "tasks.json",
        json!({ "tasks": [{ "taskArn": arn, "taskDefinitionArn": DEFINITION, "group": "service:shop",
        "startedBy": "ecs-svc/1", "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/production",
        "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "createdAt": 1_795_419_781, "startedAt": 1_795_419_785,
        "stoppedAt": 1_795_419_790, "stopCode": "EssentialContainerExited", "stoppedReason": all("; "),
        "overrides": { "containerOverrides": [{ "name": "app", "environment": environment }] },
        "containers": [{ "name": "app", "lastStatus": "STOPPED", "exitCode": 1, "reason": all(", ") }] }], "failures": [] }),
    );
    save(
        "definition.json",
        json!({ "taskDefinition": { "taskDefinitionArn": DEFINITION, "family": "shop", "revision": 7,
        "containerDefinitions": [{ "name": "app", "essential": true, "environment": environment, "logConfiguration": {
            "logDriver": "awslogs", "options": { "awslogs-group": "/ecs/shop", "awslogs-region": "eu-west-1",
                "awslogs-stream-prefix": "ecs" } } }] } }),
    );
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----";
    let lines = corpus.iter().flat_map(|(_, text)| text.split('\n')).chain(key.split('\n'));
    let lines: Vec<Value> = (0..)
        .zip(lines)
        .map(|(n, text)| json!({ "timestamp": 1_795_419_786_000_i64 + n, "ingestionTime": 1_795_419_787_000_i64, "message": text }))
        .collect();
    save(
        "lines.json",
        json!({ "operation": "GetLogEvents",
        "response": { "events": lines, "nextForwardToken": "f/1" },
        "request": { "logGroupName": "/ecs/shop", "logStreamName": format!("ecs/app/{TASK}"), "startFromHead": true } }),
    );
}

fn files(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn no_secret_is_in_any_byte_that_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus();
    recording(&folder.path().join("case"), &corpus);
    let recording = Recording::open(&folder.path().join("case")).unwrap();
    let world = World::open(&recording).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let origin = world.ends_at().plus_millis(120_000);
    let endpoint = runtime.block_on(Endpoint::start(world, Playback::frozen(origin), Vec::new())).unwrap();
    let clock = format!("{origin}@100");
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let arguments = [
        "collect",
        "--endpoint-url",
        &endpoint.url(),
        "--region",
        "eu-west-1",
        "--cluster",
        "production",
        "--service",
        "shop",
        "--timeout",
        "20s",
        "--clock",
        &clock,
        "--record",
        "recorded",
        "-o",
        "a.bundle",
        "-vv",
    ];
    let run = ended(
        command(&out, &arguments).env("AWS_ACCESS_KEY_ID", "t").env("AWS_SECRET_ACCESS_KEY", "t").output().unwrap(),
    );
    assert_eq!(run.code, 0, "{}", run.err);
    let bundle = out.join("a.bundle");
    let judged = casefile(&[
        "analyze",
        text(&bundle),
        "--format",
        "json",
        "--report",
        &format!("junit={}", text(&out.join("junit.xml"))),
    ]);

    let mut all = vec![
        ("standard output".to_owned(), run.out.into_bytes()),
        ("standard error".to_owned(), run.err.into_bytes()),
        ("the verdict".to_owned(), judged.out.into_bytes()),
        ("what was said of it".to_owned(), judged.err.into_bytes()),
    ];
    files(&out, &mut all);
    // Tables are compressed: their rows, too.
    let opened = Bundle::open(&bundle).unwrap();
    assert!(opened.manifest().tables["log_events"].rows >= corpus.len() as u64);
    for table in tables::all() {
        for batch in opened.batches(table.info.name).unwrap() {
            let rows = pretty_format_batches(&[batch.unwrap()]).unwrap().to_string();
            all.push((format!("table {}", table.info.name), rows.into_bytes()));
        }
    }
    let shown = |place: &str, words: &str| {
        all.iter().any(|(at, bytes)| at == place && bytes.windows(words.len()).any(|window| window == words.as_bytes()))
    };
    assert!(shown("table log_events", "[redacted:vendor-token]"), "the lines are looked at");
    assert!(shown("table service_events", "[redacted:jwt]"));
    assert!(shown("table tasks", "[redacted:password]"));
    let key = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"];
    let secrets = corpus.iter().map(|(secret, _)| secret.as_str()).chain(key);
    let mut found = Vec::new();
    for secret in secrets {
        for (place, bytes) in &all {
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(format!("{secret} in {place}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
