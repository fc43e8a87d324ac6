//! Tasks: one-off ones that are chosen, lists that are forgotten, and answers that contradict each other.

use casefile_collector::document::Document;
use casefile_collector::normalise::{About, Assembly, TaskSelector};
use casefile_collector::redact::Redactor;
use casefile_evidence::tables::{TaskRow, TaskSelectorRow};
use casefile_evidence::{AnyRow, Timestamp};
use serde_json::{Value, json};

use crate::{
    CREATED, DEPLOYMENT, MIGRATE, ONE_OFF, SERVICE, TASK, about, arn, ask, assemble, awslogs, definition, describe,
    list, one_off, refuse, service, source, sources, task,
};

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
    let mut assembly = Assembly::new(migrate(), Redactor::standard());
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
fn what_is_listed_and_not_described_is_a_gap() {
    let own = json!({ "serviceName": "shop" });
    let both = || list(&own, "RUNNING", &[TASK, ONE_OFF]);
    let rows = assemble(about(), &[vec![service(), both(), describe(&[task(TASK, json!({}))])]]);
    let gap = source(&rows, "DescribeTasks", "production");
    let said = (gap.status.as_str(), gap.error.as_deref(), gap.remedy.as_deref());
    let error = format!("1 task that was listed was not described: {ONE_OFF}");
    let remedy = format!("aws ecs describe-tasks --cluster production --tasks {ONE_OFF}");
    assert_eq!(said, ("partial", Some(error.as_str()), Some(remedy.as_str())));
    // One that was described before is due again. That it is gone does not say how it ended.
    let whole = || describe(&[task(TASK, json!({})), task(ONE_OFF, json!({}))]);
    let then = |second: Vec<Value>| {
        let rows = assemble(about(), &[vec![service(), both(), whole()], [vec![service(), both()], second].concat()]);
        source(&rows, "DescribeTasks", "production").status.clone()
    };
    let other = describe(&[task(TASK, json!({}))]);
    let mut gone = other.clone();
    gone["response"]["failures"] = json!([{ "arn": arn(ONE_OFF), "reason": "MISSING" }]);
    assert_eq!(then(vec![gone]), "partial");
    assert_eq!(then(vec![other.clone()]), "partial");
    // And a batch that failed is not made good by another one.
    let asked = |id: &str| json!({ "cluster": "production", "tasks": [arn(id)] });
    let failed = refuse("DescribeTasks", asked(ONE_OFF), "ThrottlingException");
    assert_eq!(then(vec![failed.clone(), other.clone()]), "partial");
    let mut again = describe(&[task(ONE_OFF, json!({}))]);
    again["request"] = asked(ONE_OFF);
    assert_eq!(then(vec![failed, other, again]), "complete");

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
    assert_eq!(status(&running, "ecs-svc/9"), ("partial".to_owned(), Some(told.to_owned())));
    assert_eq!(status(&running, "ecs-svc/1"), ("complete".to_owned(), None));
    assert_eq!(status(&running, "shop"), ("complete".to_owned(), None), "by its task definition");
    assert_eq!(status(&service(), "shop"), ("complete".to_owned(), None), "nothing says that it runs");
    let nothing = vec![running, list(&own, "RUNNING", &[]), list(&own, "STOPPED", &[])];
    assert_eq!(source(&assemble(about(), &[nothing]), "ListTasks", "").error.as_deref(), Some(told), "nor listed");
}
