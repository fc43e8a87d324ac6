//! The checks of the evidence itself.

use super::*;

#[tokio::test]
async fn evidence() -> Test {
    let covered = |feeds: &'static str, second: i64| {
        Mini::healthy().with(move |m| {
            m.sources.iter_mut().filter(|s| s.feeds == feeds).for_each(|s| s.covered_from = Some(at(second)))
        })
    };
    let text = [
        told(
            "evidence.deployment-seen",
            &[
                ("seen", Mini::healthy()),
                ("never", Mini::healthy().with(Mini::never_seen)),
                ("gone before the first look", Mini::healthy().with(Mini::gone_before_the_first_look)),
                (
                    "not yet",
                    Mini::healthy().with(|m| {
                        m.never_seen();
                        m.target.stop_reason = "timeout".into();
                        m.target.window_to = Some(at(12));
                    }),
                ),
            ],
        )
        .await?,
        told(
            "evidence.release-pinned",
            &[
                ("pinned", Mini::healthy()),
                (
                    "newest",
                    Mini::healthy().with(|m| {
                        m.target.expectation = "newest".into();
                        m.target.expected_task_definition = None;
                    }),
                ),
            ],
        )
        .await?,
        told(
            "evidence.stable-period",
            &[
                ("watched", Mini::healthy()),
                (
                    "not watched",
                    Mini::healthy().with(|m| {
                        m.deployments
                            .iter_mut()
                            .filter(|d| d.snapshot < 2)
                            .for_each(|d| d.rollout_state = Some("IN_PROGRESS".into()));
                        m.events.clear();
                    }),
                ),
                ("never completed", Mini::in_progress()),
            ],
        )
        .await?,
        told(
            "evidence.events-kept",
            &[("kept", covered("service_events", -50)), ("forgotten", covered("service_events", 30))],
        )
        .await?,
        told("evidence.stopped-tasks-kept", &[("kept", covered("tasks", -50)), ("forgotten", covered("tasks", 30))])
            .await?,
    ];
    insta::assert_snapshot!(text.join("\n"));
    Ok(())
}

/// Denied evidence never passes, and never fails.
#[tokio::test]
async fn a_denied_source_makes_a_blocking_check_unknown() -> Test {
    let pack = shipped()?;
    for feeds in ["services", "tasks", "service_events", "service_deployments"] {
        let verdict = judge(&pack, &Mini::healthy().with(|m| m.denied(feeds))).await?;
        assert_eq!(verdict.verdict, Conclusion::Inconclusive, "{feeds}: {}", outcomes(&verdict));
        assert!(verdict.with_outcome(Outcome::Unknown).any(|c| c.level == Level::Block), "{feeds}");
    }
    Ok(())
}

/// A service of 500 tasks is judged task by task, and one that crashes is found among them.
#[tokio::test]
async fn five_hundred_tasks() -> Test {
    let pack = shipped()?;
    let many = |crash: bool| {
        Mini::healthy().with(|m| {
            for number in 0..498 {
                m.task(&format!("m{number}"), JUDGED);
            }
            m.services.iter_mut().for_each(|s| s.desired_count = Some(500));
            m.deployments.iter_mut().filter(|d| d.deployment_id == JUDGED).for_each(|d| {
                d.desired_count = Some(500);
                d.running_count = Some(500);
            });
            if crash {
                m.stop(
                    "m250",
                    60,
                    Some("EssentialContainerExited"),
                    "Essential container in task exited",
                    None,
                    Some(1),
                );
            }
        })
    };
    let verdict = judge(&pack, &many(false)).await?;
    let exited = verdict.checks.iter().find(|check| check.id == "tasks.exited").ok_or("no such check")?;
    assert_eq!((exited.outcome, exited.counts[&Status::Pass]), (Outcome::Pass, 500));
    assert_eq!(verdict.verdict, Conclusion::Pass, "{}", outcomes(&verdict));
    let verdict = judge(&pack, &many(true)).await?;
    let exited = verdict.checks.iter().find(|check| check.id == "tasks.exited").ok_or("no such check")?;
    assert_eq!((exited.outcome, exited.rows[0].resource.as_str()), (Outcome::Fail, "task m250"));
    assert_eq!((exited.rows.len(), exited.rows_omitted), (50, 450), "what a verdict lists is bounded");
    Ok(())
}
