//! Events of ECS that EventBridge delivered, in the shapes in which people keep them.

use casefile_collector::import::ImportError;
use casefile_collector::normalise::About;
use casefile_evidence::tables::{ContainerRow, LogEventRow, ServiceEventRow, SourceRow, TaskRow};
use casefile_evidence::{Bundle, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Imported, about};

const AT: &str = "2026-11-23T07-50-00Z";
const TASKS: &str = "arn:aws:ecs:eu-west-1:123456789012:task/production";

fn imported(files: &[(&str, String)], about: About) -> Result<Imported, ImportError> {
    super::imported(files.iter().cloned(), about)
}

fn event(id: &str, kind: &str, time: &str, resource: &str, detail: Value) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": kind, "source": "aws.ecs", "account": "123456789012", "time": time,
        "region": "eu-west-1", "resources": [resource], "detail": detail,
    })
}

/// A change of a task of the service `group`, at a second of 07:45.
fn task(group: &str, id: u32, version: u32, second: u32, status: &str) -> Value {
    let arn = format!("{TASKS}/{id:032}");
    let time = format!("2026-11-23T07:45:{second:02}Z");
    let mut detail = json!({
        "taskArn": arn, "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/production", "version": version,
        "group": group, "startedBy": "ecs-svc/1", "lastStatus": status, "desiredStatus": "RUNNING",
        "createdAt": "2026-11-23T07:44:00.5Z", "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7",
        "overrides": {"containerOverrides": [{"name": "app", "environment": [{"name": "TOKEN", "value": "hunter2"}]}]},
        "containers": [{"name": "app", "lastStatus": status}],
    });
    if status == "STOPPED" {
        detail["stoppedAt"] = json!(time);
        detail["stopCode"] = json!("EssentialContainerExited");
        detail["containers"][0]["exitCode"] = json!(1);
    }
    event(&format!("{id}-{version}"), "ECS Task State Change", &time, &arn, detail)
}

fn action(id: &str, service: &str, name: &str) -> Value {
    let arn = format!("arn:aws:ecs:eu-west-1:123456789012:service/production/{service}");
    let detail = json!({
        "eventType": "INFO", "eventName": name, "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/production",
        "createdAt": "2026-11-23T07:45:59.123Z",
    });
    event(id, "ECS Service Action", "2026-11-23T07:45:59Z", &arn, detail)
}

fn described(status: &str) -> String {
    let mut task = task("service:shop", 1, 9, 0, status)["detail"].take();
    task["healthStatus"] = json!("HEALTHY");
    json!({"tasks": [task], "failures": []}).to_string()
}

fn statuses(bundle: &Bundle) -> Vec<(String, Option<String>)> {
    let rows = bundle.rows::<TaskRow>().unwrap();
    rows.into_iter().map(|row| (row.task_id.trim_start_matches('0').to_owned(), row.last_status)).collect()
}

#[test]
fn a_stopped_task_that_only_events_tell_of_has_a_row_and_its_containers() {
    let lines = [
        task("service:shop", 1, 3, 30, "STOPPED"),
        task("service:shop", 1, 2, 10, "RUNNING"),
        task("service:shop", 1, 2, 10, "RUNNING"),
        action("a", "shop", "SERVICE_STEADY_STATE"),
        action("a", "shop", "SERVICE_STEADY_STATE"),
        event("i", "ECS Container Instance State Change", "2026-11-23T07:45:00Z", "arn:x", json!({})),
        task("service:other", 2, 1, 11, "RUNNING"),
        action("b", "other", "SERVICE_STEADY_STATE"),
    ];
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let Imported { bundle, warnings, unknown, folder: _folder } =
        imported(&[("events.jsonl", text)], about("shop")).unwrap();
    assert_eq!(statuses(&bundle), [("1".to_owned(), Some("STOPPED".to_owned()))]);
    let containers = bundle.rows::<ContainerRow>().unwrap();
    assert_eq!(containers.iter().map(|row| row.exit_code).collect::<Vec<_>>(), [Some(1)]);
    assert!(!bundle.rows::<TaskRow>().unwrap()[0].raw.contains("hunter2"));
    let events = bundle.rows::<ServiceEventRow>().unwrap();
    let events: Vec<_> =
        events.iter().map(|row| (row.event_id.as_str(), row.created_at, row.message.as_str())).collect();
    let at = Timestamp::parse("2026-11-23T07:45:59.123Z").ok();
    assert_eq!(events, [("a", at, "(service shop) has reached a steady state. (SERVICE_STEADY_STATE)")]);
    assert_eq!(
        [warnings, unknown].concat(),
        [
            "events.jsonl:1: events of a kind that is not read were left out (ECS Container Instance State Change): 1",
            "events.jsonl:1: events of other services and tasks were left out: 2",
        ]
    );
}

