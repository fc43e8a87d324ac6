//! What is known of deployments, tasks and containers, by the newest rows about them.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::TaskOrigin;
use casefile_evidence::tables::{ContainerRow, DeploymentRow, TaskRow, TaskSetRow};

use super::StreamNaming;
use crate::normalise::fields::short_name;

/// A deployment or task set that was seen.
#[derive(Debug, Clone, Default)]
pub struct SeenDeployment {
    /// The task definition's ARN.
    pub task_definition: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// `status` when last seen.
    pub status: Option<String>,
    /// `rolloutState` when last seen.
    pub rollout_state: Option<String>,
    /// `desiredCount` when last seen.
    pub desired: Option<i64>,
    /// `runningCount` when last seen.
    pub running: Option<i64>,
    /// `failedTasks` when last seen.
    pub failed: Option<i64>,
    /// The last snapshot that listed it.
    pub snapshot: i64,
    /// The target groups of a task set.
    pub(crate) target_groups: BTreeSet<String>,
}

impl From<&DeploymentRow> for SeenDeployment {
    fn from(row: &DeploymentRow) -> Self {
        Self {
            task_definition: row.task_definition.clone(),
            created_at: row.created_at,
            status: row.status.clone(),
            rollout_state: row.rollout_state.clone(),
            desired: row.desired_count,
            running: row.running_count,
            failed: row.failed_tasks,
            snapshot: row.snapshot,
            target_groups: BTreeSet::new(),
        }
    }
}

impl From<&TaskSetRow> for SeenDeployment {
    fn from(row: &TaskSetRow) -> Self {
        Self {
            task_definition: row.task_definition.clone(),
            created_at: row.created_at,
            status: row.status.clone(),
            rollout_state: row.stability_status.clone(),
            desired: row.computed_desired_count,
            running: row.running_count,
            failed: None,
            snapshot: row.snapshot,
            target_groups: BTreeSet::new(),
        }
    }
}

/// A task that was seen.
#[derive(Debug, Clone, Default)]
pub struct SeenTask {
    /// The task definition's ARN.
    pub task_definition: Option<String>,
    /// `startedBy`.
    pub started_by: Option<String>,
    /// `group`: `service:<name>` or `family:<name>`.
    pub group: Option<String>,
    /// The selector that chose it, by its text; `None` for the service's own.
    pub selected_by: Option<String>,
    /// How long before the deployment it may have been created to count, in milliseconds, where it was chosen.
    pub(crate) since_ms: i64,
    /// `lastStatus` when last seen.
    pub last_status: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it stopped.
    pub stopped_at: Option<Timestamp>,
    /// When its containers ended; while it is stopping, when it was last seen.
    pub ended_at: Option<Timestamp>,
    /// Whether it ever reached RUNNING.
    pub started: bool,
    /// Whether ECS said that it does not know it any more.
    pub gone: bool,
    /// Its containers.
    pub containers: BTreeMap<String, SeenTaskContainer>,
}

/// A container of a task that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenTaskContainer {
    /// Whether it ever started: it runs, or has an exit code.
    pub started: bool,
    /// `runtimeId`.
    pub runtime_id: Option<String>,
}

impl From<&TaskRow> for SeenTask {
    fn from(row: &TaskRow) -> Self {
        Self {
            task_definition: row.task_definition.clone(),
            started_by: row.started_by.clone(),
            group: row.task_group.clone(),
            selected_by: row.selected_by.clone(),
            since_ms: 0,
            last_status: row.last_status.clone(),
            created_at: row.created_at,
            stopped_at: row.stopped_at,
            ended_at: ended_at(row),
            started: row.started_at.is_some(),
            gone: false,
            containers: BTreeMap::new(),
        }
    }
}

impl From<&ContainerRow> for SeenTaskContainer {
    fn from(row: &ContainerRow) -> Self {
        let started = row.exit_code.is_some() || row.last_status.as_deref() == Some("RUNNING");
        Self { started, runtime_id: row.runtime_id.clone() }
    }
}

impl SeenTask {
    /// Whether it says of itself that it is a service's task.
    pub(crate) fn is_of_service(&self) -> bool {
        match &self.group {
            Some(group) => group.starts_with("service:"),
            None => self.started_by.as_deref().is_some_and(|by| by.starts_with("ecs-svc/")),
        }
    }

    /// What tells whose it is.
    pub(crate) fn origin(&self) -> TaskOrigin<'_> {
        TaskOrigin {
            started_by: self.started_by.as_deref(),
            group: self.group.as_deref(),
            task_definition: self.task_definition.as_deref(),
            created_at: self.created_at,
            selected: self.selected_by.is_some(),
        }
    }

    /// The family of its task definition.
    pub(crate) fn family(&self) -> Option<&str> {
        let short = short_name(self.task_definition.as_deref()?);
        Some(short.split_once(':').map_or(short, |(family, _)| family))
    }
}

/// How a container logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenContainer {
    /// `essential`.
    pub essential: bool,
    /// `logDriver`.
    pub log_driver: Option<String>,
    /// The plugin that awsfirelens hands the lines to (`Name`).
    pub log_plugin: Option<String>,
    /// The log group in CloudWatch Logs.
    pub log_group: Option<String>,
    /// How its streams are named; `None` where it does not log to CloudWatch Logs, or nobody can tell.
    pub naming: Option<StreamNaming>,
}

/// When a task's containers ended. A container of a task that is stopping may write until its `stopTimeout` is over.
fn ended_at(task: &TaskRow) -> Option<Timestamp> {
    let is = |status: &Option<String>, of: &[&str]| status.as_deref().is_some_and(|status| of.contains(&status));
    let has_stopped = is(&task.last_status, &["STOPPED", "DELETED"]);
    let is_stopping = is(&task.last_status, &["DEACTIVATING", "STOPPING", "DEPROVISIONING"])
        || is(&task.desired_status, &["STOPPED"])
        || task.stop_code.as_deref().is_some_and(|code| !code.is_empty());
    let stopped_at = task.stopped_at.filter(|_| has_stopped);
    let at = task.execution_stopped_at.or(stopped_at).unwrap_or(task.observed_at);
    (has_stopped || is_stopping).then_some(at)
}
