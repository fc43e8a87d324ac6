//! The shipped checks, each on miniatures of a rollout: what they come to, and what they say.
//!
//! Every miniature is the healthy one with a change; the snapshots are what an operator would read.

mod mini;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use casefile_analyzer::{
    CheckVerdict, Conclusion, Evidence, Level, Options, Outcome, Owner, Pack, Settings, Status, Verdict, analyze, lint,
};
use mini::{JUDGED, Mini, NEWER, OLD, at};

type Test = Result<(), Box<dyn Error>>;

fn shipped() -> Result<Pack, Box<dyn Error>> {
    Pack::embedded().map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").into())
}

/// The shipped checks of these ids alone.
fn only(ids: &[&str]) -> Result<Pack, Box<dyn Error>> {
    let pack = shipped()?;
    let mut files = BTreeMap::new();
    for id in ids {
        let check = pack.check(id).ok_or_else(|| format!("there is no check {id}"))?;
        files.insert(format!("{id}.sql"), check.sql.clone());
    }
    Pack::from_files("queries", files)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>().into())
}

async fn judge(pack: &Pack, mini: &Mini) -> Result<Verdict, Box<dyn Error>> {
    let evidence = Evidence::rows(mini.rows())?;
    Ok(analyze(&evidence, pack, &Settings::default(), &Options::default()).await?)
}

/// One line a miniature: what the check came to, and why.
async fn told(id: &str, minis: &[(&str, Mini)]) -> Result<String, Box<dyn Error>> {
    let pack = only(&[id])?;
    let mut lines = Vec::new();
    for (name, mini) in minis {
        let verdict = judge(&pack, mini).await?;
        let check = verdict.checks.first().ok_or("no check was judged")?;
        lines.push(format!("{name}: {:?}: {}", check.outcome, check.reason));
    }
    Ok(lines.join("\n"))
}