#[test]
fn events_show_presence_and_never_absence() {
    let events = json!([task("service:shop", 1, 3, 30, "STOPPED")]).to_string();
    let name = format!("{AT}/events.json");
    let sources = imported(&[(&name, events)], about("shop")).unwrap().bundle.rows::<SourceRow>().unwrap();
    let tasks: Vec<_> = sources.iter().filter(|row| row.feeds == "tasks").map(|row| row.status.as_str()).collect();
    assert_eq!(tasks, ["not_attempted", "not_attempted", "not_attempted"]);
    assert!(sources.iter().all(|row| row.operation != "EventBridge" && row.status != "complete"), "{sources:#?}");
}

#[test]
fn a_task_that_had_not_stopped_by_its_last_event_leaves_the_tasks_unknown() {
    let own = |events: Value, described: &str| {
        let files = [
            (format!("{AT}/tasks.json"), described.to_owned()),
            (format!("{AT}/events.json"), events.to_string()),
            (format!("{AT}/services.json"), services()),
        ];
        let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        let sources = imported(&files, about("shop")).unwrap().bundle.rows::<SourceRow>().unwrap();
        let source = sources.into_iter().find(|row| row.operation == "DescribeTasks").unwrap();
        (source.status, source.error)
    };
    let ended = task("service:shop", 2, 3, 30, "STOPPED");
    assert_eq!(own(json!([ended]), &described("RUNNING")), ("complete".to_owned(), None));
    let (status, error) = own(json!([task("service:shop", 2, 2, 30, "RUNNING")]), &described("RUNNING"));
    assert_eq!(status, "partial");
    let id = format!("{:032}", 2);
    assert_eq!(error.unwrap(), format!("1 task that was running by their last event was not described: {id}"));
}

fn services() -> String {
    let arn = "arn:aws:ecs:eu-west-1:123456789012:service/production/shop";
    let definition = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7";
    json!({"services": [{
        "serviceArn": arn, "serviceName": "shop", "status": "ACTIVE", "taskDefinition": definition,
        "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": definition, "createdAt": "2026-11-23T07:43:00Z"}],
    }], "failures": []})
    .to_string()
}

#[test]
fn an_answer_counts_before_events_unless_they_know_that_the_task_stopped() {
    for (answer, last, expected, health) in [
        ("RUNNING", "RUNNING", "RUNNING", Some("HEALTHY")),
        ("RUNNING", "STOPPED", "STOPPED", None),
        ("STOPPED", "STOPPED", "STOPPED", Some("HEALTHY")),
    ] {
        let events = task("service:shop", 1, 3, 30, last).to_string();
        let files = [("a.json", events), ("b.json", described(answer))];
        let rows = imported(&files, about("shop")).unwrap().bundle.rows::<TaskRow>().unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.last_status.as_deref(), row.health_status.as_deref())).collect();
        assert_eq!(found, [(Some(expected), health)], "{answer} {last}");
    }
}

