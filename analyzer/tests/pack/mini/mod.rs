//! A rollout in miniature: two tasks of a new deployment, one of the old, three snapshots.

mod add;

use casefile_evidence::tables::{
    AlarmRow, ContainerDefinitionRow, ContainerRow, DeploymentRow, ServiceDeploymentRow, ServiceEventRow,
    ServiceRevisionRow, ServiceRow, SnapshotRow, SourceRow, TargetHealthRow, TargetRow, TaskRow, TaskSetRow,
};
use casefile_evidence::{AnyRow, Timestamp};

/// The deployment that is judged, of revision 42.
pub(crate) const JUDGED: &str = "ecs-svc/2222222222222222222";
/// The one before it, of revision 41.
pub(crate) const OLD: &str = "ecs-svc/1111111111111111111";
/// One that comes after it, of revision 43.
pub(crate) const NEWER: &str = "ecs-svc/3333333333333333333";

/// Seconds after the judged deployment was created.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp(1_795_420_800_000 + second * 1000)
}

fn definition(deployment: &str) -> String {
    let revision = match deployment {
        OLD => 41,
        JUDGED => 42,
        _ => 43,
    };
    format!("arn:aws:ecs:ap-southeast-2:123456789012:task-definition/bf-manage-core:{revision}")
}

const SERVICE: &str = "arn:aws:ecs:ap-southeast-2:123456789012:service/production/bf-manage-core";
/// When each snapshot was taken.
fn moment(snapshot: i64) -> Timestamp {
    at(match snapshot {
        0 => 10,
        1 => 60,
        _ => 120,
    })
}

/// The rows, table by table, to be changed at will.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mini {
    pub(crate) target: TargetRow,
    pub(crate) services: Vec<ServiceRow>,
    pub(crate) deployments: Vec<DeploymentRow>,
    pub(crate) sets: Vec<TaskSetRow>,
    pub(crate) service_deployments: Vec<ServiceDeploymentRow>,
    pub(crate) revisions: Vec<ServiceRevisionRow>,
    pub(crate) tasks: Vec<TaskRow>,
    pub(crate) containers: Vec<ContainerRow>,
    pub(crate) definitions: Vec<ContainerDefinitionRow>,
    pub(crate) events: Vec<ServiceEventRow>,
    pub(crate) health: Vec<TargetHealthRow>,
    pub(crate) alarms: Vec<AlarmRow>,
    pub(crate) sources: Vec<SourceRow>,
}

impl Mini {
    /// No task was ever described.
    pub(crate) fn no_tasks(&mut self) {
        self.tasks.clear();
        self.sources.iter_mut().filter(|source| source.operation == "DescribeTasks").for_each(|source| source.rows = 0);
    }

