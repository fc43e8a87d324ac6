//! Health checks and load balancers.

use super::*;

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
    // The targets were not asked for: only events report.
    let by_events = |mini: Mini| mini.with(|m| m.health.clear());
    let health = |mini: Mini, state: &'static str| {
        mini.with(move |m| {
            m.health.clear();
            m.target_health("10.0.1.17", state);
            m.target_health("10.0.1.18", "healthy");
        })
    };
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
                ("healed before it completed", saying(by_events(Mini::healthy()), 40, "a1")),
                ("after it completed, by events alone", saying(by_events(Mini::healthy()), 100, "a1")),
                ("after it completed", saying(Mini::healthy(), 100, "a1")),
                ("after it completed, healthy at the end", health(saying(Mini::healthy(), 100, "a1"), "healthy")),
                ("in progress", saying(by_events(Mini::in_progress()), 40, "a1")),
                ("no target is registered", by_events(Mini::healthy())),
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
                    by_events(Mini::healthy()).with(|m| m.services.iter_mut().for_each(|s| s.load_balancers = 0)),
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
