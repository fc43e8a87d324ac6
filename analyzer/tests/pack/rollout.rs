//! The checks of a rollout's result.

use super::*;

#[tokio::test]
async fn expected_revision() -> Test {
    let minis = [
        ("healthy", Mini::healthy()),
        ("the old one still drains", Mini::in_progress()),
        ("rolled back", Mini::rolled_back()),
        (
            "rolled back, by an event alone",
            Mini::rolled_back().with(|m| {
                m.service_deployments.clear();
                m.deployments.iter_mut().for_each(|d| d.rollout_state_reason = None);
                m.deployments
                    .iter_mut()
                    .filter(|d| d.deployment_id == JUDGED)
                    .for_each(|d| d.rollout_state = Some("IN_PROGRESS".into()));
            }),
        ),
        ("rolled back to a deployment with a new id", Mini::rolled_back().with(|m| m.renamed(OLD, NEWER, at(80)))),
        ("superseded", Mini::superseded()),
        ("superseded, service deployments denied", Mini::superseded().with(|m| m.service_deployments.clear())),
        ("replaced after it completed", Mini::superseded().with(Mini::completed_before)),
        (
            "never deployed",
            Mini::healthy().with(|m| {
                m.deployments.clear();
                m.deployment(2, OLD, "PRIMARY", "COMPLETED", 2, at(-5000));
                m.never_seen();
            }),
        ),
        (
            "not deployed yet, live, after 5 s",
            Mini::healthy().with(|m| {
                m.deployments.clear();
                m.deployment(2, OLD, "PRIMARY", "COMPLETED", 2, at(-5000));
                m.never_seen();
                m.target.stop_reason = "timeout".into();
                m.target.window_to = Some(at(15));
            }),
        ),
        ("no deployment at all", Mini::healthy().with(|m| m.deployments.clear())),
        ("task set PRIMARY", Mini::task_sets("PRIMARY", "STEADY_STATE")),
        ("task set before the traffic shifts", Mini::task_sets("ACTIVE", "STEADY_STATE")),
        ("task set drained", Mini::task_sets("DRAINING", "STEADY_STATE")),
    ];
    insta::assert_snapshot!(told("rollout.expected-revision", &minis).await?);
    Ok(())
}

#[tokio::test]
async fn completed() -> Test {
    let judged = |m: &mut Mini, change: fn(&mut casefile_evidence::tables::DeploymentRow)| {
        m.service_deployments.clear();
        m.deployments.iter_mut().filter(|d| d.deployment_id == JUDGED).for_each(change);
    };
    let minis = [
        ("healthy", Mini::healthy()),
        ("in progress", Mini::in_progress()),
        (
            "failed without a rollback",
            Mini::healthy().with(|m| {
                judged(m, |d| {
                    d.rollout_state = Some("FAILED".into());
                    d.rollout_state_reason = Some("ECS deployment circuit breaker: tasks failed to start.".into());
                })
            }),
        ),
        ("completed, and a task is missing", Mini::healthy().with(|m| judged(m, |d| d.running_count = Some(1)))),
        (
            "completed, and more run than are desired",
            Mini::healthy().with(|m| judged(m, |d| d.running_count = Some(3))),
        ),
        ("no rollout state, settled", Mini::healthy().with(|m| judged(m, |d| d.rollout_state = None))),
        (
            "no rollout state, one is pending",
            Mini::healthy().with(|m| {
                judged(m, |d| {
                    d.rollout_state = None;
                    d.pending_count = Some(1);
                })
            }),
        ),
        (
            "a state that nobody has seen yet",
            Mini::healthy().with(|m| judged(m, |d| d.rollout_state = Some("ODD".into()))),
        ),
        ("counts unknown", Mini::healthy().with(|m| judged(m, |d| d.running_count = None))),
        ("superseded", Mini::superseded()),
        ("rolled back", Mini::rolled_back()),
        (
            "baking",
            Mini::healthy().with(|m| {
                m.service_deployments.iter_mut().for_each(|s| {
                    s.status = Some("IN_PROGRESS".into());
                    s.lifecycle_stage = Some("BAKE_TIME".into());
                })
            }),
        ),
        ("task set steady", Mini::task_sets("PRIMARY", "STEADY_STATE")),
        ("task set stabilizing", Mini::task_sets("PRIMARY", "STABILIZING")),
        ("task set drained", Mini::task_sets("DRAINING", "STEADY_STATE")),
        (
            "never seen",
            Mini::healthy().with(|m| {
                m.deployments.retain(|d| d.deployment_id == OLD);
                m.never_seen();
            }),
        ),
    ];
    insta::assert_snapshot!(told("rollout.completed", &minis).await?);
    Ok(())
}

#[tokio::test]
async fn not_rolled_back() -> Test {
    let ended = |status: &'static str, reason: &'static str| {
        Mini::rolled_back().with(move |m| {
            m.events.clear();
            m.deployments.iter_mut().for_each(|d| d.rollout_state = Some("IN_PROGRESS".into()));
            m.service_deployments.iter_mut().for_each(|s| {
                s.status = Some(status.into());
                s.status_reason = (!reason.is_empty()).then(|| reason.into());
                s.circuit_breaker_failures = None;
            });
        })
    };
    let minis = [
        ("healthy", Mini::healthy()),
        ("in progress", Mini::in_progress()),
        ("circuit breaker", Mini::rolled_back()),
        (
            "alarm",
            ended("ROLLBACK_SUCCESSFUL", "").with(|m| {
                m.service_deployments.iter_mut().for_each(|s| {
                    s.rollback_reason = Some("Service deployment rolled back because alarms were triggered.".into());
                    s.triggered_alarms = Some("5xx,latency".into());
                });
            }),
        ),
        ("by a user", ended("ROLLBACK_SUCCESSFUL", "Service deployment rolled back by user")),
        ("first deployment", ended("ROLLBACK_FAILED", "No rollback candidate was found to run the rollback.")),
        ("rolling back now", ended("ROLLBACK_IN_PROGRESS", "")),
        ("stopped by somebody", ended("STOPPED", "")),
        ("a status that nobody has seen yet", ended("ROLLED_SIDEWAYS", "")),
        ("superseded", Mini::superseded()),
        (
            "by an event alone",
            Mini::rolled_back().with(|m| {
                m.service_deployments.clear();
                m.deployments.retain(|d| d.deployment_id != JUDGED);
            }),
        ),
        (
            "another deployment's failure",
            Mini::healthy().with(|m| {
                m.event(
                    60,
                    &format!("(service bf-manage-core) (deployment {OLD}) deployment failed: tasks failed to start."),
                );
            }),
        ),
    ];
    insta::assert_snapshot!(told("rollout.not-rolled-back", &minis).await?);
    Ok(())
}