#[test]
fn the_service_is_found_in_events_where_nothing_else_names_one() {
    let own = task("service:shop", 1, 3, 30, "STOPPED");
    let other = task("service:other", 2, 3, 30, "STOPPED");
    let one = imported(&[("a.json", own.to_string())], about("")).unwrap();
    assert_eq!(one.bundle.rows::<TaskRow>().unwrap().len(), 1);
    let both = json!([own, other]).to_string();
    let error = imported(&[("a.json", both.clone())], about("")).map(|_| ()).unwrap_err();
    assert!(matches!(error, ImportError::ManyServices { .. }), "{error}");
    let named = imported(&[("a.json", both), ("b.json", services())], about("")).unwrap();
    assert_eq!(statuses(&named.bundle), [("1".to_owned(), Some("STOPPED".to_owned()))]);
}

#[test]
fn lines_that_are_not_all_events_stay_log_lines() {
    let line = |message: String| json!({"timestamp": 1, "message": message, "logStreamName": "s", "eventId": "1"});
    let own = line(task("service:shop", 1, 3, 30, "STOPPED").to_string());
    let page = |lines: &[Value]| json!({"events": lines, "searchedLogStreams": []}).to_string();
    let mixed = page(&[own.clone(), line("ready".to_owned())]);
    let files = [("a.json", mixed), ("b.json", services()), ("logs/g/s.json", page(&[own]))];
    let Imported { bundle, folder: _folder, .. } = imported(&files, about("shop")).unwrap();
    assert_eq!(bundle.rows::<TaskRow>().unwrap().len(), 1);
    assert_eq!(bundle.rows::<LogEventRow>().unwrap().len(), 0);
}

/// The shapes in which people keep events.
fn shaped(events: &[Value], shape: usize) -> (&'static str, String) {
    let lines = || events.iter().map(Value::to_string);
    match shape {
        0 => ("events.json", json!(events).to_string()),
        1 => ("events.ndjson", lines().collect::<Vec<_>>().join("\n")),
        2 => ("firehose.json", lines().collect()),
        _ => {
            let line = |message: String| json!({"timestamp": 1, "ingestionTime": 2, "message": message});
            let page = json!({"events": lines().map(line).collect::<Vec<_>>(), "nextForwardToken": "f", "nextBackwardToken": "b"});
            ("logs/__aws__events__ecs/stream.json", page.to_string())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn order_repetition_and_shape_of_events_do_not_matter(
        changes in prop::collection::vec((1_u32..4, 1_u32..6), 1..12),
        order in any::<prop::sample::Index>(),
        shape in 0_usize..4,
    ) {
        let status = |version| if version == 5 { "STOPPED" } else { "RUNNING" };
        let mut events: Vec<Value> =
            changes.iter().map(|(id, version)| task("service:shop", *id, *version, *version, status(*version))).collect();
        events.push(action("a", "shop", "SERVICE_STEADY_STATE"));
        let rows = |events: &[Value], shape| {
            let (name, text) = shaped(events, shape);
            let Imported { bundle, folder: _folder, .. } = imported(&[(name, text)], about("shop")).unwrap();
            (bundle.rows::<TaskRow>().unwrap(), bundle.rows::<ServiceEventRow>().unwrap())
        };
        let expected = rows(&events, 0);
        let turn = order.index(events.len());
        events.rotate_left(turn);
        events.extend(events[..turn].to_vec());
        prop_assert_eq!(rows(&events, shape), expected);
    }
}

#[test]
fn a_line_of_a_recording_may_be_an_event() {
    let mut line = task("service:shop", 1, 3, 30, "STOPPED");
    line["observed_at"] = json!("2026-11-23T07:50:00Z");
    let imported = imported(&[("recording.jsonl", format!("{line}\n"))], about("shop")).unwrap();
    assert_eq!(statuses(&imported.bundle), [("1".to_owned(), Some("STOPPED".to_owned()))]);
}
