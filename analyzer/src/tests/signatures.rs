//! Outcomes of signatures, as a table of cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{AnyRow, Timestamp};

use super::world::{DEPLOYMENT, World, at, outcomes, running_tasks, settings, stream};
use crate::{Analyzer, Anchor, Expect, Options, Quorum, Settings, Signature};

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
            line.container = Some("otel".into());
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
    let cases = cases.into_iter().map(|(title, world)| (title, world, settings())).collect();
    insta::assert_snapshot!(table(cases).await);
}

async fn table(cases: Vec<(&str, World, Settings)>) -> String {
    let analyzer = Analyzer::new(running_tasks(), &Options::default()).await.unwrap();
    let mut table = String::new();
    for (title, world, settings) in cases {
        let evidence = crate::Evidence::rows(world.all()).unwrap();
        let verdict = analyzer.analyze(&evidence, &settings, &Options::default()).await.unwrap();
        let signatures = outcomes(&verdict).lines().skip(1).collect::<Vec<_>>().join("\n  ");
        writeln!(table, "{title}: {:?}, {:?}\n  {signatures}", verdict.verdict, verdict.decision.action).unwrap();
    }
    table
}

/// A rollout of two tasks, `aaa` started after 20 s and `bbb` after 120 s.
fn two_tasks(seconds: &[i64]) -> World {
    let mut world = rollout(seconds);
    world.task("bbb", DEPLOYMENT, |task, _| task.started_at = Some(at(120))).log("bbb", |_| {});
    world
}

#[tokio::test]
async fn quorum_and_anchor() {
    const OVER: &[i64] = &[10, 400];
    let upgraded = |change: &dyn Fn(&mut Signature)| {
        let mut settings = settings();
        settings.signature.truncate(1);
        change(&mut settings.signature[0]);
        settings
    };
    let every = || upgraded(&|s| s.quorum = Quorum::Every);
    let any = || upgraded(&|s| s.quorum = Quorum::Any);
    let by_task = || {
        upgraded(&|s| {
            s.quorum = Quorum::Every;
            s.anchor = Anchor::Task;
        })
    };
    let mut cases: Vec<(&str, World, Settings)> = Vec::new();
    let mut case = |title, seconds: &[i64], settings: Settings, change: &dyn Fn(&mut World)| {
        let mut world = two_tasks(seconds);
        change(&mut world);
        cases.push((title, world, settings));
    };
    let one: &dyn Fn(&mut World) = &|w| {
        w.line("aaa", 40, UPGRADE);
    };
    let both: &dyn Fn(&mut World) = &|w| {
        w.line("aaa", 40, UPGRADE).line("bbb", 160, UPGRADE);
    };
    let stopped_since: &dyn Fn(&mut World) = &|w| {
        w.task("sss", DEPLOYMENT, |task, _| {
            task.stop_code = Some("ServiceSchedulerInitiated".to_owned());
            task.stopped_at = Some(at(90));
        });
        w.log("sss", |_| {}).line("sss", 40, UPGRADE);
    };
    case("every: one of two is silent", OVER, every(), one);
    case("every: one of two is silent, and may still speak", &[10, 130], every(), one);
    case("every: one came too late", OVER, every(), both);
    case("every, by the task's own start: both in time", OVER, by_task(), both);
    case("every, by the task's own start: not over for the second", &[10, 200], by_task(), one);
    case("every: both in time, but tasks are denied", OVER, by_task(), &|w| {
        both(w);
        w.denied("tasks", "ListTasks");
    });
    case("every: a third has not started", OVER, by_task(), &|w| {
        both(w);
        w.task("ccc", DEPLOYMENT, |task, _| task.started_at = None).log("ccc", |_| {});
    });
    case("once: the task was stopped since", OVER, upgraded(&|_| {}), stopped_since);
    case("any: the task was stopped since", OVER, any(), stopped_since);
    case("any: another runs", OVER, any(), &|w| {
        stopped_since(w);
        one(w);
    });
    insta::assert_snapshot!(table(cases).await);
}

