//! Writes the bundle of a service that was polled often, to measure what a judgement of it takes:
//!
//!     cargo run --workspace --example polls -- BUNDLE [TASKS] [POLLS] [LINES]
//!     /usr/bin/time -v casefile analyze BUNDLE
//!
//! Every task has two containers, a target and two log streams, and is described in each poll, as ECS does. The log lines are
//! spread over the streams and over the time of the polls.

#![expect(clippy::print_stdout, reason = "an example speaks on its output")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use casefile_evidence::tables::{
    ContainerDefinitionRow, ContainerRow, DeploymentRow, LogEventRow, ServiceRow, SnapshotRow, SourceRow,
    TargetHealthRow, TargetRow, TaskDefinitionRow, TaskRow,
};
use casefile_evidence::{AnyRow, BundleWriter, ManifestHead, Timestamp};

const BEGAN: i64 = 1_795_420_800_000;
const POLL_MILLIS: i64 = 5_000;
const DEFINITION: &str = "arn:aws:ecs:ap-southeast-2:123456789012:task-definition/shop:7";
const SERVICE: &str = "arn:aws:ecs:ap-southeast-2:123456789012:service/production/shop";
const TARGETS: &str = "arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:targetgroup/shop/0123456789abcdef";
const CONTAINERS: [&str; 2] = ["app", "proxy"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().filter(|path| !path.starts_with('-')).ok_or("name the bundle to write")?;
    let tasks = arguments.next().map_or(Ok(500), |number| number.parse())?;
    let polls = arguments.next().map_or(Ok(503), |number| number.parse())?;
    let lines = arguments.next().map_or(Ok(0), |number| number.parse())?;
    let mut writer = BundleWriter::create(Path::new(&path))?;
    let ends = moment(polls - 1);
    writer.push(TargetRow {
        service: "shop".to_owned(),
        cluster: Some("production".to_owned()),
        expectation: "newest".to_owned(),
        deployment_id: Some("ecs-svc/1".to_owned()),
        task_definition: Some(DEFINITION.to_owned()),
        deployment_created_at: Some(Timestamp(BEGAN)),
        deployment_controller: "ECS".to_owned(),
        window_from: Some(moment(0)),
        window_to: Some(ends),
        stop_reason: "settled".to_owned(),
        ingestion_grace_ms: 60_000,
        stable_for_ms: 90_000,
        ..Default::default()
    })?;
    writer.push(TaskDefinitionRow {
        task_definition: DEFINITION.to_owned(),
        observed_at: moment(0),
        raw: "{}".to_owned(),
        ..Default::default()
    })?;
    for container in CONTAINERS {
        writer.push(ContainerDefinitionRow {
            task_definition: DEFINITION.to_owned(),
            container: container.to_owned(),
            essential: true,
            observed_at: moment(0),
            log_group: Some("/ecs/shop".to_owned()),
            raw: "{}".to_owned(),
            ..Default::default()
        })?;
    }
    for snapshot in 0..polls {
        for row in poll(snapshot, tasks) {
            writer.push(row)?;
        }
    }
    let mut written = BTreeMap::new();
    for number in 0..lines {
        let mut line = line(number, lines, tasks, polls);
        let of_stream: &mut i64 = written.entry(line.log_stream.clone()).or_default();
        line.seq = *of_stream;
        *of_stream += 1;
        writer.push(line)?;
    }
    let head = ManifestHead { tool: "polls".to_owned(), stop_reason: "settled".to_owned(), ..Default::default() };
    println!("{}", writer.seal(&head)?.digest);
    Ok(())
}

fn moment(snapshot: i64) -> Timestamp {
    Timestamp(BEGAN + 60_000 + snapshot * POLL_MILLIS)
}

fn poll(snapshot: i64, tasks: i64) -> impl Iterator<Item = AnyRow> {
    let observed_at = moment(snapshot);
    let seen = SnapshotRow { snapshot, observed_at, documents: 8, assumed: false };
    let service = ServiceRow {
        snapshot,
        observed_at,
        service_arn: SERVICE.to_owned(),
        status: Some("ACTIVE".to_owned()),
        desired_count: Some(tasks),
        running_count: Some(tasks),
        load_balancers: 1,
        deployments: 1,
        raw: "{}".to_owned(),
        ..Default::default()
    };
    let deployment = DeploymentRow {
        snapshot,
        observed_at,
        deployment_id: "ecs-svc/1".to_owned(),
        service_arn: SERVICE.to_owned(),
        status: Some("PRIMARY".to_owned()),
        task_definition: Some(DEFINITION.to_owned()),
        rollout_state: Some("COMPLETED".to_owned()),
        desired_count: Some(tasks),
        running_count: Some(tasks),
        pending_count: Some(0),
        created_at: Some(Timestamp(BEGAN)),
        raw: "{}".to_owned(),
        ..Default::default()
    };
    let asked = [
        ("services", "DescribeServices", 1),
        ("service_events", "DescribeServices", 0),
        ("service_deployments", "ListServiceDeployments", 0),
        ("tasks", "ListTasks", tasks),
        ("tasks", "DescribeTasks", tasks),
        ("task_definitions", "DescribeTaskDefinition", 1),
        ("target_health", "DescribeTargetHealth", tasks),
    ];
    let asked = asked.map(|(feeds, operation, rows)| source(snapshot, feeds, operation, "{}".to_owned(), rows));
    let rows = [seen.into(), service.into(), deployment.into()].into_iter().chain(asked.map(AnyRow::from));
    rows.chain((0..tasks).flat_map(move |number| of_task(snapshot, number)))
}

