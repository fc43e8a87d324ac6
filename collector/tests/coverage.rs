//! What counts as read, and what is a gap: one-off tasks, extra log groups, FireLens, retention, and answers
//! that contradict each other.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use casefile_collector::document::Document;
use casefile_collector::normalise::{About, Assembly, Retain, TaskSelector};
use casefile_collector::redact::Redactor;
use casefile_evidence::tables::{LogGroupRow, LogStreamRow, SourceRow, TaskRow, TaskSelectorRow};
use casefile_evidence::{AnyRow, Timestamp};
use serde_json::{Value, json};

const CREATED: i64 = 1_795_419_780_000;
const DAY: i64 = 86_400_000;
const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/production/shop";
const DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7";
const MIGRATE: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-migrate:3";
const TASK: &str = "0123456789abcdef0123456789abcdef";
const ONE_OFF: &str = "fedcba9876543210fedcba9876543210";
const DEPLOYMENT: &str = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/production/shop/d1";

fn about() -> About {
    About {
        service: "shop".to_owned(),
        cluster: Some("production".to_owned()),
        ingestion_grace_ms: 10_000,
        ..About::default()
    }
}

/// The rows of snapshots that are 10 seconds apart, the first 20 seconds after the deployment was created.
fn assemble(about: About, snapshots: &[Vec<Value>]) -> Vec<AnyRow> {
    let mut assembly = Assembly::new(about, Redactor::standard(), Retain::All);
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

fn sources(rows: &[AnyRow]) -> Vec<&SourceRow> {
    rows.iter().filter_map(|row| if let AnyRow::Source(source) = row { Some(&**source) } else { None }).collect()
}

/// The last row of the one source that says this in its parameters.
fn source<'a>(rows: &'a [AnyRow], operation: &str, parameters: &str) -> &'a SourceRow {
    let all = sources(rows);
    let found = all.iter().rfind(|it| it.operation == operation && it.parameters.contains(parameters));
    found.unwrap_or_else(|| panic!("no source {operation} {parameters} in {all:#?}"))
}

fn ask(operation: &str, request: Value, response: Value) -> Value {
    json!({ "operation": operation, "request": request, "response": response })
}

fn refuse(operation: &str, request: Value, code: &str) -> Value {
    json!({ "operation": operation, "request": request, "error": { "code": code, "message": "no" } })
}

fn arn(id: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task/production/{id}")
}

