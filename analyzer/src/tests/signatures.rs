//! What signatures come to, as a table of cases.

use std::fmt::Write as _;

use super::world::{DEPLOYMENT, World, outcomes, running_tasks, settings, stream};

const UPGRADE: &str = "Running upgrade a -> b";
const HEADS: &str = "FAILED: Multiple head revisions are present";

/// A rollout with one running task whose log was read, seen up to these seconds.
fn rollout(seconds: &[i64]) -> World {
    let mut world = World::rollout(seconds);
    world.task("aaa", DEPLOYMENT, |_, _| {}).log("aaa", |_| {});
    world
}

#[tokio::test]
async fn every_case() {
    const OVER: &[i64] = &[10, 200];
    let mut cases: Vec<(&str, World)> = Vec::new();
    let mut case = |title, seconds: &[i64], change: &dyn Fn(&mut World)| {
        let mut world = rollout(seconds);
        change(&mut world);
        cases.push((title, world));
    };
    case("seen in time", OVER, &|w| {
        w.line("aaa", 40, UPGRADE);
    });
    case("seen in time, the deadline not over", &[10, 60], &|w| {
        w.line("aaa", 40, UPGRADE);
    });
    case("not seen, the deadline not over", &[10, 60], &|_| {});
    case("not seen, the deadline over but not the grace", &[10, 155], &|_| {});
    case("not seen, the deadline over", OVER, &|_| {});
    case("seen after the deadline", OVER, &|w| {
        w.line("aaa", 170, UPGRADE);
    });
    case("seen on the old release's task only", OVER, &|w| {
        w.task("old", "ecs-svc/2222222222222222222", |_, _| {})
            .log("old", |_| {})
            .line("old", 40, UPGRADE)
            .line("old", 41, HEADS);
    });
    case("seen by a task that nobody knows", OVER, &|w| {
        w.line("ghost", 40, UPGRADE).line("ghost", 41, HEADS);
    });
    case("seen in another container", OVER, &|w| {
        w.line("aaa", 40, UPGRADE);
        if let Some(casefile_evidence::AnyRow::LogEvent(line)) = w.rows.last_mut() {
            line.container = Some("otel".to_owned());
        }
    });
    case("seen, then the task died", OVER, &|w| {
        w.dead_task("ddd", 60, 1).log("ddd", |_| {}).line("ddd", 40, UPGRADE);
    });
    case("seen, then the task died, the deadline not over", &[10, 60], &|w| {
        w.dead_task("ddd", 50, 1).log("ddd", |_| {}).line("ddd", 40, UPGRADE);
    });
    case("one task died after it, another lives", OVER, &|w| {
        w.dead_task("ddd", 60, 1).log("ddd", |_| {}).line("ddd", 40, UPGRADE).line("aaa", 90, UPGRADE);
    });
    case("seen, and the scheduler stopped the task", OVER, &|w| {
        w.task("sss", DEPLOYMENT, |task, container| {
            task.stop_code = Some("ServiceSchedulerInitiated".to_owned());
            container.exit_code = Some(143);
        });
        w.log("sss", |_| {}).line("sss", 40, UPGRADE);
    });
    case("the failure is seen", OVER, &|w| {
        w.line("aaa", 40, HEADS).line("aaa", 41, HEADS).line("aaa", 45, UPGRADE);
    });
    case("the failure is seen although logs of another task are denied", OVER, &|w| {
        w.task("bbb", DEPLOYMENT, |_, _| {}).log("bbb", |s| s.status = "denied".to_owned()).line("aaa", 40, HEADS);
    });
    case("logs are denied", OVER, &|w| {
        w.log("aaa", |s| {
            s.status = "denied".to_owned();
            s.error_code = Some("AccessDeniedException".to_owned());
            s.remedy = Some("grant logs:GetLogEvents".to_owned());
        });
    });
    case("the stream was read up to 100 s only", OVER, &|w| {
        w.log("aaa", |s| s.covered_to = Some(super::world::at(100)));
    });
    case("the stream was read up to 155 s only", OVER, &|w| {
        w.log("aaa", |s| s.covered_to = Some(super::world::at(155)));
    });
    case("the stream was read up to 170 s only", OVER, &|w| {
        w.log("aaa", |s| s.covered_to = Some(super::world::at(170)));
    });
    case("the first lines were not read", OVER, &|w| {
        w.log("aaa", |s| s.covered_from = Some(super::world::at(20)));
    });
    case("not every page was read", OVER, &|w| {
        w.log("aaa", |s| s.exhausted = false);
    });
    case("a second task's logs were never asked for", OVER, &|w| {
        w.task("bbb", DEPLOYMENT, |_, _| {});
    });
    case("the old release's logs are denied", OVER, &|w| {
        w.task("old", "ecs-svc/2222222222222222222", |_, _| {}).log("old", |s| s.status = "denied".to_owned());
    });
    case("tasks are denied", OVER, &|w| {
        w.denied("tasks", "ListTasks");
    });
    let mut table = String::new();
    for (title, world) in cases {
        let verdict = world.judge(&running_tasks(), &settings()).await;
        let signatures = outcomes(&verdict).lines().skip(1).collect::<Vec<_>>().join("\n  ");
        writeln!(table, "{title}: {:?}, {:?}\n  {signatures}", verdict.verdict, verdict.decision.action).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_container_that_never_started_is_no_good_news() {
    let mut world = World::rollout(&[10, 200]);
    world.task("aaa", DEPLOYMENT, |task, container| {
        task.stop_code = Some("TaskFailedToStart".to_owned());
        task.stopped_reason =
            Some("CannotPullContainerError: pull image manifest has been retried 1 time(s)".to_owned());
        task.started_at = None;
        container.last_status = Some("STOPPED".to_owned());
    });
    world.log("aaa", |source| source.error_code = Some("casefile:NeverStarted".to_owned()));
    let verdict = world.judge(&running_tasks(), &settings()).await;
    insta::assert_snapshot!(outcomes(&verdict));
}

#[tokio::test]
async fn no_task_at_all_is_a_failure_once_the_deadline_is_over() {
    let verdict = World::rollout(&[10, 200]).judge(&running_tasks(), &settings()).await;
    insta::assert_snapshot!(outcomes(&verdict));
}

#[tokio::test]
async fn evidence_lines_say_where_they_come_from() {
    let mut world = rollout(&[10, 200]);
    world.line("aaa", 40, HEADS);
    let verdict = world.judge(&running_tasks(), &settings()).await;
    let row = &verdict.checks[2].rows[0];
    assert_eq!(row.resource, "task aaa");
    assert_eq!(row.at, Some(super::world::at(40)));
    assert_eq!(row.reason, HEADS);
    assert_eq!(row.more["log_stream"], stream("aaa"));
}
