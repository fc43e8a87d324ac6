//! What exists, as far as the documents have told: the service, its rollouts, tasks, containers and log streams. The rows of
//! the documents add to it, one after the other. Later documents are understood by it, the collector learns from it what to
//! ask next, and the expectations what there should be.

mod about;
mod log_group_id;
mod seen;
mod selector;
mod streams;

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::{Judged, Rollouts};
use casefile_evidence::tables::{
    ContainerRow, DeploymentRow, ServiceRevisionRow, ServiceRow, TargetRow, TaskRow, TaskSetRow,
};
use serde_json::{Map, Value};

use super::fields::short_name;

pub use about::About;
pub(crate) use log_group_id::{cli_option, of_container};
pub(crate) use log_group_id::{is_arn, log_group_parameter, log_group_region};
pub use seen::{SeenContainer, SeenDeployment, SeenTask, SeenTaskContainer};
pub use selector::{TaskChoice, TaskSelector};
pub use streams::{ExpectedStream, StreamNaming};

/// The load balancers that a service, a service revision or a task set names (`loadBalancers`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadBalancers {
    /// ARNs of target groups, those of the other colour (`alternateTargetGroupArn`) included.
    pub target_groups: BTreeSet<String>,
    /// Names of Classic Load Balancers, which have no target groups.
    pub classic: BTreeSet<String>,
}

/// What exists, as far as it is known.
#[derive(Debug)]
pub struct Topology {
    pub(crate) about: About,
    rollouts: Rollouts,
    /// `serviceArn`.
    pub service_arn: Option<String>,
    /// `currentServiceDeployment`.
    pub current_service_deployment: Option<String>,
    /// `deploymentController.type`.
    pub controller: Option<String>,
    /// The load balancers of the service when last seen.
    load_balancers: LoadBalancers,
    /// The names of the CloudWatch alarms that ECS watches during the service's deployments.
    pub watched_alarms: BTreeSet<String>,
    /// Deployments and task sets, by id.
    pub deployments: BTreeMap<String, SeenDeployment>,
    /// Tasks, by id.
    pub tasks: BTreeMap<String, SeenTask>,
    /// Task definitions by ARN, with their containers.
    pub definitions: BTreeMap<String, BTreeMap<String, SeenContainer>>,
    /// Target groups of service revisions, by the revision's ARN.
    revision_target_groups: BTreeMap<String, BTreeSet<String>>,
}

impl Topology {
    pub(crate) fn new(mut about: About) -> Self {
        about.locate();
        Self {
            rollouts: Rollouts::new(about.expected.clone()),
            about,
            service_arn: None,
            current_service_deployment: None,
            controller: None,
            load_balancers: LoadBalancers::default(),
            watched_alarms: BTreeSet::new(),
            deployments: BTreeMap::new(),
            tasks: BTreeMap::new(),
            definitions: BTreeMap::new(),
            revision_target_groups: BTreeMap::new(),
        }
    }

    /// The rollouts that are known.
    pub fn rollouts(&self) -> &Rollouts {
        &self.rollouts
    }

    pub(crate) fn rollouts_mut(&mut self) -> &mut Rollouts {
        &mut self.rollouts
    }

    /// The rollout that is judged, as far as it is known.
    pub fn judged(&self) -> Judged {
        self.rollouts.judged()
    }

    /// Whether a task is one of the judged rollout.
    pub(crate) fn is_of(&self, task: &SeenTask, judged: &Judged) -> bool {
        self.rollouts.owns(judged, task.origin())
    }

    /// Whether a task is evidence: one of the judged rollout, or a one-off task of its time that was chosen.
    pub fn counts(&self, task: &SeenTask, judged: &Judged) -> bool {
        if task.selected_by.is_none() {
            return self.is_of(task, judged);
        }
        let since = self.evidence_from(judged).map(|at| at.plus_millis(-task.since_ms.max(0)));
        task.created_at.zip(since).is_none_or(|(created_at, since)| created_at >= since)
    }

    /// From when on evidence is needed: the first snapshot, where no rollout is known yet.
    fn evidence_from(&self, judged: &Judged) -> Option<Timestamp> {
        judged.evidence_from.or(self.rollouts.first_snapshot_at())
    }

    /// From when on lines count: from the creation of the judged rollout; where nothing was deployed, or no rollout is
    /// known yet, from the first snapshot.
    pub fn logs_since(&self) -> Timestamp {
        self.evidence_from(&self.judged()).unwrap_or_default()
    }

    /// When the last task that counts ended; now, where one is stopping. `None` where none ended.
    pub fn last_end(&self) -> Option<Timestamp> {
        let judged = self.judged();
        let tasks = self.tasks.values().filter(|task| self.counts(task, &judged));
        tasks.filter_map(|task| task.ended_at).max()
    }

    /// The deployments and task sets that were listed last, by id.
    pub(crate) fn listed_last(&self) -> impl Iterator<Item = (&String, &SeenDeployment)> {
        let last = self.deployments.values().map(|deployment| deployment.snapshot).max();
        self.deployments.iter().filter(move |(_, deployment)| Some(deployment.snapshot) == last)
    }

    /// Whether a task was described as STOPPED: nothing about it changes any more.
    pub fn is_stopped(&self, arn: &str) -> bool {
        self.tasks.get(short_name(arn)).is_some_and(|task| task.last_status.as_deref() == Some("STOPPED"))
    }

