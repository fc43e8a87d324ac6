//! Logs: retention, extra groups, FireLens, and lines that are known to exist and were not read.

use casefile_collector::document::Document;
use casefile_collector::normalise::{About, Assembly};
use casefile_collector::redact::Redactor;
use casefile_evidence::tables::{LogGroupRow, LogStreamRow, SourceRow};
use casefile_evidence::{AnyRow, Timestamp};
use serde_json::{Value, json};

use crate::{
    CREATED, DAY, DEFINITION, ONE_OFF, TASK, about, ask, assemble, awslogs, definition, describe, lines, list, refuse,
    service, source, sources, streams, task,
};

#[test]
fn what_is_cut_off_says_how_it_can_be_kept() {
    let mut late = list(&json!({ "serviceName": "shop" }), "STOPPED", &[]);
    late["request"]["cluster"] = json!("production");
    let mut assembly = Assembly::new(about(), Redactor::standard());
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

/// A group of another region. Recordings of before name it by its name alone.
const EXTRA: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/extra";

fn extra() -> About {
    About { log_groups: vec![format!("{EXTRA}:*")], ..about() }
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
    assert_eq!((unread.status.as_str(), unread.log_group.as_deref()), ("missing", Some(EXTRA)));
}

#[test]
fn an_extra_group_that_may_not_be_listed_or_was_not_asked_for_is_a_gap_of_its_lines() {
    let newest = || json!({ "logGroupName": "/ecs/extra", "orderBy": "LastEventTime", "descending": true });
    let denied = refuse("DescribeLogStreams", newest(), "AccessDeniedException");
    let allowed = ask("DescribeLogStreams", newest(), json!({ "logStreams": [] }));
    let rows = assemble(extra(), &[vec![service(), denied.clone()]]);
    let of_lines = |rows: &[AnyRow]| {
        let of_group = |it: &&SourceRow| it.feeds == "log_events" && it.log_group.as_deref() == Some(EXTRA);
        let last = sources(rows).into_iter().rfind(of_group);
        last.map(|it| (it.status.clone(), it.remedy.clone().unwrap_or_default()))
    };
    let remedy = format!("grant logs:DescribeLogStreams on log group {EXTRA} to the role that collects");
    assert_eq!(of_lines(&rows), Some(("denied".to_owned(), remedy)));
    let rows = assemble(extra(), &[vec![service(), denied], vec![service(), allowed.clone()]]);
    assert_eq!(of_lines(&rows), Some(("complete".to_owned(), String::new())), "it was read later");
    assert_eq!(of_lines(&assemble(extra(), &[vec![service(), allowed]])), None);
    let (status, remedy) = of_lines(&assemble(extra(), &[vec![service()]])).unwrap();
    assert_eq!(status, "missing");
    assert!(remedy.starts_with(&format!("aws logs filter-log-events --log-group-identifier {EXTRA} ")), "{remedy}");
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
    let group = "arn:aws:logs:eu-west-2:123456789012:log-group:/fire";
    assert_eq!(filled, (Some(group), Some("eu-west-2"), Some("shop/")));
}

#[test]
fn a_container_is_not_read_because_a_log_group_has_its_name() {
    let elsewhere = json!({ "name": "app", "essential": true, "logConfiguration": { "logDriver": "splunk" } });
    let containers = json!([elsewhere, awslogs("proxy", "/app/prod", Some("ecs"))]);
    let stream = format!("ecs/proxy/{TASK}");
    let mut documents = vec![service(), describe(&[task(TASK, json!({}))]), definition(DEFINITION, containers)];
    documents.extend(lines("/app/prod", &stream, None, &[CREATED]));
    let rows = assemble(about(), &[documents]);
    let gap = source(&rows, "GetLogEvents", "{\"container\":\"app\"}");
    assert_eq!(gap.error.as_deref(), Some("container app logs through splunk, which is not read"));
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
    let line = rows.iter().find_map(|row| if let AnyRow::Line(line) = row { Some(&**line) } else { None }).unwrap();
    assert_eq!((line.container.as_deref(), line.task_id.as_deref()), (Some("app"), Some(TASK)));
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
fn sources_count_what_came_for_them() {
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
    assert_eq!(counts("log_events", "GetLogEvents"), [2, 3]);
    assert_eq!(counts("services", "DescribeServices"), [1, 1]);
    assert_eq!(counts("service_events", "DescribeServices"), [1, 0]);
}

#[test]
fn a_log_group_of_a_class_that_is_not_read_is_a_gap_that_says_so() {
    let containers = json!([awslogs("app", "/ecs/shop", Some("ecs"))]);
    let group = json!({ "logGroupName": "/ecs/shop", "logGroupClass": "INFREQUENT_ACCESS" });
    let documents = vec![
        service(),
        describe(&[task(TASK, json!({}))]),
        definition(DEFINITION, containers),
        ask("DescribeLogGroups", json!({ "logGroupNamePrefix": "/ecs/shop" }), json!({ "logGroups": [group] })),
    ];
    let rows = assemble(about(), &[documents]);
    let gap = source(&rows, "GetLogEvents", TASK);
    assert_eq!(gap.status, "missing");
    assert!(gap.error.as_deref().is_some_and(|error| error.contains("of the class INFREQUENT_ACCESS")), "{gap:?}");
    assert!(gap.remedy.as_deref().is_some_and(|remedy| remedy.contains("aws logs start-query")), "{gap:?}");
}

#[test]
fn results_of_logs_insights_fill_the_gap_of_a_class_that_is_not_read() {
    let stream = format!("ecs/app/{TASK}");
    let group = json!({ "logGroupName": "/ecs/shop", "logGroupClass": "INFREQUENT_ACCESS" });
    let row = json!([{ "field": "@timestamp", "value": "2026-11-23 07:43:10.000" },
        { "field": "@logStream", "value": stream }, { "field": "@message", "value": "ready" }]);
    let documents = vec![
        service(),
        describe(&[task(TASK, json!({}))]),
        definition(DEFINITION, json!([awslogs("app", "/ecs/shop", Some("ecs"))])),
        ask("DescribeLogGroups", json!({ "logGroupNamePrefix": "/ecs/shop" }), json!({ "logGroups": [group] })),
        json!({ "results": [row], "status": "Complete" }),
    ];
    let rows = assemble(about(), &[documents]);
    let of_stream = source(&rows, "GetLogEvents", TASK);
    assert_eq!((of_stream.status.as_str(), of_stream.rows), ("partial", 1), "{of_stream:?}");
    assert_eq!(of_stream.log_group.as_deref(), Some("/ecs/shop"), "the only group that is known");
    assert!(of_stream.remedy.as_deref().is_some_and(|it| it.contains("get-query-results")), "{of_stream:?}");
}