fn outcomes(verdict: &Verdict) -> String {
    let line = |check: &CheckVerdict| format!("{:?} {}: {}", check.outcome, check.id, check.reason);
    verdict.checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_shipped_checks_are_sound() -> Test {
    let errors: Vec<String> = lint(&shipped()?).await?.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    for check in shipped()?.checks() {
        let path = format!("queries/{}.sql", check.header.id.replacen('.', "/", 1));
        assert_eq!(check.file, path, "a check lies where its id says");
        assert!(check.header.advice.is_some(), "{}: what is to be done when it fails?", check.file);
        assert!(!check.prose().is_empty(), "{}: which field of AWS decides?", check.file);
    }
    Ok(())
}

#[tokio::test]
async fn a_healthy_rollout_passes() -> Test {
    let verdict = judge(&shipped()?, &Mini::healthy()).await?;
    assert_eq!(verdict.verdict, Conclusion::Pass);
    insta::assert_snapshot!(outcomes(&verdict));
    Ok(())
}

#[tokio::test]
async fn a_rollout_in_progress_is_pending_and_never_passes() -> Test {
    let verdict = judge(&shipped()?, &Mini::in_progress()).await?;
    assert_eq!(verdict.verdict, Conclusion::Inconclusive);
    let blocking: Vec<&CheckVerdict> =
        verdict.with_outcome(Outcome::Fail).filter(|c| c.level == Level::Block).collect();
    assert!(blocking.is_empty(), "{blocking:?}");
    insta::assert_snapshot!(outcomes(&verdict));
    Ok(())
}

#[tokio::test]
async fn a_rollback_is_shared_and_a_supersession_is_never_a_circuit_breaker() -> Test {
    let pack = shipped()?;
    for (mini, word) in [(Mini::rolled_back(), "circuit breaker"), (Mini::superseded(), "superseded by")] {
        let verdict = judge(&pack, &mini).await?;
        assert_eq!(verdict.verdict, Conclusion::Fail);
        let failing: Vec<&CheckVerdict> = verdict.with_outcome(Outcome::Fail).collect();
        assert!(failing.iter().all(|check| check.owner == Owner::Shared), "{}", outcomes(&verdict));
        assert!(failing.iter().any(|check| check.reason.contains(word)), "{}", outcomes(&verdict));
        if word != "circuit breaker" {
            let text = serde_json::to_string(&verdict.checks.iter().map(|c| &c.rows).collect::<Vec<_>>())?;
            assert!(!text.contains("circuit breaker"), "{text}");
        }
    }
    Ok(())
}

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
async fn tasks_that_stopped() -> Test {
    let ids = [
        "tasks.exited",
        "tasks.out-of-memory",
        "tasks.cannot-start-image",
        "tasks.cannot-start-resources",
        "tasks.failed-to-start",
        "tasks.health-checks-failed",
        "tasks.stopped",
        "tasks.lost-host",
        "tasks.stopped-by-hand",
    ];
    let pack = only(&ids)?;
    let exited = Some("EssentialContainerExited");
    let failed = Some("TaskFailedToStart");
    let scheduled = Some("ServiceSchedulerInitiated");
    let usual = "Essential container in task exited";
    let stops = [
        ("exit-1", exited, usual, None, Some(1)),
        ("exit-0", exited, usual, None, Some(0)),
        ("no-exit-code", exited, "in words that nobody has seen yet", None, None),
        ("memory", exited, usual, Some("OutOfMemoryError: Container killed due to memory usage"), Some(137)),
        (
            "image-fargate",
            failed,
            "CannotPullContainerError: API error (404): repository 111122223333.dkr.ecr.us-east-1.amazonaws.com/app not found",
            None,
            None,
        ),
        (
            "image-ec2",
            failed,
            "Task failed to start",
            Some("CannotPullContainerError: API error (500): request canceled while waiting for connection"),
            None,
        ),
        (
            "secrets",
            failed,
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed",
            None,
            None,
        ),
        ("network-interface", failed, "Timeout waiting for network interface provisioning to complete.", None, None),
        (
            "log-group",
            failed,
            "Task failed to start",
            Some(
                "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.",
            ),
            None,
        ),
        (
            "disk",
            failed,
            "Task failed to start",
            Some(
                "CannotCreateContainerError: API error (500): devmapper: Thin Pool has 4350 free data blocks which is less than minimum required 4454 free data blocks.",
            ),
            None,
        ),
        (
            "no-such-command",
            failed,
            "Task failed to start",
            Some(
                "CannotStartContainerError: Error response from daemon: OCI runtime create failed: exec: \"uvicorn\": executable file not found in $PATH",
            ),
            Some(127),
        ),
        ("new-words", failed, "SomethingNewError: nobody has seen this yet", None, None),
        (
            "load-balancer",
            scheduled,
            "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-north-1:152641673729:targetgroup/backend-tg/7fef312bd1eebe84)",
            None,
            Some(143),
        ),
        ("container-health", scheduled, "Task failed container health checks", None, Some(143)),
        (
            "scaled-in",
            scheduled,
            "Scaling activity initiated by (deployment ecs-svc/1637086347952626779)",
            None,
            Some(143),
        ),
        ("scheduler-new-words", scheduled, "for reasons of its own", None, Some(143)),
        ("by-hand", Some("UserInitiated"), "Task stopped by user", None, Some(143)),
        ("spot", Some("SpotInterruption"), "Your Spot Task was interrupted.", None, Some(143)),
        ("host", Some("TerminationNotice"), "Host EC2 (instance i-04b17daec78ef4a0b) terminated.", None, None),
        ("new-code", Some("MeteoriteStruck"), "Meteorite", None, None),
        ("no-code", None, "", None, None),
    ];
    let stopped = |mut mini: Mini| {
        for (id, code, reason, container, exit) in stops {
            mini.task(id, JUDGED);
            mini.stop(id, 45, code, reason, container, exit);
        }
        // Neither judged nor a failure, however it ended.
        mini.stop("old1", 45, exited, usual, None, Some(1));
        mini
    };
    let mut lines = Vec::new();
    let worlds = [
        ("PRIMARY, as many run as are desired", stopped(Mini::healthy())),
        (
            "PRIMARY, a task is missing",
            stopped(Mini::healthy().with(|m| m.deployments.iter_mut().for_each(|d| d.running_count = Some(1)))),
        ),
        ("superseded", stopped(Mini::superseded())),
    ];
    let mut before = BTreeSet::new();
    for (name, mini) in worlds {
        lines.push(format!("# {name}"));
        let verdict = judge(&pack, &mini).await?;
        for check in &verdict.checks {
            let bad = check.rows.iter().filter(|row| row.status < Status::Pass);
            for row in bad {
                let line = format!("{:?} {} {}: {}", row.status, check.id, row.resource, row.reason);
                // The same again is left out.
                if before.insert(line.clone()) {
                    lines.push(line);
                }
            }
            assert_eq!(check.rows.iter().filter(|row| row.resource.contains("old1")).count(), 0, "{}", check.id);
        }
        if name == "superseded" {
            assert!(!verdict.checks.iter().any(|check| {
                check.rows.iter().any(|row| row.resource.contains("scheduler-new-words") && row.status < Status::Pass)
            }));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
    Ok(())
}

/// Whatever code and text ECS gives: a task that stopped is told of by exactly one blocking check, or by
/// none where the stop is no failure.
#[tokio::test]
async fn every_stop_is_told_of_once() -> Test {
    let ids = [
        "tasks.exited",
        "tasks.out-of-memory",
        "tasks.cannot-start-image",
        "tasks.cannot-start-resources",
        "tasks.failed-to-start",
        "tasks.health-checks-failed",
        "tasks.stopped",
    ];
    let pack = only(&ids)?;
    let codes = [
        Some("TaskFailedToStart"),
        Some("EssentialContainerExited"),
        Some("UserInitiated"),
        Some("ServiceSchedulerInitiated"),
        Some("SpotInterruption"),
        Some("TerminationNotice"),
        Some("MeteoriteStruck"),
        None,
    ];
    let texts = [
        "",
        "Essential container in task exited",
        "Task failed to start",
        "CannotPullContainerError: not found",
        "ResourceInitializationError: unable to pull secrets",
        "Timeout waiting for network interface provisioning to complete.",
        "Task failed ELB health checks in (target-group x)",
        "Task failed container health checks",
        "Scaling activity initiated by (deployment ecs-svc/1)",
        "Host EC2 (instance i-04b17daec78ef4a0b) terminated.",
        "in words that nobody has seen yet",
    ];
    let containers = [
        None,
        Some("OutOfMemoryError: Container killed due to memory usage"),
        Some("CannotPullContainerError: denied"),
        Some("CannotStartContainerError: failed to initialize logging driver"),
        Some("CannotStartContainerError: exec: not found"),
    ];
    let mut wrong = Vec::new();
    for code in codes {
        // So few of them fail that the verdict lists every one.
        let mut mini = Mini::healthy();
        mini.tasks.clear();
        mini.containers.clear();
        let mut what = BTreeMap::new();
        for text in texts {
            for (container, exit) in containers.iter().zip([None, Some(137), None, Some(1), Some(0)]) {
                let id = format!("{:032x}", what.len());
                mini.task(&id, JUDGED);
                mini.stop(&id, 45, code, text, *container, exit);
                what.insert(id, format!("{code:?} {text:?} {container:?} {exit:?}"));
            }
        }
        let verdict = judge(&pack, &mini).await?;
        for (id, what) in what {
            let told: BTreeSet<&str> = verdict
                .checks
                .iter()
                .filter(|check| {
                    check
                        .rows
                        .iter()
                        .any(|row| matches!(row.status, Status::Fail | Status::Unknown) && row.resource.contains(&id))
                })
                .map(|check| check.id.as_str())
                .collect();
            let memory = what.contains("OutOfMemory");
            let fine = match code {
                Some("UserInitiated" | "SpotInterruption" | "TerminationNotice") => {
                    told.iter().all(|id| ["tasks.out-of-memory", "tasks.health-checks-failed"].contains(id))
                }
                Some("ServiceSchedulerInitiated") => told.len() <= 1 || memory,
                // A lost host is no fault of the release: tasks.lost-host advises.
                None if what.contains("Host EC2") => told.is_empty() || memory,
                // A kill for memory is told of whatever else is said.
                _ => told.len() == 1 || memory && told.contains("tasks.out-of-memory") && told.len() <= 2,
            };
            if !fine {
                wrong.push(format!("{what}: {told:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn failed_to_start_has_further_witnesses() -> Test {
    let unable = "(service bf-manage-core) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    let counted = |mini: Mini| {
        mini.with(|m| {
            m.deployments
                .iter_mut()
                .filter(|d| d.deployment_id == JUDGED && d.snapshot == 1)
                .for_each(|d| d.failed_tasks = Some(3))
        })
    };
    let minis = [
        ("counted, and completed at last", counted(Mini::healthy())),
        ("counted, in progress", counted(Mini::in_progress())),
        ("counted, rolled back", counted(Mini::rolled_back())),
        ("an event, in progress", Mini::in_progress().with(|m| m.event(40, unable))),
        ("an event, rolled back", Mini::rolled_back().with(|m| m.event(40, unable))),
        ("an event, completed", Mini::healthy().with(|m| m.event(40, unable))),
    ];
    insta::assert_snapshot!(told("tasks.failed-to-start", &minis).await?);
    Ok(())
}

#[tokio::test]
async fn crash_loop_and_sidecar() -> Test {
    let exits = |seconds: &'static [i64]| {
        Mini::healthy().with(move |m| {
            for (n, second) in seconds.iter().enumerate() {
                let id = format!("dead{n}");
                m.task(&id, JUDGED);
                m.stop(
                    &id,
                    *second,
                    Some("EssentialContainerExited"),
                    "Essential container in task exited",
                    None,
                    Some(1),
                );
            }
        })
    };
    let sidecar = |exit: Option<i64>| {
        Mini::healthy().with(move |m| {
            m.containers.iter_mut().filter(|c| c.container == "otel" && c.task_id == "a1").for_each(|c| {
                c.last_status = Some("STOPPED".into());
                c.exit_code = exit;
            })
        })
    };
    let replaced = "(service bf-manage-core) has started 2 tasks: (task a9). Amazon ECS replaced 2 tasks due to an unhealthy status.";
    let text = [
        told(
            "tasks.crash-loop",
            &[
                ("healthy", Mini::healthy()),
                ("one exit at the start", exits(&[20])),
                ("two exits", exits(&[20, 40])),
                ("one exit after it completed", exits(&[100])),
                ("ECS heals after it completed", Mini::healthy().with(|m| m.event(110, replaced))),
                ("ECS healed before", Mini::healthy().with(|m| m.event(30, replaced))),
                ("no task", Mini::healthy().with(Mini::no_tasks)),
                ("tasks that were described and are gone", Mini::healthy().with(|m| m.tasks.clear())),
            ],
        )
        .await?,
        told(
            "tasks.sidecar-exited",
            &[
                ("healthy", Mini::healthy()),
                ("exit 1", sidecar(Some(1))),
                ("exit 0", sidecar(Some(0))),
                ("no code", sidecar(None)),
            ],
        )
        .await?,
    ];
    insta::assert_snapshot!(text.join("\n"));
    Ok(())
}

#[tokio::test]
async fn network() -> Test {
    let complaint = |task: &str| {
        format!(
            "(service bf-manage-core) (task {task}) (port 8080) is unhealthy in (target-group arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:targetgroup/app/4d2246e3635cc45b) due to (reason Health checks failed with these codes: [503])."
        )
    };
    let saying = |mini: Mini, second: i64, task: &str| {
        let message = complaint(task);
        mini.with(move |m| m.event(second, &message))
    };
    let health = |mini: Mini, state: &'static str| mini.with(move |m| m.target_health("10.0.1.17", state));
    let container = |status: Option<&'static str>| {
        Mini::healthy().with(move |m| {
            m.definitions.iter_mut().filter(|d| d.container == "app").for_each(|d| d.health_check = true);
            m.containers
                .iter_mut()
                .filter(|c| c.container == "app" && c.task_id == "a1")
                .for_each(|c| c.health_status = status.map(Into::into));
            m.containers
                .iter_mut()
                .filter(|c| c.container == "app" && c.task_id != "a1")
                .for_each(|c| c.health_status = Some("HEALTHY".into()));
        })
    };
    let text = [
        told(
            "network.unhealthy-targets",
            &[
                ("healthy", Mini::healthy()),
                ("healed before it completed", saying(Mini::healthy(), 40, "a1")),
                ("after it completed", saying(Mini::healthy(), 100, "a1")),
                ("after it completed, healthy at the end", health(saying(Mini::healthy(), 100, "a1"), "healthy")),
                ("in progress", saying(Mini::in_progress(), 40, "a1")),
                (
                    "killed for it",
                    saying(Mini::healthy(), 40, "a1").with(|m| {
                        m.stop(
                            "a1",
                            45,
                            Some("ServiceSchedulerInitiated"),
                            "Task failed ELB health checks in (target-group x)",
                            None,
                            Some(143),
                        );
                    }),
                ),
                ("a task of the old deployment", saying(Mini::healthy(), 100, "old1")),
                ("unhealthy target", health(Mini::healthy(), "unhealthy")),
                ("healthy target", health(Mini::healthy(), "healthy")),
                ("target not registered yet", health(Mini::in_progress(), "initial")),
                ("somebody else's target", Mini::healthy().with(|m| m.target_health("10.9.9.9", "unhealthy"))),
                (
                    "no load balancer",
                    Mini::healthy().with(|m| m.services.iter_mut().for_each(|s| s.load_balancers = 0)),
                ),
            ],
        )
        .await?,
        told(
            "network.container-health",
            &[
                ("no health check", Mini::healthy()),
                ("healthy", container(Some("HEALTHY"))),
                ("unhealthy", container(Some("UNHEALTHY"))),
                ("not known yet", container(Some("UNKNOWN"))),
                ("not told", container(None)),
                ("unhealthy, definition unknown", container(Some("UNHEALTHY")).with(|m| m.definitions.clear())),
                (
                    "unhealthy sidecar",
                    Mini::healthy().with(|m| {
                        m.containers
                            .iter_mut()
                            .filter(|c| c.container == "otel")
                            .for_each(|c| c.health_status = Some("UNHEALTHY".into()));
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
                ("gone before the first look", Mini::healthy().with(|m| m.target.deployment_id = None)),
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

/// What is denied never passes, and never fails.
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