    /// The target groups whose health is evidence, as far as they are known: of the service, of the judged service
    /// revision, of the task sets that were listed last, and of the judged one.
    pub fn target_groups(&self) -> BTreeSet<String> {
        let judged = self.judged().rollout;
        let of_judged = judged.deployment.as_ref().and_then(|id| self.deployments.get(id));
        let of_sets = self.listed_last().map(|(_, set)| set).chain(of_judged).flat_map(|set| &set.target_groups);
        let revision = judged.service_deployment.and_then(|arn| self.rollouts.revision_of(&arn));
        let of_revision = revision.and_then(|arn| self.revision_target_groups.get(arn));
        let groups = self.load_balancers.target_groups.iter().chain(of_sets);
        groups.chain(of_revision.into_iter().flatten()).cloned().collect()
    }

    /// The Classic Load Balancers of the service.
    pub fn classic_load_balancers(&self) -> &BTreeSet<String> {
        &self.load_balancers.classic
    }

    /// How long a log line may take to arrive, in milliseconds.
    pub fn ingestion_grace_ms(&self) -> i64 {
        self.about.ingestion_grace_ms
    }

    /// The one-off tasks that are collected besides the service's own.
    pub fn selectors(&self) -> &[TaskSelector] {
        &self.about.tasks
    }

    /// Whether an ARN names the service.
    pub(crate) fn is_the_service(&self, arn: &str) -> bool {
        short_name(arn) == self.about.service && !self.about.is_elsewhere(arn)
    }

    /// The cluster's name; a word that stands for it in commands, where it is not known.
    pub(crate) fn cluster(&self) -> &str {
        self.about.cluster.as_deref().unwrap_or("CLUSTER")
    }

    pub(crate) fn observe_service(&mut self, row: &ServiceRow, load_balancers: LoadBalancers) {
        if let Some(cluster) = &row.cluster_arn {
            self.about.cluster.get_or_insert_with(|| short_name(cluster).to_owned());
        }
        let (region, account) = region_and_account(&row.service_arn);
        self.about.region = self.about.region.take().or(region);
        self.about.account = self.about.account.take().or(account);
        self.service_arn = Some(row.service_arn.clone());
        self.controller = row.deployment_controller.clone().or(self.controller.take());
        self.load_balancers = load_balancers;
    }

    pub(crate) fn observe_deployment(&mut self, row: &DeploymentRow) {
        self.deployments.insert(row.deployment_id.clone(), row.into());
        self.rollouts.observe_deployment(row);
    }

    pub(crate) fn observe_task_set(&mut self, row: &TaskSetRow, load_balancers: LoadBalancers) {
        let seen = SeenDeployment { target_groups: load_balancers.target_groups, ..row.into() };
        self.deployments.insert(row.task_set_id.clone(), seen);
        self.rollouts.observe_task_set(row);
    }

    pub(crate) fn observe_service_revision(&mut self, row: &ServiceRevisionRow, load_balancers: LoadBalancers) {
        self.revision_target_groups.insert(row.service_revision_arn.clone(), load_balancers.target_groups);
        self.rollouts.observe_revision(row);
    }

    /// The choice that a task is evidence by, where it is not the service's.
    pub(crate) fn selector_of(&self, task: &SeenTask) -> Option<&TaskSelector> {
        self.about.tasks.iter().find(|selector| selector.chooses(task))
    }

    pub(crate) fn observe_task(&mut self, row: &TaskRow, containers: &[ContainerRow]) {
        let mut seen = SeenTask::from(row);
        seen.created_at = row.created_at.or_else(|| self.tasks.get(&row.task_id)?.created_at);
        seen.since_ms = self.selector_of(&seen).map_or(0, |selector| selector.since_ms);
        seen.containers = containers.iter().map(|it| (it.container.clone(), it.into())).collect();
        self.rollouts.observe_task(seen.origin());
        self.tasks.insert(row.task_id.clone(), seen);
    }

    /// What the evidence is about, as far as it is known. `window`: the first and the last snapshot.
    pub(crate) fn target(&self, stop_reason: &str, window: Option<(Timestamp, Timestamp)>) -> TargetRow {
        let judged = self.judged().rollout;
        let expected = self.rollouts.expected().clone();
        TargetRow {
            service: self.about.service.clone(),
            cluster: self.about.cluster.clone(),
            region: self.about.region.clone(),
            account: self.about.account.clone(),
            service_arn: self.service_arn.clone(),
            expectation: if expected.name_the_release() { "pinned" } else { "newest" }.to_owned(),
            expected_task_definition: expected.task_definition,
            expected_service_deployment: expected.service_deployment,
            expected_deployment: expected.deployment,
            started_after: expected.started_after,
            require_rollout: expected.require_rollout.then_some(true),
            release: expected.release,
            expected_image_digests: (!expected.image_digests.is_empty()).then(|| expected.image_digests.join(" ")),
            service_deployment_arn: judged.service_deployment,
            deployment_id: judged.deployment,
            task_definition: judged.task_definition,
            deployment_created_at: judged.created_at,
            deployment_controller: self.controller.clone().unwrap_or_else(|| "ECS".to_owned()),
            window_from: window.map(|(from, _)| from),
            window_to: window.map(|(_, to)| to),
            stop_reason: stop_reason.to_owned(),
            ingestion_grace_ms: self.about.ingestion_grace_ms,
            stable_for_ms: self.about.stable_for_ms,
        }
    }
}

/// The region and account that an ARN names.
pub(crate) fn region_and_account(arn: &str) -> (Option<String>, Option<String>) {
    let mut parts = arn.split(':').skip(3).map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
    (parts.next().flatten(), parts.next().flatten())
}

/// The cluster that the ARN of a service, task or service deployment names, where it is of the long format.
pub(crate) fn cluster_of(arn: &str) -> Option<&str> {
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