    /// It completed at 60 s and was watched until 120 s.
    pub(crate) fn healthy() -> Self {
        let mut mini = Self {
            target: TargetRow {
                service: "bf-manage-core".into(),
                cluster: Some("production".into()),
                region: Some("ap-southeast-2".into()),
                service_arn: Some(SERVICE.into()),
                expected_task_definition: Some(definition(JUDGED)),
                expectation: "pinned".into(),
                deployment_id: Some(JUDGED.into()),
                task_definition: Some(definition(JUDGED)),
                deployment_created_at: Some(at(0)),
                deployment_controller: "ECS".into(),
                window_from: Some(at(10)),
                window_to: Some(at(120)),
                stop_reason: "imported".into(),
                ingestion_grace_ms: 10_000,
                stable_for_ms: 30_000,
                ..Default::default()
            },
            ..Default::default()
        };
        for snapshot in 0..3 {
            mini.services.push(ServiceRow {
                snapshot,
                observed_at: moment(snapshot),
                service_arn: SERVICE.into(),
                service_name: Some("bf-manage-core".into()),
                status: Some("ACTIVE".into()),
                desired_count: Some(2),
                running_count: Some(2),
                pending_count: Some(0),
                load_balancers: 1,
                deployments: if snapshot == 0 { 2 } else { 1 },
                raw: "{}".into(),
                ..Default::default()
            });
            for (feeds, operation) in [
                ("services", "DescribeServices"),
                ("service_events", "DescribeServices"),
                ("tasks", "ListTasks"),
                ("tasks", "DescribeTasks"),
                ("service_deployments", "DescribeServiceDeployments"),
                ("service_revisions", "DescribeServiceRevisions"),
                ("task_definitions", "DescribeTaskDefinition"),
                ("target_health", "DescribeTargetHealth"),
            ] {
                mini.sources.push(SourceRow {
                    feeds: feeds.into(),
                    operation: operation.into(),
                    parameters: "{}".into(),
                    snapshot,
                    observed_at: moment(snapshot),
                    status: "complete".into(),
                    covered_to: Some(moment(snapshot)),
                    exhausted: true,
                    pages: 1,
                    rows: 1,
                    ..Default::default()
                });
            }
            let state = if snapshot == 0 { "IN_PROGRESS" } else { "COMPLETED" };
            mini.deployment(snapshot, JUDGED, "PRIMARY", state, 2, at(0));
            if snapshot == 0 {
                mini.deployment(snapshot, OLD, "ACTIVE", "COMPLETED", 2, at(-5000));
            }
            mini.service_deployment(
                snapshot,
                "sd-judged",
                JUDGED,
                if snapshot == 0 { "IN_PROGRESS" } else { "SUCCESSFUL" },
                at(0),
            );
        }
        for deployment in [OLD, JUDGED, NEWER] {
            mini.revisions.push(ServiceRevisionRow {
                service_revision_arn: format!("revision-of-{deployment}"),
                observed_at: at(10),
                task_definition: Some(definition(deployment)),
                raw: "{}".into(),
                ..Default::default()
            });
        }
        for (container, essential) in [("app", true), ("otel", false)] {
            mini.definitions.push(ContainerDefinitionRow {
                task_definition: definition(JUDGED),
                container: container.into(),
                observed_at: at(10),
                essential,
                memory: Some(512),
                raw: "{}".into(),
                ..Default::default()
            });
        }
        mini.task("a1", JUDGED);
        mini.task("a2", JUDGED);
        mini.task("old1", OLD);
        mini.target_health("10.0.1.17", "healthy");
        mini.target_health("10.0.1.18", "healthy");
        mini.event(58, &format!("(service bf-manage-core) (deployment {JUDGED}) deployment completed."));
        mini
    }

    /// At 120 s one of its two tasks runs, and the old one beside it.
    pub(crate) fn in_progress() -> Self {
        let mut mini = Self::healthy();
        mini.events.clear();
        mini.deployments.clear();
        mini.service_deployments.clear();
        for snapshot in 0..3 {
            mini.deployment(snapshot, JUDGED, "PRIMARY", "IN_PROGRESS", 1, at(0));
            mini.deployment(snapshot, OLD, "ACTIVE", "COMPLETED", 2, at(-5000));
            mini.service_deployment(snapshot, "sd-judged", JUDGED, "IN_PROGRESS", at(0));
        }
        mini
    }

    /// The circuit breaker gave up between 60 s and 120 s; the old deployment is PRIMARY again.
    pub(crate) fn rolled_back() -> Self {
        let mut mini = Self::in_progress();
        mini.deployments.retain(|d| d.snapshot < 2);
        mini.service_deployments.retain(|s| s.snapshot < 2);
        mini.tasks.retain(|t| t.started_by.as_deref() != Some(JUDGED));
        mini.deployment(2, OLD, "PRIMARY", "COMPLETED", 2, at(-5000));
        mini.deployment(2, JUDGED, "INACTIVE", "FAILED", 0, at(0));
        mini.service_deployment(2, "sd-judged", JUDGED, "ROLLBACK_SUCCESSFUL", at(0));
        if let Some(row) = mini.service_deployments.last_mut() {
            row.status_reason =
                Some("Service deployment rolled back because the circuit breaker threshold was exceeded.".into());
            row.circuit_breaker_failures = Some(3);
            row.circuit_breaker_threshold = Some(3);
        }
        mini.event(
            80,
            &format!("(service bf-manage-core) (deployment {JUDGED}) deployment failed: tasks failed to start."),
        );
        mini.event(81, &format!("(service bf-manage-core) rolling back to deployment {OLD}."));
        mini
    }

    /// Another release was deployed at 70 s.
    pub(crate) fn superseded() -> Self {
        let mut mini = Self::in_progress();
        mini.deployments.retain(|d| d.snapshot < 2);
        mini.service_deployments.retain(|s| s.snapshot < 2);
        mini.deployment(2, NEWER, "PRIMARY", "COMPLETED", 2, at(70));
        mini.service_deployment(2, "sd-judged", JUDGED, "STOPPED", at(0));
        mini.service_deployment(2, "sd-newer", NEWER, "SUCCESSFUL", at(70));
        mini
    }