#[tokio::test]
async fn desired_count_and_service() -> Test {
    let count =
        |count: Option<i64>| Mini::healthy().with(move |m| m.services.iter_mut().for_each(|s| s.desired_count = count));
    let status = |status: Option<&'static str>| {
        Mini::healthy().with(move |m| m.services.iter_mut().for_each(|s| s.status = status.map(Into::into)))
    };
    let text = [
        told("rollout.desired-count", &[("two", Mini::healthy()), ("zero", count(Some(0))), ("not told", count(None))])
            .await?,
        told(
            "rollout.service-active",
            &[("active", Mini::healthy()), ("draining", status(Some("DRAINING"))), ("not told", status(None))],
        )
        .await?,
    ];
    insta::assert_snapshot!(text.join("\n"));
    let verdict = judge(&shipped()?, &count(Some(0))).await?;
    assert_eq!(verdict.verdict, Conclusion::Inconclusive, "a service that wants no task proves nothing");
    Ok(())
}

#[tokio::test]
async fn held_up_and_not_placed() -> Test {
    let place = "(service bf-manage-core) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance b33c7bbd) is already using a port required by your task.";
    let role = "service bf-manage-core failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::123456789012:role/app' that was provided for this task.)";
    let limits = "service bf-manage-core was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";
    let saying = |mini: Mini, message: &'static str| mini.with(move |m| m.event(20, message));
    let text = [
        told(
            "tasks.cannot-be-placed",
            &[
                ("healthy", Mini::healthy()),
                ("found a place", saying(Mini::healthy(), place)),
                ("no place yet", saying(Mini::in_progress(), place)),
                ("never a place", saying(Mini::rolled_back(), role)),
                ("of the time before", Mini::in_progress().with(|m| m.event(-20, place))),
            ],
        )
        .await?,
        told(
            "rollout.held-up",
            &[
                ("healthy", Mini::healthy()),
                ("freed", saying(Mini::healthy(), limits)),
                ("held", saying(Mini::in_progress(), limits)),
                ("given up", saying(Mini::rolled_back(), limits)),
            ],
        )
        .await?,
        told(
            "rollout.hooks-answered",
            &[
                ("a rolling update", Mini::healthy()),
                (
                    "a hook waits",
                    Mini::in_progress().with(|m| {
                        m.service_deployments.iter_mut().for_each(|s| {
                            s.lifecycle_stage = Some("POST_TEST_TRAFFIC_SHIFT".into());
                            s.raw = r#"{"lifecycleHookDetails":[{"status":"AWAITING_ACTION"}]}"#.into();
                        })
                    }),
                ),
                (
                    "a hook failed",
                    Mini::rolled_back().with(|m| {
                        m.service_deployments.iter_mut().for_each(|s| {
                            s.raw = r#"{"lifecycleHookDetails":[{"status":"FAILED"}]}"#.into();
                            s.status_reason = Some(
                                "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed.".into(),
                            );
                        })
                    }),
                ),
                (
                    "a hook was answered",
                    Mini::healthy().with(|m| {
                        m.service_deployments.iter_mut().for_each(|s| {
                            s.raw = r#"{"lifecycleHookDetails":[{"status":"SUCCEEDED"}]}"#.into();
                        })
                    }),
                ),
            ],
        )
        .await?,
    ];
    insta::assert_snapshot!(text.join("\n"));
    Ok(())
}

#[tokio::test]
async fn alarms() -> Test {
    let alarm = |state: &'static str, since: i64| Mini::healthy().with(move |m| m.alarm(state, since));
    let healed = alarm("OK", 100).with(|m| {
        m.alarm("ALARM", 40);
        if let Some(alarm) = m.alarms.last_mut() {
            (alarm.snapshot, alarm.observed_at) = (1, at(60));
        }
    });
    let minis = [
        ("ECS watches none", Mini::healthy()),
        ("never asked for", Mini::healthy().with(Mini::watched)),
        ("OK", alarm("OK", -500)),
        ("went off", alarm("ALARM", 70)),
        ("in ALARM since before the rollout", alarm("ALARM", -500)),
        ("went off and is OK again", healed),
        ("no data", alarm("INSUFFICIENT_DATA", -500)),
    ];
    insta::assert_snapshot!(told("rollout.alarms", &minis).await?);
    let rolled_back = Mini::rolled_back().with(|m| {
        m.alarm("ALARM", 70);
        if let Some(row) = m.service_deployments.last_mut() {
            row.status_reason = Some("Service deployment rolled back because alarm(s) detected.".into());
            row.triggered_alarms = Some("bf-manage-core-5xx".into());
        }
    });
    insta::assert_snapshot!(told("rollout.not-rolled-back", &[("by an alarm", rolled_back)]).await?);
    Ok(())
}
