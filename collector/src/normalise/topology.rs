//! What the documents have told so far, as far as later documents need it to be understood, and the
//! collector to know what to ask next.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::TaskOrigin;
use serde_json::{Map, Value};

use super::fields::short_name;
use super::streams::StreamNaming;
use super::target_groups::LoadBalancers;

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
    pub(super) target_groups: BTreeSet<String>,
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
    pub(super) since_ms: i64,
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

impl SeenTask {
    /// Whether it says of itself that it is a service's task.
    pub(super) fn is_of_service(&self) -> bool {
        match &self.group {
            Some(group) => group.starts_with("service:"),
            None => self.started_by.as_deref().is_some_and(|by| by.starts_with("ecs-svc/")),
        }
    }

    /// What tells whose it is.
    pub(super) fn origin(&self) -> TaskOrigin<'_> {
        TaskOrigin {
            started_by: self.started_by.as_deref(),
            group: self.group.as_deref(),
            task_definition: self.task_definition.as_deref(),
            created_at: self.created_at,
            selected: self.selected_by.is_some(),
        }
    }

    /// The family of its task definition.
    pub(super) fn family(&self) -> Option<&str> {
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

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// `serviceArn`.
    pub service_arn: Option<String>,
    /// `currentServiceDeployment`.
    pub current_service_deployment: Option<String>,
    /// `deploymentController.type`.
    pub controller: Option<String>,
    /// The load balancers of the service when last seen.
    pub load_balancers: LoadBalancers,
    /// The names of the CloudWatch alarms that ECS watches during its deployments.
    pub(super) watched_alarms: BTreeSet<String>,
    /// Deployments and task sets, by id.
    pub deployments: BTreeMap<String, SeenDeployment>,
    /// Tasks, by id.
    pub tasks: BTreeMap<String, SeenTask>,
    /// Task definitions by ARN, with their containers.
    pub definitions: BTreeMap<String, BTreeMap<String, SeenContainer>>,
    /// Target groups of service revisions, by the revision's ARN.
    pub(super) revision_target_groups: BTreeMap<String, BTreeSet<String>>,
}

impl Seen {
    /// The deployments and task sets that were listed last, by id.
    pub(crate) fn listed_last(&self) -> impl Iterator<Item = (&String, &SeenDeployment)> {
        let last = self.deployments.values().map(|deployment| deployment.snapshot).max();
        self.deployments.iter().filter(move |(_, deployment)| Some(deployment.snapshot) == last)
    }

    /// Whether a task was described as STOPPED: nothing about it changes any more.
    pub fn is_stopped(&self, arn: &str) -> bool {
        self.tasks.get(short_name(arn)).is_some_and(|task| task.last_status.as_deref() == Some("STOPPED"))
    }
}

/// The region and account that an ARN names.
pub(super) fn region_and_account(arn: &str) -> (Option<String>, Option<String>) {
    let mut parts = arn.split(':').skip(3).map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
    (parts.next().flatten(), parts.next().flatten())
}

/// The cluster that the ARN of a service, task or service deployment names, where it is of the long format.
pub(super) fn cluster_of(arn: &str) -> Option<&str> {
    let mut path = arn.splitn(6, ':').nth(5)?.split('/').skip(1);
    path.next().filter(|_| path.next().is_some())
}

/// The ARNs of the services that an answer of DescribeServices describes.
pub fn service_arns_of(answer: &Map<String, Value>) -> BTreeSet<String> {
    let services = answer.get("services").and_then(Value::as_array).into_iter().flatten();
    services.filter_map(|service| service.get("serviceArn")?.as_str()).map(str::to_owned).collect()
}

/// The services that a document tells of, by name; for finding out what a recording is about.
pub fn services_of(answer: &Map<String, Value>) -> BTreeSet<String> {
    let list = |key: &str| answer.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = list("services").iter().filter_map(|service| {
        service.get("serviceName").or_else(|| service.get("serviceArn")).and_then(Value::as_str).map(short_name)
    });
    let running =
        list("tasks").iter().filter_map(|task| task.get("group").and_then(Value::as_str)?.strip_prefix("service:"));
    named.chain(running).map(str::to_owned).collect()
}
