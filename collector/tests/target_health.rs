//! Target health: which target groups should be asked for, and what becomes of those that were not.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use casefile_collector::document::Document;
use casefile_collector::normalise::{About, Assembly};
use casefile_collector::redact::Redactor;
use casefile_evidence::tables::{SourceRow, TargetHealthRow};
use casefile_evidence::{AnyRow, Timestamp};
use serde_json::{Value, json};

const DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7";

fn group(name: &str) -> String {
    format!("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/0123456789abcdef")
}

fn services(balancers: &Value) -> Value {
    json!({ "services": [{
        "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/production/shop", "serviceName": "shop",
        "loadBalancers": balancers, "taskDefinition": DEFINITION,
        "deployments": [{ "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": DEFINITION, "createdAt": 1000 }],
    }], "failures": [] })
}

fn balancer(name: &str) -> Value {
    json!({ "targetGroupArn": group(name), "containerName": "app", "containerPort": 80 })
}

fn described(id: &str) -> Value {
    json!({ "TargetHealthDescriptions": [{ "Target": { "Id": id, "Port": 80 }, "TargetHealth": { "State": "healthy" } }] })
}

fn answered(name: &str, id: &str) -> Value {
    json!({ "operation": "DescribeTargetHealth", "request": { "TargetGroupArn": group(name) }, "response": described(id) })
}

/// The rows and the sources of target health.
fn assemble(snapshots: &[&[Value]]) -> (Vec<TargetHealthRow>, Vec<SourceRow>) {
    let about = About { service: "shop".to_owned(), ..About::default() };
    let mut assembly = Assembly::new(about, Redactor::standard());
    for (documents, at) in snapshots.iter().zip(2000..) {
        assembly.begin_snapshot(Timestamp(at * 1000), false);
        for document in *documents {
            let document = Document::from_json(document.clone(), "a file").unwrap();
            let document = assembly.redact(document);
            assembly.take(document);
        }
        assembly.end_snapshot();
    }
    assembly.finish();
    let (mut rows, mut sources) = (Vec::new(), Vec::new());
    for row in assembly.drain() {
        match row {
            AnyRow::TargetHealth(row) => rows.push(*row),
            AnyRow::Source(row) if row.feeds == "target_health" => sources.push(*row),
            _ => {}
        }
    }
    (rows, sources)
}

fn told(sources: &[SourceRow]) -> Vec<(i64, &str, Option<String>)> {
    let of = |source: &SourceRow| {
        let parameters: Value = serde_json::from_str(&source.parameters).unwrap();
        let arn = parameters.get("TargetGroupArn").and_then(Value::as_str);
        arn.and_then(|arn| arn.split('/').nth(1)).map(str::to_owned)
    };
    sources.iter().map(|source| (source.snapshot, source.status.as_str(), of(source))).collect()
}

fn named(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn each_target_group_is_a_source_of_its_own() {
    let denied = json!({ "operation": "DescribeTargetHealth", "request": { "TargetGroupArn": group("green") },
        "error": { "code": "AccessDenied", "message": "no" } });
    let mut blue = balancer("blue");
    blue["advancedConfiguration"] = json!({ "alternateTargetGroupArn": group("green") });
    let (rows, sources) = assemble(&[&[services(&json!([blue])), answered("blue", "10.0.0.1"), denied]]);
    assert_eq!(told(&sources), [(0, "complete", named("blue")), (0, "denied", named("green"))]);
    let remedy = "grant elasticloadbalancing:DescribeTargetHealth to the role that collects";
    assert_eq!(sources[1].remedy.as_deref(), Some(remedy));
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].target_group_arn.clone(), rows[0].port), (Some(group("blue")), Some(80)));
    assert_eq!(rows[0].state.as_deref(), Some("healthy"));
}

#[test]
fn a_target_group_that_was_never_asked_for_is_a_gap_that_says_how() {
    let both = json!([balancer("a"), balancer("b")]);
    let (_, sources) = assemble(&[&[services(&both), answered("a", "i-1")]]);
    assert_eq!(told(&sources), [(0, "complete", named("a")), (0, "not_attempted", named("b"))]);
    let remedy = format!(
        "aws elbv2 describe-target-health --target-group-arn {} (needs elasticloadbalancing:DescribeTargetHealth)",
        group("b")
    );
    assert_eq!(sources[1].remedy, Some(remedy));
    assert_eq!(assemble(&[&[services(&json!([]))]]).1, [], "nothing to ask for");
}

#[test]
fn a_bare_answer_counts_where_there_is_one_target_group() {
    let (rows, sources) = assemble(&[&[services(&json!([balancer("a")])), described("10.0.0.1")]]);
    assert_eq!(told(&sources), [(0, "complete", named("a"))]);
    assert!(sources[0].assumed);
    assert_eq!(rows[0].target_group_arn, Some(group("a")));

    let (rows, sources) = assemble(&[&[services(&json!([balancer("a"), balancer("b")])), described("10.0.0.1")]]);
    assert_eq!(
        told(&sources),
        [(0, "complete", None), (0, "not_attempted", named("a")), (0, "not_attempted", named("b"))]
    );
    assert_eq!(rows[0].target_group_arn, None);
    let remedy = sources[1].remedy.as_deref().unwrap_or_default();
    assert!(remedy.ends_with("saved with its request: the answer does not name the target group"), "{remedy}");
}

#[test]
fn a_target_has_one_row_in_a_snapshot() {
    let service = services(&json!([balancer("a")]));
    let (rows, _) = assemble(&[
        &[service.clone(), answered("a", "10.0.0.1"), described("10.0.0.1"), described("10.0.0.2")],
        &[service, answered("a", "10.0.0.1")],
    ]);
    let rows: Vec<(i64, &str)> = rows.iter().map(|row| (row.snapshot, row.target_id.as_str())).collect();
    assert_eq!(rows, [(0, "10.0.0.1"), (0, "10.0.0.2"), (1, "10.0.0.1")]);
}

