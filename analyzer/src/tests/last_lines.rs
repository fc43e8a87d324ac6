//! The last lines of a task that died: until they must have arrived, that one is not there tells nothing.

use casefile_evidence::AnyRow;

use super::world::{World, healthy, running_tasks, settings};
use crate::{Evidence, Options, Outcome, analyze};

const SIGNATURE: &str = "migration.heads";

/// How the failure signature stands over a collection that is in this state, and the gap that it names.
async fn stands(world: &World, stop_reason: &str) -> (Outcome, Option<(String, String)>) {
    let mut target = world.target();
    target.stop_reason = stop_reason.to_owned();
    let mut rows: Vec<AnyRow> = world.rows.clone();
    rows.push(target.into());
    let verdict =
        analyze(&Evidence::rows(rows).unwrap(), &running_tasks(), &settings(), &Options::default()).await.unwrap();
    let check = verdict.checks.into_iter().find(|check| check.id == SIGNATURE).unwrap();
    let gap = check.unknown_because.into_iter().find(|gap| gap.status == "not_reached");
    (check.outcome, gap.map(|gap| (gap.error, gap.remedy)))
}

/// A rollout that was watched up to this second; one of its tasks died at 55 s.
fn died(seconds: &[i64]) -> World {
    let mut world = healthy(seconds);
    world.dead_task("ddd", 55, 1).log("ddd", |_| {}).line("ddd", 54, "INFO  [alembic.runtime.migration] Context impl");
    world
}

#[tokio::test]
async fn before_the_grace_is_over_the_absence_of_a_line_is_pending_and_then_unknown() {
    let world = died(&[10, 60]);
    assert_eq!(stands(&world, "collecting").await, (Outcome::Pending, None));
    for (reason, remedy) in [
        ("decided", "collect without --no-grace, or read the stream later"),
        ("timeout", "raise --timeout, or read the stream later"),
    ] {
        let (outcome, gap) = stands(&world, reason).await;
        let (error, told) = gap.unwrap();
        assert_eq!((outcome, told.as_str()), (Outcome::Unknown, remedy));
        assert!(error.starts_with("task ddd died at ") && error.contains("its lines may arrive until "), "{error}");
    }
}

#[tokio::test]
async fn after_it_the_absence_of_a_line_is_known() {
    let world = died(&[10, 65]);
    for reason in ["collecting", "decided"] {
        assert_eq!(stands(&world, reason).await, (Outcome::Pass, None), "{reason}");
    }
}

#[tokio::test]
async fn a_line_that_is_there_decides_at_once() {
    let mut world = died(&[10, 60]);
    world.line("ddd", 54, "FAILED: Multiple head revisions are present");
    assert_eq!(stands(&world, "collecting").await.0, Outcome::Fail);
}

#[tokio::test]
async fn a_task_that_is_stopping_may_still_write() {
    let mut world = healthy(&[10, 60]);
    let stopping = |task: &mut casefile_evidence::tables::TaskRow| {
        task.last_status = Some("DEACTIVATING".to_owned());
        task.desired_status = Some("STOPPED".to_owned());
    };
    world.task("ddd", super::world::DEPLOYMENT, |task, _| stopping(task)).log("ddd", |_| {});
    assert_eq!(stands(&world, "collecting").await, (Outcome::Pending, None));
    assert_eq!(stands(&world, "decided").await.0, Outcome::Unknown);
}

#[tokio::test]
async fn tasks_that_run_are_given_no_time_beyond_the_end() {
    assert_eq!(stands(&healthy(&[10, 60]), "decided").await, (Outcome::Pass, None));
}