#[tokio::test]
async fn time_is_what_the_clocks_agree_on() {
    const OVER: &[i64] = &[10, 200];
    let mut cases: Vec<(&str, World, Settings)> = Vec::new();
    let mut case = |title, change: &dyn Fn(&mut LogEventRow), task_created_at: Option<Timestamp>| {
        let mut world = World::rollout(OVER);
        world.task("aaa", DEPLOYMENT, |task, _| task.created_at = task_created_at).log("aaa", |_| {});
        world.line("aaa", 40, UPGRADE);
        if let Some(AnyRow::LogEvent(line)) = world.rows.last_mut() {
            change(line);
        }
        let mut settings = settings();
        settings.signature.truncate(1);
        cases.push((title, world, settings));
    };
    case("written in time, arrived after the deadline", &|l| l.ingestion_time = Some(at(190)), None);
    case(
        "the program's clock is ahead: taken in before the deadline",
        &|l| {
            l.timestamp = at(170);
            l.ingestion_time = Some(at(149));
        },
        None,
    );
    case(
        "the program's clock is behind: its task was created after the deadline",
        &|l| {
            l.timestamp = at(140);
            l.ingestion_time = Some(at(180));
        },
        Some(at(160)),
    );
    insta::assert_snapshot!(table(cases).await);
}

#[tokio::test]
async fn other_lines_than_the_deployments_own() {
    const OVER: &[i64] = &[10, 200];
    let set = |change: &dyn Fn(&mut Signature)| {
        let mut settings = settings();
        settings.signature.iter_mut().for_each(change);
        settings
    };
    let extra = || set(&|s| (s.log_group, s.container) = (Some("/ecs/extra".to_owned()), None));
    let json = || {
        set(&|s| {
            s.contains = None;
            s.json = BTreeMap::from([
                ("severity_text".to_owned(), "^(INFO|ERROR)$".to_owned()),
                ("body".to_owned(), if s.expect == Expect::Success { "upgrade" } else { "heads" }.to_owned()),
            ]);
        })
    };
    let mut cases: Vec<(&str, World, Settings)> = Vec::new();
    let mut case = |title, settings: Settings, change: &dyn Fn(&mut World)| {
        let mut world = rollout(OVER);
        change(&mut world);
        cases.push((title, world, settings));
    };
    let elsewhere = |w: &mut World, second: i64, text: &str| {
        w.line("nobody", second, text);
        if let Some(AnyRow::LogEvent(line)) = w.rows.last_mut() {
            (line.log_group, line.task_id, line.container) = ("/ecs/extra".into(), None, None);
        }
        w.source("log_events", "GetLogEvents", |source| {
            source.log_group = Some("/ecs/extra".to_owned());
            source.log_stream = Some(stream("nobody"));
            source.parameters = "{\"logGroupName\":\"/ecs/extra\"}".to_owned();
        });
    };
    case("a group that only the config names", extra(), &|w| elsewhere(w, 40, UPGRADE));
    case("a line in it from before the deployment", extra(), &|w| elsewhere(w, -40, UPGRADE));
    case("a group that was never read", extra(), &|w| {
        w.line("aaa", 40, UPGRADE);
    });
    case("the group, for signatures that do not name it", settings(), &|w| elsewhere(w, 40, HEADS));
    case("fields of JSON lines", json(), &|w| {
        w.line("aaa", 40, r#"{"severity_text":"INFO","body":"Running upgrade a -> b"}"#);
        w.line("aaa", 41, r#"{"severity_text":"DEBUG","body":"Multiple heads are not here"}"#);
        w.line("aaa", 42, "severity_text ERROR body heads");
    });
    case("a failure in JSON", json(), &|w| {
        w.line("aaa", 40, r#"{"severity_text":"ERROR","body":{"message":"Multiple heads"}}"#);
    });
    case("a log driver that may drop lines", settings(), &|w| {
        for row in &mut w.rows {
            if let AnyRow::ContainerDefinition(definition) = row {
                definition.log_mode = Some("non-blocking".to_owned());
            }
        }
    });
    case("a line that was collected and is gone", settings(), &|w| {
        w.line("aaa", 30, HEADS).line("aaa", 40, UPGRADE);
        w.rows.retain(|row| !matches!(row, AnyRow::LogEvent(line) if line.message == HEADS));
    });
    insta::assert_snapshot!(table(cases).await);
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