#[test]
fn a_snapshot_that_did_not_ask_again_says_so_unless_the_group_is_gone() {
    let (a, b) = (json!([balancer("a")]), json!([balancer("b")]));
    let (_, sources) =
        assemble(&[&[services(&a), answered("a", "i-1")], &[services(&a)], &[services(&b), answered("b", "i-1")]]);
    let expected = [(0, "complete", named("a")), (1, "not_attempted", named("a")), (2, "complete", named("b"))];
    assert_eq!(told(&sources), expected);
}

#[test]
fn the_judged_revision_and_the_task_sets_have_target_groups_too() {
    let arn = |kind: &str, id: &str| format!("arn:aws:ecs:eu-west-1:123456789012:{kind}/production/shop/{id}");
    let deployment = |id: &str, revision: &str, created: i64| {
        json!({ "serviceDeploymentArn": arn("service-deployment", id), "createdAt": created,
            "targetServiceRevision": { "arn": arn("service-revision", revision) } })
    };
    let revision = |id: &str, name: &str| {
        json!({ "serviceRevisionArn": arn("service-revision", id), "taskDefinition": DEFINITION,
            "loadBalancers": [balancer(name)] })
    };
    // Both revisions have the task definition of the judged deployment, which was created at 1000.
    let deployments =
        json!({ "serviceDeployments": [deployment("d1", "old", 400), deployment("d2", "new", 999)], "failures": [] });
    let revisions = json!({ "serviceRevisions": [revision("old", "before"), revision("new", "now")], "failures": [] });
    let (_, sources) = assemble(&[&[services(&json!([balancer("service")])), deployments, revisions]]);
    assert_eq!(told(&sources), [(0, "not_attempted", named("now")), (0, "not_attempted", named("service"))]);

    let set = |id: &str, name: &str| json!({ "id": id, "taskDefinition": DEFINITION, "createdAt": 1000, "loadBalancers": [balancer(name)] });
    let mut service = services(&json!([]));
    service["services"][0]["deployments"] = json!([]);
    service["services"][0]["taskSets"] = json!([set("ecs-svc/1", "blue"), set("ecs-svc/2", "green")]);
    let (_, sources) = assemble(&[&[service]]);
    assert_eq!(told(&sources), [(0, "not_attempted", named("blue")), (0, "not_attempted", named("green"))]);
}

#[test]
fn a_classic_load_balancer_is_asked_for_its_instances() {
    let classic = json!({ "loadBalancerName": "old-elb", "containerName": "app", "containerPort": 80 });
    let (_, sources) = assemble(&[&[services(&json!([classic]))]]);
    assert_eq!(told(&sources), [(0, "not_attempted", None)]);
    assert_eq!(sources[0].parameters, r#"{"LoadBalancerName":"old-elb"}"#);
    let remedy = "aws elb describe-instance-health --load-balancer-name old-elb (needs elasticloadbalancing:DescribeInstanceHealth)";
    assert_eq!(sources[0].remedy.as_deref(), Some(remedy));
    // A bare answer does not name the load balancer; there is only one.
    let health = json!({ "InstanceStates": [{ "InstanceId": "i-1", "State": "Unknown", "ReasonCode": "ELB" }] });
    let (rows, sources) = assemble(&[&[services(&json!([classic])), health.clone()]]);
    assert_eq!(
        (rows.len(), rows[0].state.as_deref(), rows[0].reason.as_deref()),
        (1, Some("unavailable"), Some("ELB"))
    );
    assert_eq!((sources.len(), sources[0].status.as_str()), (1, "complete"));
    // A second answer in the same snapshot does not make a second row.
    let (rows, _) = assemble(&[&[services(&json!([classic])), health.clone(), health]]);
    assert_eq!(rows.len(), 1);
}

#[test]
fn an_answer_without_its_list_is_not_whole() {
    let empty =
        json!({ "operation": "DescribeTargetHealth", "request": { "TargetGroupArn": group("a") }, "response": {} });
    let none = json!({ "operation": "DescribeTargetHealth", "request": { "TargetGroupArn": group("a") },
        "response": { "TargetHealthDescriptions": [] } });
    let service = services(&json!([balancer("a")]));
    assert_eq!(told(&assemble(&[&[service.clone(), empty]]).1), [(0, "partial", named("a"))]);
    assert_eq!(told(&assemble(&[&[service, none]]).1), [(0, "complete", named("a"))], "no target is registered");
}

/// Instances are joined by host port.
#[test]
fn containers_keep_their_network_bindings() {
    let bindings = json!([{ "bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 32768, "protocol": "tcp" }]);
    let task = json!({ "tasks": [{ "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/production/0123",
        "containerInstanceArn": "arn:aws:ecs:eu-west-1:123456789012:container-instance/production/4567",
        "taskDefinitionArn": DEFINITION, "group": "service:shop", "lastStatus": "RUNNING",
        "containers": [{ "name": "app", "networkBindings": bindings }] }], "failures": [] });
    let about = About { service: "shop".to_owned(), ..About::default() };
    let mut assembly = Assembly::new(about, Redactor::standard());
    assembly.begin_snapshot(Timestamp(0), false);
    let task = assembly.redact(Document::from_json(task, "a file").unwrap());
    assembly.take(task);
    let raw = assembly.drain().into_iter().find_map(|row| match row {
        AnyRow::Container(row) => Some(row.raw),
        _ => None,
    });
    let raw: Value = serde_json::from_str(&raw.unwrap()).unwrap();
    assert_eq!(raw["networkBindings"], bindings);
}
