//! Tasks that stopped, or never started.

use super::*;

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

/// For any stop code and text: exactly one blocking check reports a task that stopped, or
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
        // The rollout failed, so no failure heals.
        let mut mini = Mini::rolled_back();
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
                None | Some("MeteoriteStruck") if what.contains("Host EC2") => told.is_empty() || memory,
                // A kill for memory is always reported.
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
