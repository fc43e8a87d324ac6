//! One row or a few, added to a rollout in miniature.

use super::*;

impl Mini {
    pub(crate) fn deployment(
        &mut self,
        snapshot: i64,
        id: &str,
        status: &str,
        state: &str,
        running: i64,
        created: Timestamp,
    ) {
        self.deployments.push(DeploymentRow {
            snapshot,
            deployment_id: id.into(),
            observed_at: moment(snapshot),
            service_arn: SERVICE.into(),
            status: Some(status.into()),
            task_definition: Some(definition(id)),
            rollout_state: Some(state.into()),
            rollout_state_reason: Some(match state {
                "FAILED" => "ECS deployment circuit breaker: tasks failed to start.".into(),
                _ => format!("ECS deployment {id} {}.", state.to_lowercase().replace('_', " ")),
            }),
            desired_count: Some(2),
            running_count: Some(running),
            pending_count: Some(0),
            failed_tasks: Some(0),
            created_at: Some(created),
            updated_at: Some(moment(snapshot).plus_millis(-2000)),
            raw: "{}".into(),
            ..Default::default()
        });
    }

    pub(crate) fn service_deployment(&mut self, snapshot: i64, name: &str, of: &str, status: &str, created: Timestamp) {
        self.service_deployments.push(ServiceDeploymentRow {
            snapshot,
            service_deployment_arn: format!(
                "arn:aws:ecs:ap-southeast-2:123456789012:service-deployment/production/bf-manage-core/{name}"
            ),
            observed_at: moment(snapshot),
            service_arn: Some(SERVICE.into()),
            status: Some(status.into()),
            target_service_revision_arn: Some(format!("revision-of-{of}")),
            created_at: Some(created),
            updated_at: Some(moment(snapshot).plus_millis(-2000)),
            raw: "{}".into(),
            ..Default::default()
        });
    }

    /// A task that runs at the end, with a container `app` and a sidecar.
    pub(crate) fn task(&mut self, id: &str, of: &str) {
        let observed_at = at(120);
        self.tasks.push(TaskRow {
            snapshot: 2,
            task_arn: format!("arn:aws:ecs:ap-southeast-2:123456789012:task/production/{id}"),
            observed_at,
            task_id: id.into(),
            task_definition: Some(definition(of)),
            started_by: Some(of.into()),
            task_group: Some("service:bf-manage-core".into()),
            last_status: Some("RUNNING".into()),
            desired_status: Some("RUNNING".into()),
            created_at: Some(at(5)),
            started_at: Some(at(15)),
            raw: r#"{"attachments":[{"details":[{"name":"privateIPv4Address","value":"10.0.1.17"}]}]}"#
                .replace("17", if id == "a1" { "17" } else { "18" }),
            ..Default::default()
        });
        for container in ["app", "otel"] {
            self.containers.push(ContainerRow {
                snapshot: 2,
                task_arn: format!("arn:aws:ecs:ap-southeast-2:123456789012:task/production/{id}"),
                container: container.into(),
                observed_at,
                task_id: id.into(),
                last_status: Some("RUNNING".into()),
                raw: "{}".into(),
                ..Default::default()
            });
        }
    }

    /// The task stopped at that second, its container `app` for this reason and with this exit code.
    pub(crate) fn stop(
        &mut self,
        id: &str,
        second: i64,
        code: Option<&str>,
        reason: &str,
        container: Option<&str>,
        exit: Option<i64>,
    ) {
        for task in self.tasks.iter_mut().filter(|t| t.task_id == id) {
            task.last_status = Some("STOPPED".into());
            task.desired_status = Some("STOPPED".into());
            task.stop_code = code.map(Into::into);
            task.stopped_reason = (!reason.is_empty()).then(|| reason.into());
            task.stopping_at = Some(at(second));
            task.stopped_at = Some(at(second + 5));
            if code == Some("TaskFailedToStart") {
                task.started_at = None;
            }
        }
        for row in self.containers.iter_mut().filter(|c| c.task_id == id) {
            row.last_status = Some("STOPPED".into());
            row.exit_code = if row.container == "app" { exit } else { Some(0) };
            row.reason = if row.container == "app" { container.map(Into::into) } else { None };
        }
    }

    pub(crate) fn event(&mut self, second: i64, message: &str) {
        self.events.push(ServiceEventRow {
            created_at: Some(at(second)),
            event_id: format!("event-{}", self.events.len()),
            snapshot: 2,
            observed_at: at(120),
            service_arn: SERVICE.into(),
            message: message.into(),
        });
    }

    /// The health of one address at the end, as the load balancer reports it.
    pub(crate) fn target_health(&mut self, address: &str, state: &str) {
        self.health.push(TargetHealthRow {
            snapshot: 2,
            target_group_arn: Some("arn:targetgroup".into()),
            target_id: address.into(),
            port: Some(8080),
            observed_at: at(120),
            state: Some(state.into()),
            reason: (state == "unhealthy").then(|| "Target.ResponseCodeMismatch".into()),
            description: (state == "unhealthy").then(|| "Health checks failed with these codes: [503]".into()),
            raw: "{}".into(),
            ..Default::default()
        });
    }

    /// ECS watches alarms, and nobody asked for them.
    pub(crate) fn watched(&mut self) {
        let raw = r#"{"deploymentConfiguration":{"alarms":{"alarmNames":["bf-manage-core-5xx"],"enable":true}}}"#;
        self.services.iter_mut().for_each(|service| service.raw = raw.into());
    }

    /// The alarm that ECS watches, at the end, and since which second it is in that state.
    pub(crate) fn alarm(&mut self, state: &str, since: i64) {
        self.watched();
        self.alarms.push(AlarmRow {
            snapshot: 2,
            alarm_name: "bf-manage-core-5xx".into(),
            observed_at: at(120),
            alarm_arn: None,
            state: Some(state.into()),
            reason: Some("Threshold Crossed: 1 datapoint [7.0] was greater than the threshold (5.0).".into()),
            changed_at: Some(at(since)),
            raw: "{}".into(),
        });
        self.sources.push(SourceRow {
            feeds: "alarms".into(),
            operation: "DescribeAlarms".into(),
            parameters: "{}".into(),
            snapshot: 2,
            observed_at: at(120),
            status: "complete".into(),
            exhausted: true,
            ..Default::default()
        });
    }
}
