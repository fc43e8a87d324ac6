//! Taking up rows.

use super::{DEPLOYMENT, Rollouts, TaskOrigin, earliest};
use crate::tables::{
    AnyRow, DeploymentRow, ServiceDeploymentRow, ServiceEventRow, ServiceRevisionRow, TaskDefinitionRow, TaskSetRow,
};
use crate::time::Timestamp;

impl Rollouts {
    /// A snapshot begins.
    pub fn begin_snapshot(&mut self, snapshot: i64, observed_at: Timestamp) {
        if snapshot > self.snapshot {
            if self.first_newest.is_none() {
                self.first_newest = self.all().pop();
            }
            self.snapshot = snapshot;
        }
        self.first_snapshot_at = Some(self.first_snapshot_at.map_or(observed_at, |first| first.min(observed_at)));
    }

    /// Takes up a row of any table; those that say nothing of rollouts are passed by. Rows come in the order of their
    /// snapshots. Tasks are told of by [`Rollouts::observe_task`].
    pub fn observe(&mut self, row: &AnyRow) {
        match row {
            AnyRow::Snapshot(row) => self.begin_snapshot(row.snapshot, row.observed_at),
            AnyRow::Deployment(row) => self.observe_deployment(row),
            AnyRow::TaskSet(row) => self.observe_task_set(row),
            AnyRow::ServiceDeployment(row) => self.observe_service_deployment(row),
            AnyRow::ServiceRevision(row) => self.observe_revision(row),
            AnyRow::ServiceEvent(row) => self.observe_event(row),
            AnyRow::TaskDefinition(row) => self.observe_task_definition(row),
            AnyRow::Task(row) => self.observe_task((&**row).into()),
            _ => {}
        }
    }

    /// Takes up an entry of `services[].deployments`.
    pub fn observe_deployment(&mut self, row: &DeploymentRow) {
        let entry = self.deployments.entry(row.deployment_id.clone()).or_default();
        entry.task_definition.clone_from(&row.task_definition);
        entry.created_at = row.created_at;
        entry.is_primary = row.status.as_deref() == Some("PRIMARY");
        entry.is_complete = match row.rollout_state.as_deref() {
            Some(state) => state == "COMPLETED",
            None => {
                row.pending_count == Some(0) && row.running_count.is_some() && row.running_count >= row.desired_count
            }
        };
        if entry.is_complete {
            // The last change of a complete deployment is its completion, or later.
            let by = row.updated_at.filter(|_| row.rollout_state.is_some()).unwrap_or(row.observed_at);
            entry.complete_by = earliest(entry.complete_by, Some(by));
        }
    }

    /// Takes up a task set.
    pub fn observe_task_set(&mut self, row: &TaskSetRow) {
        let entry = self.task_sets.entry(row.task_set_id.clone()).or_default();
        entry.task_definition.clone_from(&row.task_definition);
        entry.created_at = row.created_at;
        entry.is_primary = row.status.as_deref() == Some("PRIMARY");
        entry.is_complete = row.stability_status.as_deref() == Some("STEADY_STATE");
        if entry.is_complete {
            entry.complete_by = entry.complete_by.or(row.stability_status_at).or(Some(row.observed_at));
        }
    }

    /// Takes up a service deployment, as the list or the description has it.
    pub fn observe_service_deployment(&mut self, row: &ServiceDeploymentRow) {
        let entry = self.service_deployments.entry(row.service_deployment_arn.clone()).or_default();
        entry.revision = row.target_service_revision_arn.clone().or(entry.revision.take());
        entry.created_at = row.created_at.or(entry.created_at);
        entry.finished_at = row.finished_at.or(entry.finished_at);
        entry.status = row.status.clone().or(entry.status.take());
        entry.rollback_started_at = row.rollback_started_at.or(entry.rollback_started_at);
    }

    /// Takes up a service revision.
    pub fn observe_revision(&mut self, row: &ServiceRevisionRow) {
        self.revisions.insert(row.service_revision_arn.clone(), row.task_definition.clone());
    }

    /// Takes up a task definition: of a release that was never rolled out, its ARN may be known all the same.
    pub fn observe_task_definition(&mut self, row: &TaskDefinitionRow) {
        self.task_definitions.insert(row.task_definition.clone());
    }

    /// Takes up a service event. Its wording is a witness where the fields do not tell.
    pub fn observe_event(&mut self, row: &ServiceEventRow) {
        let message = row.message.as_str();
        for (at, id) in deployment_ids(message) {
            let before = message.get(..at).unwrap_or_default();
            let after = message.get(at + id.len()..).unwrap_or_default();
            let trace = self.traces.entry(id.to_owned()).or_default();
            trace.first_at = earliest(trace.first_at, row.created_at);
            trace.failed |= after.starts_with(") deployment failed");
            if after.starts_with(") deployment completed") {
                trace.completed_at = earliest(trace.completed_at, row.created_at);
            }
            if before.ends_with("rolling back to deployment ") || before.ends_with("rolling back to deploymentId ") {
                trace.rolled_back_to_at = trace.rolled_back_to_at.max(row.created_at);
            }
        }
    }

    /// Takes up a task.
    pub fn observe_task(&mut self, task: TaskOrigin<'_>) {
        if let Some(id) = task.started_by.filter(|by| by.starts_with(DEPLOYMENT) && !task.selected) {
            let trace = self.traces.entry(id.to_owned()).or_default();
            trace.first_at = earliest(trace.first_at, task.created_at);
            if trace.task_definition.is_none() {
                trace.task_definition = task.task_definition.map(str::to_owned);
            }
        }
    }
}

/// The ids of deployments in a text, with their places.
fn deployment_ids(message: &str) -> impl Iterator<Item = (usize, &str)> {
    message.match_indices(DEPLOYMENT).filter_map(|(at, _)| {
        let digits = message.get(at + DEPLOYMENT.len()..)?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        (end > 0).then(|| message.get(at..at + DEPLOYMENT.len() + end)).flatten().map(|id| (at, id))
    })
}
