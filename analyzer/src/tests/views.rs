//! The views, and the reference of tables.

use casefile_evidence::tables::{ServiceDeploymentRow, ServiceRevisionRow, TaskRow};

use super::world::{DEPLOYMENT, NEW, OLD, World, at};
use crate::Evidence;
use crate::plans::ViewPlans;
use crate::{Options, Settings, query, table_docs};

async fn ask(world: &World, sql: &str) -> String {
    let evidence = Evidence::rows(world.all()).unwrap();
    let answer = query(&evidence, sql, &Settings::default(), &Options::default()).await.unwrap();
    arrow::util::pretty::pretty_format_batches(&answer.batches).unwrap().to_string()
}

#[tokio::test]
async fn the_last_state_of_a_task_that_is_gone_stays() {
    let mut world = World::rollout(&[10, 20, 30]);
    world
        .task("new", DEPLOYMENT, |_, _| {})
        .task("old", "ecs-svc/2222222222222222222", |_, container| container.exit_code = Some(143));
    let gone = TaskRow {
        snapshot: 0,
        task_arn: "arn:task/gone".to_owned(),
        task_id: "gone".to_owned(),
        observed_at: at(10),
        started_by: Some(DEPLOYMENT.to_owned()),
        last_status: Some("PENDING".to_owned()),
        raw: "{}".to_owned(),
        ..Default::default()
    };
    world.add(gone.clone()).add(TaskRow {
        snapshot: 1,
        observed_at: at(20),
        last_status: Some("STOPPED".to_owned()),
        ..gone
    });
    let tasks = ask(&world, "SELECT task_id, snapshot, last_status, judged FROM latest_tasks ORDER BY task_id").await;
    let containers = ask(
        &world,
        "SELECT task_id, container, judged, essential, task_definition FROM latest_containers ORDER BY task_id",
    )
    .await;
    let deployments =
        ask(&world, "SELECT deployment_id, status, judged, current FROM latest_deployments ORDER BY 1").await;
    insta::assert_snapshot!(format!("{tasks}\n{containers}\n{deployments}"));
}

#[tokio::test]
async fn of_two_rollouts_of_a_release_the_closer_one_is_judged() {
    let mut world = World::rollout(&[10]);
    for (arn, task_definition) in [("rev/new", NEW), ("rev/old", OLD)] {
        world.add(ServiceRevisionRow {
            service_revision_arn: arn.to_owned(),
            observed_at: at(10),
            task_definition: Some(task_definition.to_owned()),
            raw: "{}".to_owned(),
            ..Default::default()
        });
    }
    for (arn, revision, second) in
        [("sd/a", "rev/new", 1), ("sd/b", "rev/new", -3600), ("sd/c", "rev/old", 0), ("sd/d", "rev/lost", 0)]
    {
        world.add(ServiceDeploymentRow {
            service_deployment_arn: arn.to_owned(),
            observed_at: at(10),
            target_service_revision_arn: Some(revision.to_owned()),
            created_at: Some(at(second)),
            raw: "{}".to_owned(),
            ..Default::default()
        });
    }
    let sql = "SELECT service_deployment_arn, task_definition, judged FROM latest_service_deployments ORDER BY 1";
    insta::assert_snapshot!(ask(&world, sql).await);
}

#[tokio::test]
async fn the_reference_lists_exactly_what_a_query_sees() {
    let evidence = Evidence::rows(World::rollout(&[1]).all()).unwrap();
    let views = ViewPlans::new(&Options::default().limits(), 1).await.unwrap();
    let docs = table_docs();
    assert_eq!(docs.iter().map(|doc| doc.name.as_str()).collect::<Vec<_>>(), views.catalog.names());
    for doc in &docs {
        assert!(!doc.doc.is_empty(), "{}", doc.name);
        let sql = format!("SELECT * FROM {}", doc.name);
        let answer = query(&evidence, &sql, &Settings::default(), &Options::default()).await.unwrap();
        let documented: Vec<(String, &str)> = doc.columns.iter().map(|c| (c.name.clone(), c.sql_type)).collect();
        let seen: Vec<(String, &str)> =
            answer.schema.fields().iter().map(|f| (f.name().clone(), crate::tables::sql_type(f.data_type()))).collect();
        assert_eq!(documented, seen, "{}", doc.name);
    }
}