    /// The judged deployment had completed in the second snapshot.
    pub(crate) fn completed_before(&mut self) {
        self.deployments
            .iter_mut()
            .filter(|d| d.deployment_id == JUDGED && d.snapshot == 1)
            .for_each(|d| d.rollout_state = Some("COMPLETED".into()));
        self.service_deployments.clear();
    }

    /// A service whose releases are task sets.
    pub(crate) fn task_sets(status: &str, stability: &str) -> Self {
        let mut mini = Self::healthy();
        mini.deployments.clear();
        mini.service_deployments.clear();
        mini.target.deployment_controller = "CODE_DEPLOY".into();
        let other = if status == "PRIMARY" { "ACTIVE" } else { "PRIMARY" };
        for (id, status, created) in [(JUDGED, status, at(0)), (OLD, other, at(-5000))] {
            mini.sets.push(TaskSetRow {
                snapshot: 2,
                observed_at: at(120),
                task_set_id: id.into(),
                status: Some(status.into()),
                task_definition: Some(definition(id)),
                stability_status: Some(stability.into()),
                computed_desired_count: Some(2),
                running_count: Some(2),
                pending_count: Some(0),
                created_at: Some(created),
                raw: "{}".into(),
                ..Default::default()
            });
        }
        mini
    }

    /// This miniature with a change.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The expected release was never seen.
    pub(crate) fn never_seen(&mut self) {
        self.target.deployment_id = None;
        self.target.deployment_created_at = None;
        self.target.task_definition = None;
        self.service_deployments.clear();
        self.gone_before_the_first_look();
    }

    /// Its deployment was gone before the first look, and nothing of its tasks and events is left.
    pub(crate) fn gone_before_the_first_look(&mut self) {
        self.deployments.retain(|d| d.deployment_id != JUDGED);
        self.events.retain(|event| !event.message.contains(JUDGED));
        self.tasks.retain(|task| task.started_by.as_deref() != Some(JUDGED));
    }

    /// The deployment that is PRIMARY at the end has another id, and was created then.
    pub(crate) fn renamed(&mut self, from: &str, to: &str, created: Timestamp) {
        for row in self.deployments.iter_mut().filter(|d| d.deployment_id == from && d.snapshot == 2) {
            row.deployment_id = to.into();
            row.created_at = Some(created);
        }
    }

    /// AWS denied the sources of that table, in every snapshot.
    pub(crate) fn denied(&mut self, feeds: &str) {
        for source in self.sources.iter_mut().filter(|s| s.feeds == feeds) {
            source.status = "denied".into();
            source.exhausted = false;
            source.covered_to = None;
            source.error_code = Some("AccessDeniedException".into());
            source.error = Some("not authorized".into());
            source.remedy = Some("grant it".into());
        }
        match feeds {
            "services" => {
                self.services.clear();
                self.deployments.clear();
            }
            "tasks" => {
                self.tasks.clear();
                self.containers.clear();
            }
            "service_events" => self.events.clear(),
            "service_deployments" => self.service_deployments.clear(),
            _ => {}
        }
    }

    /// All of it, as the analyzer takes it.
    pub(crate) fn rows(&self) -> Vec<AnyRow> {
        let mut rows: Vec<AnyRow> = vec![self.target.clone().into()];
        rows.extend((0..3).map(|snapshot| {
            SnapshotRow { snapshot, observed_at: moment(snapshot), documents: 5, assumed: false }.into()
        }));
        fn all<R: Clone + Into<AnyRow>>(rows: &mut Vec<AnyRow>, of: &[R]) {
            rows.extend(of.iter().cloned().map(Into::into));
        }
        all(&mut rows, &self.services);
        all(&mut rows, &self.deployments);
        all(&mut rows, &self.sets);
        all(&mut rows, &self.service_deployments);
        all(&mut rows, &self.revisions);
        all(&mut rows, &self.tasks);
        all(&mut rows, &self.containers);
        all(&mut rows, &self.definitions);
        all(&mut rows, &self.events);
        all(&mut rows, &self.health);
        all(&mut rows, &self.alarms);
        all(&mut rows, &self.sources);
        rows
    }
}