/// A line such as a web service writes. One in five is a line of JSON, one in a thousand a warning.
fn line(number: i64, of: i64, tasks: i64, polls: i64) -> LogEventRow {
    let (task, container) = (number % tasks, CONTAINERS[usize::from(number / tasks % 5 == 4)]);
    let at = moment(0).as_millis() + (polls - 1) * POLL_MILLIS * number / of.max(1);
    let (user, order, millis) = (number * 7_919 % 100_003, number * 104_729 % 1_000_003, number * 31 % 977);
    let message = match number % 1_000 {
        999 => format!("WARNING [shop.orders] order {order} of user {user} was asked for again after {millis} ms"),
        _ if container == "proxy" => format!(
            r#"{{"level":"info","msg":"request","method":"GET","path":"/orders/{order}","status":200,"duration_ms":{millis}}}"#
        ),
        _ => format!(
            r#"INFO:     10.0.{}.{}:51234 - "GET /orders/{order}?user={user} HTTP/1.1" 200 OK"#,
            user % 250,
            millis % 250
        ),
    };
    LogEventRow {
        log_group: "/ecs/shop".into(),
        log_stream: format!("ecs/{container}/{task:032x}").into(),
        timestamp: Timestamp(at),
        seq: 0,
        container: Some(container.into()),
        task_id: Some(format!("{task:032x}").into()),
        ingestion_time: Some(Timestamp(at + 400)),
        observed_at: moment(0),
        snapshot: 0,
        message,
    }
}

fn source(snapshot: i64, feeds: &str, operation: &str, parameters: String, rows: i64) -> SourceRow {
    SourceRow {
        feeds: feeds.to_owned(),
        operation: operation.to_owned(),
        parameters,
        snapshot,
        observed_at: moment(snapshot),
        status: "complete".to_owned(),
        covered_to: Some(moment(snapshot)),
        exhausted: true,
        pages: 1,
        rows,
        ..Default::default()
    }
}

fn of_task(snapshot: i64, number: i64) -> Vec<AnyRow> {
    let observed_at = moment(snapshot);
    let task_id = format!("{number:032x}");
    let task_arn = format!("arn:aws:ecs:ap-southeast-2:123456789012:task/production/{task_id}");
    let address = format!("10.0.{}.{}", number / 250, number % 250);
    let created_at = Some(Timestamp(BEGAN + 1_000));
    let task = TaskRow {
        snapshot,
        task_arn: task_arn.clone(),
        observed_at,
        task_id: task_id.clone(),
        task_definition: Some(DEFINITION.to_owned()),
        started_by: Some("ecs-svc/1".to_owned()),
        task_group: Some("service:shop".to_owned()),
        last_status: Some("RUNNING".to_owned()),
        desired_status: Some("RUNNING".to_owned()),
        health_status: Some("HEALTHY".to_owned()),
        created_at,
        started_at: created_at,
        raw: format!(
            r#"{{"attachments":[{{"details":[{{"name":"subnetId","value":"subnet-0123456789abcdef0"}},{{"name":"networkInterfaceId","value":"eni-{task_id}"}},{{"name":"privateIPv4Address","value":"{address}"}}],"id":"{task_id}","status":"ATTACHED","type":"ElasticNetworkInterface"}}],"group":"service:shop","lastStatus":"RUNNING","taskArn":"{task_arn}","taskDefinitionArn":"{DEFINITION}"}}"#
        ),
        ..Default::default()
    };
    let target = TargetHealthRow {
        snapshot,
        target_group_arn: Some(TARGETS.to_owned()),
        target_id: address.clone(),
        port: Some(8080),
        observed_at,
        state: Some("healthy".to_owned()),
        raw: format!(
            r#"{{"HealthCheckPort":"8080","Target":{{"Id":"{address}","Port":8080}},"TargetHealth":{{"State":"healthy"}}}}"#
        ),
        ..Default::default()
    };
    let mut rows = vec![task.into(), target.into()];
    for name in CONTAINERS {
        let container = ContainerRow {
            snapshot,
            task_arn: task_arn.clone(),
            container: name.to_owned(),
            observed_at,
            task_id: task_id.clone(),
            runtime_id: Some(format!("{task_id}-{name}")),
            last_status: Some("RUNNING".to_owned()),
            raw: format!(
                r#"{{"containerArn":"{task_arn}/{name}","image":"123456789012.dkr.ecr.ap-southeast-2.amazonaws.com/shop:7","lastStatus":"RUNNING","name":"{name}","networkInterfaces":[{{"privateIpv4Address":"{address}"}}],"runtimeId":"{task_id}-{name}","taskArn":"{task_arn}"}}"#
            ),
            ..Default::default()
        };
        let stream = format!("ecs/{name}/{task_id}");
        let parameters = format!(r#"{{"logGroupName":"/ecs/shop","logStreamName":"{stream}"}}"#);
        let lines = SourceRow {
            log_group: Some("/ecs/shop".to_owned()),
            log_stream: Some(stream),
            container: Some(name.to_owned()),
            task_id: Some(task_id.clone()),
            ..source(snapshot, "log_events", "GetLogEvents", parameters, 0)
        };
        rows.extend([container.into(), lines.into()]);
    }
    rows
}