fn service() -> Value {
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

fn list(filter: &Value, status: &str, ids: &[&str]) -> Value {
    let mut request = json!({ "cluster": "production", "desiredStatus": status });
    for (key, value) in filter.as_object().unwrap() {
        request[key] = value.clone();
    }
    ask("ListTasks", request, json!({ "taskArns": ids.iter().map(|id| arn(id)).collect::<Vec<_>>() }))
}

fn task(id: &str, change: Value) -> Value {
    let mut task = json!({ "taskArn": arn(id), "taskDefinitionArn": DEFINITION, "startedBy": "ecs-svc/1",
        "group": "service:shop", "lastStatus": "RUNNING", "desiredStatus": "RUNNING", "createdAt": CREATED / 1000 + 2,
        "startedAt": CREATED / 1000 + 9,
        "containers": [{ "name": "app", "lastStatus": "RUNNING", "runtimeId": "0a1b2c" }] });
    for (key, value) in change.as_object().unwrap() {
        task[key] = value.clone();
    }
    task
}

fn one_off(change: Value) -> Value {
    let mut task = task(
        ONE_OFF,
        json!({ "taskDefinitionArn": MIGRATE, "group": "family:shop-migrate", "startedBy": "pipeline/77" }),
    );
    for (key, value) in change.as_object().unwrap() {
        task[key] = value.clone();
    }
    task
}

fn describe(tasks: &[Value]) -> Value {
    let request = json!({ "cluster": "production", "tasks": ["..."] });
    ask("DescribeTasks", request, json!({ "tasks": tasks, "failures": [] }))
}

fn definition(arn: &str, containers: Value) -> Value {
    let answer = json!({ "taskDefinition": { "taskDefinitionArn": arn, "containerDefinitions": containers } });
    ask("DescribeTaskDefinition", json!({ "taskDefinition": arn }), answer)
}

fn awslogs(name: &str, group: &str, prefix: Option<&str>) -> Value {
    let mut options = json!({ "awslogs-group": group, "awslogs-region": "eu-west-1" });
    if let Some(prefix) = prefix {
        options["awslogs-stream-prefix"] = json!(prefix);
    }
    json!({ "name": name, "essential": true, "logConfiguration": { "logDriver": "awslogs", "options": options } })
}

fn lines(group: &str, stream: &str, from: Option<i64>, at: &[i64]) -> Vec<Value> {
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

fn streams(group: &str, more: Value, listed: Value) -> Value {
    let mut request = json!({ "logGroupName": group });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    ask("DescribeLogStreams", request, json!({ "logStreams": listed }))
}

fn migrate() -> About {
    About { tasks: vec![TaskSelector::family("shop-migrate")], ..about() }
}

const BY_FAMILY: &str = "\"family\":\"shop-migrate\"";

#[test]
fn a_chosen_one_off_task_is_told_from_the_services_own() {
    let family = json!({ "family": "shop-migrate" });
    let rows = assemble(
        migrate(),
        &[vec![
            service(),
            list(&family, "RUNNING", &[]),
            list(&family, "STOPPED", &[ONE_OFF]),
            describe(&[task(TASK, json!({})), one_off(json!({}))]),
            definition(MIGRATE, json!([awslogs("app", "/ecs/migrate", Some("ecs"))])),
        ]],
    );
    let chosen: Vec<(&str, Option<&str>)> = rows
        .iter()
        .filter_map(|row| if let AnyRow::Task(task) = row { Some(&**task) } else { None })
        .map(|task: &TaskRow| (task.task_id.as_str(), task.selected_by.as_deref()))
        .collect();
    assert_eq!(chosen, [(TASK, None), (ONE_OFF, Some("family shop-migrate"))]);
    let AnyRow::TaskSelector(selector) = &rows[0] else { panic!("{:?}", rows[0]) };
    let expected = TaskSelectorRow {
        selector: "family shop-migrate".to_owned(),
        snapshot: 0,
        observed_at: Timestamp(CREATED + 20_000),
        family: Some("shop-migrate".to_owned()),
        started_by: None,
        since_ms: 3_600_000,
    };
    assert_eq!(**selector, expected);
    // Its log is expected as those of the deployment's tasks are.
    let stream = source(&rows, "GetLogEvents", &format!("ecs/app/{ONE_OFF}"));
    assert_eq!((stream.status.as_str(), stream.task_id.as_deref()), ("missing", Some(ONE_OFF)));
    assert_eq!(source(&rows, "ListTasks", BY_FAMILY).status, "complete");
}

#[test]
fn a_one_off_task_of_another_release_is_seen_and_its_log_is_not_asked_for() {
    let family = json!({ "family": "shop-migrate" });
    let old = one_off(json!({ "createdAt": CREATED / 1000 - 3601 }));
    let rows = assemble(
        migrate(),
        &[vec![
            service(),
            list(&family, "STOPPED", &[ONE_OFF]),
            describe(&[old]),
            definition(MIGRATE, json!([awslogs("app", "/ecs/migrate", Some("ecs"))])),
        ]],
    );
    assert!(!sources(&rows).iter().any(|source| source.parameters.contains("/ecs/migrate")));
}

#[test]
fn who_started_it_chooses_too_and_a_service_never_is_chosen() {
    let about = About { tasks: vec![TaskSelector::started_by("pipeline/77")], ..about() };
    let alike = task(TASK, json!({ "startedBy": "pipeline/77" }));
    let rows = assemble(about, &[vec![service(), describe(&[alike, one_off(json!({}))])]]);
    let chosen = rows.iter().filter(
        |row| matches!(row, AnyRow::Task(task) if task.selected_by.as_deref() == Some("startedBy pipeline/77")),
    );
    assert_eq!(chosen.count(), 1);
}

#[test]
fn chosen_tasks_that_were_never_listed_are_a_gap() {
    let rows = assemble(migrate(), &[vec![service(), describe(&[task(TASK, json!({}))])]]);
    let gap = source(&rows, "ListTasks", "\"desiredStatus\":\"STOPPED\",\"family\":\"shop-migrate\"");
    assert_eq!((gap.feeds.as_str(), gap.status.as_str()), ("tasks", "missing"));
    let remedy =
        "aws ecs list-tasks --cluster production --family shop-migrate --desired-status STOPPED, and describe-tasks";
    assert_eq!(gap.remedy.as_deref(), Some(remedy));

    // A list of the service's tasks without a request says nothing of others.
    let bare = json!({ "taskArns": [arn(TASK)] });
    let rows = assemble(migrate(), &[vec![service(), bare, describe(&[task(TASK, json!({}))])]]);
    assert_eq!(source(&rows, "ListTasks", BY_FAMILY).status, "missing");
}

#[test]
fn each_list_of_stopped_tasks_has_a_memory_of_its_own() {
    let own = json!({ "serviceName": "shop" });
    let family = json!({ "family": "shop-migrate" });
    let mut assembly = Assembly::new(migrate(), Redactor::standard(), Retain::All);
    for (at, filters) in [(0, vec![&own]), (30, vec![&own]), (90, vec![&own, &family])] {
        assembly.begin_snapshot(Timestamp(CREATED + at * 60_000), false);
        for filter in filters {
            let document = Document::from_json(list(filter, "STOPPED", &[]), "test").unwrap();
            let document = assembly.redact(document);
            assembly.take(document);
        }
        assembly.end_snapshot();
    }
    let rows = assembly.drain();
    let hour = 60 * 60_000;
    assert_eq!(source(&rows, "ListTasks", "serviceName").covered_from, Some(Timestamp(CREATED - hour)));
    assert_eq!(source(&rows, "ListTasks", BY_FAMILY).covered_from, Some(Timestamp(CREATED + 90 * 60_000 - hour)));
}

#[test]
fn what_is_cut_off_says_how_it_can_be_kept() {
    let mut late = list(&json!({ "serviceName": "shop" }), "STOPPED", &[]);
    late["request"]["cluster"] = json!("production");
    let mut assembly = Assembly::new(about(), Redactor::standard(), Retain::All);
    assembly.begin_snapshot(Timestamp(CREATED + 2 * DAY), false);
    let retention = ask(
        "DescribeLogGroups",
        json!({ "logGroupNamePrefix": "/ecs/shop" }),
        json!({ "logGroups": [
            { "logGroupName": "/ecs/shop", "retentionInDays": 1, "creationTime": 5 },
            { "logGroupName": "/ecs/shop-other", "retentionInDays": 7 } ] }),
    );
    let mut documents = vec![service(), late, retention];
    documents.extend(lines("/ecs/shop", "s", None, &[CREATED + DAY]));
    for value in documents {
        let document = assembly.redact(Document::from_json(value, "test").unwrap());
        assembly.take(document);
    }
    assembly.end_snapshot();
    let rows = assembly.drain();
    let remedy = source(&rows, "ListTasks", "STOPPED").remedy.clone().unwrap();
    assert!(remedy.contains("collect within the hour"), "{remedy}");
    let stream = source(&rows, "GetLogEvents", "\"s\"");
    assert_eq!((stream.status.as_str(), stream.covered_from), ("complete", Some(Timestamp(CREATED + DAY))));
    let remedy = stream.remedy.clone().unwrap();
    assert!(remedy.contains("raise the log group's retention, or collect sooner"), "{remedy}");
    let groups: Vec<&LogGroupRow> =
        rows.iter().filter_map(|row| if let AnyRow::LogGroup(group) = row { Some(&**group) } else { None }).collect();
    assert_eq!((groups.len(), groups[0].log_group.as_str(), groups[0].retention_days), (1, "/ecs/shop", Some(1)));
    assert_eq!(groups[0].created_at, Some(Timestamp(5)));
}

#[test]
fn retention_that_is_not_known_is_not_assumed() {
    let refused = refuse("DescribeLogGroups", json!({ "logGroupNamePrefix": "/ecs/shop" }), "AccessDeniedException");
    let mut documents = vec![service(), refused];
    documents.extend(lines("/ecs/shop", "s", None, &[CREATED]));
    let rows = assemble(about(), &[documents]);
    let group = source(&rows, "DescribeLogGroups", "/ecs/shop");
    assert_eq!((group.feeds.as_str(), group.status.as_str()), ("log_groups", "denied"));
    assert_eq!(source(&rows, "GetLogEvents", "\"s\"").covered_from, None);
}

fn extra() -> About {
    About { log_groups: vec!["arn:aws:logs:us-east-1:123456789012:log-group:/ecs/extra:*".to_owned()], ..about() }
}

#[test]
fn the_streams_of_an_extra_group_are_told_by_the_parts_of_their_names() {
    let two = json!([{ "name": "app", "lastStatus": "RUNNING" }, { "name": "app-init", "exitCode": 0 }]);
    let newest = json!({ "orderBy": "LastEventTime", "descending": true });
    let listed = json!([
        { "logStreamName": format!("x-app-init-{TASK}"), "lastEventTimestamp": CREATED },
        { "logStreamName": format!("{TASK}.myapp"), "lastEventTimestamp": CREATED },
        { "logStreamName": format!("app/{ONE_OFF}"), "lastEventTimestamp": CREATED },
        { "logStreamName": "old", "lastEventTimestamp": CREATED - 3_600_001 },
    ]);
    let mut page = streams("/ecs/extra", newest, listed);
    page["response"]["nextToken"] = json!("more, and older ones");
    let tasks = describe(&[task(TASK, json!({ "containers": two }))]);
    let rows = assemble(extra(), &[vec![service(), tasks, page]]);
    let told: Vec<(Option<&str>, Option<&str>)> = rows
        .iter()
        .filter_map(|row| if let AnyRow::LogStream(stream) = row { Some(&**stream) } else { None })
        .map(|stream: &LogStreamRow| (stream.container.as_deref(), stream.task_id.as_deref()))
        .collect();
    assert_eq!(told, [(Some("app-init"), Some(TASK)), (None, Some(TASK)), (None, None), (None, None)]);
    let listed = source(&rows, "DescribeLogStreams", "LastEventTime");
    assert_eq!((listed.status.as_str(), listed.covered_from), ("complete", Some(Timestamp(CREATED))));
    // Whoever lists them must read them.
    let unread = source(&rows, "GetLogEvents", "myapp");
    assert_eq!((unread.status.as_str(), unread.log_group.as_deref()), ("missing", Some("/ecs/extra")));
}

#[test]
fn an_extra_group_that_may_not_be_listed_or_was_not_asked_for_is_a_gap_of_its_lines() {
    let newest = || json!({ "logGroupName": "/ecs/extra", "orderBy": "LastEventTime", "descending": true });
    let denied = refuse("DescribeLogStreams", newest(), "AccessDeniedException");
    let allowed = ask("DescribeLogStreams", newest(), json!({ "logStreams": [] }));
    let rows = assemble(extra(), &[vec![service(), denied.clone()]]);
    let of_lines = |rows: &[AnyRow]| {
        let of_group = |it: &&SourceRow| it.feeds == "log_events" && it.log_group.as_deref() == Some("/ecs/extra");
        let last = sources(rows).into_iter().rfind(of_group);
        last.map(|it| (it.status.clone(), it.remedy.clone().unwrap_or_default()))
    };
    let remedy = "grant logs:DescribeLogStreams on log group /ecs/extra to the role that collects";
    assert_eq!(of_lines(&rows), Some(("denied".to_owned(), remedy.to_owned())));
    let rows = assemble(extra(), &[vec![service(), denied], vec![service(), allowed.clone()]]);
    assert_eq!(of_lines(&rows), Some(("complete".to_owned(), String::new())), "it was read later");
    assert_eq!(of_lines(&assemble(extra(), &[vec![service(), allowed]])), None);
    let (status, remedy) = of_lines(&assemble(extra(), &[vec![service()]])).unwrap();
    assert_eq!(status, "missing");
    assert!(remedy.starts_with("aws logs filter-log-events --log-group-name /ecs/extra"), "{remedy}");
}

fn firelens(name: &str, options: Value) -> Value {
    json!({ "name": name, "logConfiguration": { "logDriver": "awsfirelens", "options": options } })
}

#[test]
fn lines_that_go_through_firelens_to_cloudwatch_are_expected() {
    let containers = json!([
        firelens(
            "app",
            json!({ "Name": "cloudwatch_logs", "region": "eu-west-2", "log_group_name": "/fire",
            "log_stream_prefix": "shop/" })
        ),
        firelens("side", json!({ "name": "cloudwatch", "log_group_name": "/fire", "log_stream_name": "all" })),
        firelens("away", json!({ "Name": "datadog" })),
        firelens(
            "late",
            json!({ "Name": "cloudwatch", "log_group_name": "/$(ecs_cluster)", "log_stream_prefix": "x" })
        ),
    ]);
    let stream = format!("shop/app-firelens-{TASK}");
    let mut documents = vec![service(), describe(&[task(TASK, json!({})), task(ONE_OFF, json!({}))])];
    documents.push(definition(DEFINITION, containers));
    documents.extend(lines("/fire", &stream, None, &[CREATED]));
    let rows = assemble(about(), &[documents]);
    let read = source(&rows, "GetLogEvents", &stream);
    assert_eq!((read.status.as_str(), read.container.as_deref()), ("complete", Some("app")));
    assert_eq!(read.task_id.as_deref(), Some(TASK));
    let other = source(&rows, "GetLogEvents", &format!("shop/app-firelens-{ONE_OFF}"));
    assert_eq!(other.status, "missing");
    let shared = source(&rows, "GetLogEvents", "\"all\"");
    assert_eq!((shared.container.as_deref(), shared.task_id.as_deref()), (Some("side"), None));
    let error = |container: &str| {
        let found =
            sources(&rows).into_iter().rfind(|it| it.parameters == format!("{{\"container\":\"{container}\"}}"));
        found.and_then(|it| it.error.clone()).unwrap_or_default()
    };
    assert_eq!(error("away"), "container away logs through awsfirelens to datadog, which is not read");
    assert!(error("late").contains("cannot be told beforehand"), "{}", error("late"));
    let AnyRow::ContainerDefinition(row) =
        rows.iter().find(|row| matches!(row, AnyRow::ContainerDefinition(row) if row.container == "app")).unwrap()
    else {
        panic!("no container definition")
    };
    let filled = (row.log_group.as_deref(), row.log_region.as_deref(), row.log_stream_prefix.as_deref());
    assert_eq!(filled, (Some("/fire"), Some("eu-west-2"), Some("shop/")));
}

#[test]
fn without_a_prefix_the_stream_is_the_runtime_id() {
    let containers = json!([awslogs("app", "/ecs/shop", None)]);
    let unknown = json!([{ "name": "app", "lastStatus": "PENDING" }]);
    let starting = task(TASK, json!({ "containers": unknown, "startedAt": null }));
    let documents = |task| vec![service(), describe(&[task]), definition(DEFINITION, containers.clone())];
    let rows = assemble(about(), &[documents(starting)]);
    assert!(!sources(&rows).iter().any(|it| it.operation == "GetLogEvents"), "nothing is known of it yet");
    let rows = assemble(about(), &[documents(task(TASK, json!({})))]);
    let stream = source(&rows, "GetLogEvents", "0a1b2c");
    assert_eq!((stream.status.as_str(), stream.container.as_deref()), ("missing", Some("app")));
    let mut read = documents(task(TASK, json!({})));
    read.extend(lines("/ecs/shop", "0a1b2c", None, &[CREATED]));
    let rows = assemble(about(), &[read]);
    let line = rows.iter().find_map(|row| if let AnyRow::LogEvent(line) = row { Some(&**line) } else { None }).unwrap();
    assert_eq!((line.container.as_deref(), line.task_id.as_deref()), (Some("app"), Some(TASK)));
}

#[test]
fn what_is_listed_and_not_described_is_a_gap() {
    let own = json!({ "serviceName": "shop" });
    let both = || list(&own, "RUNNING", &[TASK, ONE_OFF]);
    let rows = assemble(about(), &[vec![service(), both(), describe(&[task(TASK, json!({}))])]]);
    let gap = source(&rows, "DescribeTasks", "production");
    let said = (gap.status.as_str(), gap.error.as_deref(), gap.remedy.as_deref());
    let error = format!("1 task that was listed was not described: {ONE_OFF}");
    let remedy = format!("aws ecs describe-tasks --cluster production --tasks {ONE_OFF}");
    assert_eq!(said, ("partial", Some(error.as_str()), Some(remedy.as_str())));
    // One that was described before and is gone now was forgotten, not missed.
    let whole = describe(&[task(TASK, json!({})), task(ONE_OFF, json!({}))]);
    let rows = assemble(
        about(),
        &[vec![service(), both(), whole], vec![service(), both(), describe(&[task(TASK, json!({}))])]],
    );
    assert_eq!(source(&rows, "DescribeTasks", "production").status, "complete");

    let listed = ask(
        "ListServiceDeployments",
        json!({ "service": "shop" }),
        json!({ "serviceDeployments": [{ "serviceDeploymentArn": DEPLOYMENT, "serviceArn": SERVICE }] }),
    );
    let rows = assemble(about(), &[vec![service(), listed.clone()]]);
    let gap = source(&rows, "DescribeServiceDeployments", "{}");
    assert_eq!((gap.feeds.as_str(), gap.status.as_str()), ("service_deployments", "missing"));
    assert!(gap.remedy.as_deref().is_some_and(|remedy| remedy.ends_with(DEPLOYMENT)), "{:?}", gap.remedy);
    let described = ask(
        "DescribeServiceDeployments",
        json!({ "serviceDeploymentArns": [DEPLOYMENT] }),
        json!({ "serviceDeployments": [{ "serviceDeploymentArn": DEPLOYMENT, "serviceArn": SERVICE }], "failures": [] }),
    );
    let rows = assemble(about(), &[vec![service(), listed, described]]);
    assert_eq!(source(&rows, "DescribeServiceDeployments", "{}").status, "complete");
}

#[test]
fn a_deployment_that_runs_has_a_task() {
    let mut running = service();
    running["response"]["services"][0]["deployments"][0]["runningCount"] = json!(1);
    let own = json!({ "serviceName": "shop" });
    let poll = |service: &Value, started_by: &str| {
        let task = task(TASK, json!({ "startedBy": started_by }));
        vec![service.clone(), list(&own, "RUNNING", &[TASK]), list(&own, "STOPPED", &[]), describe(&[task])]
    };
    let status = |service: &Value, started_by: &str| {
        let rows = assemble(about(), &[poll(service, started_by)]);
        let source = source(&rows, "DescribeTasks", "").clone();
        (source.status, source.error)
    };
    let told = "ecs-svc/1 has 1 running tasks, and no task that was described is one of them";
    assert_eq!(status(&running, "shop"), ("partial".to_owned(), Some(told.to_owned())));
    assert_eq!(status(&running, "ecs-svc/1"), ("complete".to_owned(), None));
    assert_eq!(status(&service(), "shop"), ("complete".to_owned(), None), "nothing says that it runs");
    let nothing = vec![running, list(&own, "RUNNING", &[]), list(&own, "STOPPED", &[])];
    assert_eq!(source(&assemble(about(), &[nothing]), "ListTasks", "").error.as_deref(), Some(told), "nor listed");
}

#[test]
fn a_stream_that_has_newer_lines_than_were_read_is_not_complete() {
    let status = |claimed: i64, from: Option<i64>, read: &[i64]| {
        let listed = json!([{ "logStreamName": "s", "lastEventTimestamp": claimed }]);
        let mut documents = vec![service(), streams("/ecs/shop", json!({ "logStreamNamePrefix": "s" }), listed)];
        documents.extend(lines("/ecs/shop", "s", from, read));
        let rows = assemble(about(), &[documents]);
        let stream = source(&rows, "GetLogEvents", "\"s\"");
        (stream.status.clone(), stream.error.clone().unwrap_or_default())
    };
    let complete = || ("complete".to_owned(), String::new());
    assert_eq!(status(CREATED + 2, None, &[CREATED, CREATED + 2]), complete());
    let error = "the stream has lines up to 2026-11-23T07:43:00.005Z, and it was read up to 2026-11-23T07:43:00.002Z";
    assert_eq!(status(CREATED + 5, None, &[CREATED, CREATED + 2]), ("partial".to_owned(), error.to_owned()));
    assert_eq!(status(CREATED, None, &[]).0, "partial");
    assert_eq!(status(CREATED, Some(CREATED + 1), &[]), complete(), "older lines were not asked for");
}

#[test]
fn only_lines_of_a_pattern_are_not_all_lines() {
    let filtered = ask(
        "FilterLogEvents",
        json!({ "logGroupName": "/ecs/shop", "logStreamNames": ["s"], "filterPattern": "ERROR" }),
        json!({ "events": [], "searchedLogStreams": [] }),
    );
    let rows = assemble(about(), &[vec![service(), filtered]]);
    assert_eq!(source(&rows, "GetLogEvents", "\"s\"").status, "partial");
}

#[test]
fn sources_count_what_was_written_for_them() {
    let both = |at: &[i64]| {
        let mut documents = vec![service(), describe(&[task(TASK, json!({}))]), describe(&[task(TASK, json!({}))])];
        documents.extend(lines("/ecs/shop", "s", None, at));
        documents
    };
    let rows = assemble(about(), &[both(&[1, 2]), both(&[1, 2, 3])]);
    let counts = |feeds: &str, operation: &str| -> Vec<i64> {
        let all = sources(&rows).into_iter().filter(|it| it.feeds == feeds && it.operation == operation);
        all.filter(|it| it.status == "complete").map(|it| it.rows).collect()
    };
    assert_eq!(counts("tasks", "DescribeTasks"), [1, 1]);
    assert_eq!(counts("log_events", "GetLogEvents"), [2, 1]);
    assert_eq!(counts("services", "DescribeServices"), [1, 1]);
    assert_eq!(counts("service_events", "DescribeServices"), [1, 0]);
}
