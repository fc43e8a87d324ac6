//! Which rollout a bundle is about.
//!
//! One place decides: the collector asks it while evidence comes in, the analyzer asks it of the same rows as of
//! any moment. Both hand over rows; within a snapshot their order does not matter.
//!
//! A task definition does not identify a rollout: `force-new-deployment`, a mutable tag and a retry reuse it. A
//! rollout is a *service deployment*; under CODE_DEPLOY and EXTERNAL a task set; where neither can be read, the
//! deployment `ecs-svc/N`. No field of the API ties a service deployment to its `ecs-svc/N`: their creation times
//! do, and where the deployment is gone, its events and tasks.

use std::collections::{BTreeMap, BTreeSet};

use crate::tables::{
    AnyRow, DeploymentRow, ServiceDeploymentRow, ServiceEventRow, ServiceRevisionRow, TargetRow, TaskDefinitionRow,
    TaskSetRow,
};
use crate::time::Timestamp;

/// A service deployment and its `ecs-svc/N` are created within this time of each other.
const SAME_CREATION_MS: i64 = 60 * 1000;
/// The deployment that a rollback makes may be stamped this long before the rollback.
const ROLLBACK_SLACK_MS: i64 = 5 * 1000;
/// A rollout that completed this long before the first snapshot is no news.
const OLD_COMPLETION_MS: i64 = 60 * 60 * 1000;
/// A rollout that is complete and this old at the first snapshot completed long before, whatever else is known.
const OLD_CREATION_MS: i64 = 24 * 60 * 60 * 1000;

/// What the caller expects, so that another rollout is not judged in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// `family:revision`, or the task definition's ARN.
    pub task_definition: Option<String>,
    /// `serviceDeploymentArn`.
    pub service_deployment: Option<String>,
    /// `deployments[].id`, or the task set's id.
    pub deployment: Option<String>,
    /// Rollouts that were created before are no news.
    pub started_after: Option<Timestamp>,
    /// It is a failure that nothing was deployed.
    pub require_rollout: bool,
    /// The release's name, the same in every region: a tag or a commit.
    pub release: Option<String>,
    /// Image digests, as `container=sha256:...` or `sha256:...`.
    pub image_digests: Vec<String>,
}

impl Expected {
    /// Whether the release was named in any way.
    pub fn name_the_release(&self) -> bool {
        self.task_definition.is_some() || self.service_deployment.is_some() || self.deployment.is_some()
    }
}

impl From<&TargetRow> for Expected {
    fn from(target: &TargetRow) -> Self {
        Self {
            task_definition: target.expected_task_definition.clone(),
            service_deployment: target.expected_service_deployment.clone(),
            deployment: target.expected_deployment.clone(),
            started_after: target.started_after,
            require_rollout: target.require_rollout == Some(true),
            release: target.release.clone(),
            image_digests: target
                .expected_image_digests
                .iter()
                .flat_map(|digests| digests.split_whitespace())
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// One rollout, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// `deployments[].id` or the task set's id; `None` where only the service deployment is known.
    pub deployment: Option<String>,
    /// `serviceDeploymentArn`.
    pub service_deployment: Option<String>,
    /// The ARN of the task definition that it brings.
    pub task_definition: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
}

/// The rollout that is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What is known of it; nothing where the release was never rolled out.
    pub rollout: Rollout,
    /// The rollout of the same release that was judged before this one began, during the watch.
    pub took_over_from: Option<Rollout>,
    /// The newest rollout, where it is another one and brings another task definition.
    pub superseded_by: Option<Rollout>,
    /// The rollout is no news: nothing was deployed.
    pub nothing_deployed: bool,
    /// From when on evidence is needed: the rollout's creation; where nothing was deployed, the first snapshot.
    pub evidence_from: Option<Timestamp>,
}

/// What of a task tells whose it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskOrigin<'a> {
    /// `startedBy`.
    pub started_by: Option<&'a str>,
    /// `group`.
    pub group: Option<&'a str>,
    /// `taskDefinitionArn`.
    pub task_definition: Option<&'a str>,
    /// `createdAt`.
    pub created_at: Option<Timestamp>,
    /// Whether the config chose it as a one-off task.
    pub selected: bool,
}

/// An entry of `deployments` or `taskSets` when it was last seen.
#[derive(Debug, Clone, Default)]
struct Deployment {
    task_definition: Option<String>,
    created_at: Option<Timestamp>,
    /// By when it was complete, where that is known.
    completed_at: Option<Timestamp>,
    is_complete: bool,
    is_primary: bool,
}

#[derive(Debug, Clone, Default)]
struct ServiceDeployment {
    revision: Option<String>,
    created_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    status: Option<String>,
    rollback_started_at: Option<Timestamp>,
}

/// What events and tasks tell of a deployment that may not be listed any more.
#[derive(Debug, Clone, Default)]
struct Trace {
    first_at: Option<Timestamp>,
    task_definition: Option<String>,
    failed: bool,
    completed_at: Option<Timestamp>,
    /// When ECS began to roll back to it.
    rolled_back_to_at: Option<Timestamp>,
}

/// The rollouts of a service, as far as the rows tell.
#[derive(Debug, Clone, Default)]
pub struct Rollouts {
    expected: Expected,
    deployments: BTreeMap<String, Deployment>,
    task_sets: BTreeMap<String, Deployment>,
    service_deployments: BTreeMap<String, ServiceDeployment>,
    revisions: BTreeMap<String, Option<String>>,
    traces: BTreeMap<String, Trace>,
    task_definitions: BTreeSet<String>,
    first_snapshot_at: Option<Timestamp>,
    snapshot: i64,
    /// The newest rollout at the end of the first snapshot that showed any.
    first_newest: Option<Rollout>,
}

impl Rollouts {
    /// Nothing is known yet.
    pub fn new(expected: Expected) -> Self {
        Self { expected, snapshot: -1, ..Self::default() }
    }

    /// What the caller expects.
    pub fn expected(&self) -> &Expected {
        &self.expected
    }

    /// The first snapshot's moment.
    pub fn first_snapshot_at(&self) -> Option<Timestamp> {
        self.first_snapshot_at
    }

    /// Service revisions that service deployments name and no row describes.
    pub fn unknown_revisions(&self) -> BTreeSet<String> {
        let named = self.service_deployments.values().filter_map(|it| it.revision.clone());
        named.filter(|revision| !self.revisions.contains_key(revision)).collect()
    }

    /// The service revision that a service deployment brings.
    pub fn revision_of(&self, service_deployment: &str) -> Option<&str> {
        self.service_deployments.get(service_deployment)?.revision.as_deref()
    }

    /// Whether any service deployment is known.
    pub fn has_service_deployments(&self) -> bool {
        !self.service_deployments.is_empty()
    }

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
            AnyRow::Task(row) => self.observe_task(TaskOrigin {
                started_by: row.started_by.as_deref(),
                group: row.task_group.as_deref(),
                task_definition: row.task_definition.as_deref(),
                created_at: row.created_at,
                selected: row.selected_by.is_some(),
            }),
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
            entry.completed_at = Some(entry.completed_at.map_or(by, |known| known.min(by)));
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
            entry.completed_at = entry.completed_at.or(row.stability_status_at).or(Some(row.observed_at));
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

    /// Every rollout that is known, oldest first.
    pub fn all(&self) -> Vec<Rollout> {
        if !self.task_sets.is_empty() {
            return sorted(self.task_sets.iter().map(|(id, set)| of_deployment(id, set)).collect());
        }
        let pairs = self.pairs();
        let mut taken: BTreeSet<String> = pairs.values().map(|id| (*id).to_owned()).collect();
        let mut rollouts = Vec::new();
        let mut by_creation: Vec<_> = self.service_deployments.iter().collect();
        by_creation.sort_by_key(|(arn, it)| (it.created_at, (*arn).clone()));
        for (place, (arn, it)) in by_creation.iter().enumerate() {
            let task_definition = self.task_definition_of(it);
            let next = by_creation.get(place + 1).and_then(|(_, next)| next.created_at);
            let deployment = pairs
                .get(arn.as_str())
                .map(|id| (*id).to_owned())
                .or_else(|| self.gone_deployment_of(it, task_definition, next, &taken));
            taken.extend(deployment.clone());
            let known = deployment.as_ref().and_then(|id| self.deployments.get(id));
            let trace = deployment.as_ref().and_then(|id| self.traces.get(id));
            let told = || known.and_then(|it| it.task_definition.clone()).or_else(|| trace?.task_definition.clone());
            rollouts.push(Rollout {
                service_deployment: Some((*arn).clone()),
                task_definition: task_definition.map(str::to_owned).or_else(told),
                created_at: known.and_then(|known| known.created_at).or(it.created_at),
                deployment,
            });
        }
        let alone = self.deployments.iter().filter(|(id, _)| !taken.contains(*id) && !self.is_made_by_a_rollback(id));
        rollouts.extend(alone.map(|(id, deployment)| of_deployment(id, deployment)));
        // Gone from the list, and known to have failed: a rollout that was rolled back before anybody looked.
        let gone = |(id, trace): &(&String, &Trace)| {
            trace.failed && !taken.contains(*id) && !self.deployments.contains_key(*id)
        };
        rollouts.extend(self.traces.iter().filter(gone).map(|(id, trace)| Rollout {
            deployment: Some(id.clone()),
            service_deployment: None,
            task_definition: trace.task_definition.clone(),
            created_at: trace.first_at,
        }));
        sorted(rollouts)
    }

    fn task_definition_of(&self, of: &ServiceDeployment) -> Option<&str> {
        self.revisions.get(of.revision.as_ref()?)?.as_deref()
    }

    /// The `ecs-svc/N` of each service deployment, of those that were listed. The closest creations are paired first, so
    /// that of two rollouts within a minute neither takes the other's.
    fn pairs(&self) -> BTreeMap<&str, &str> {
        let mut candidates = Vec::new();
        for (id, deployment) in self.deployments.iter().filter(|(id, _)| !self.is_made_by_a_rollback(id)) {
            for (arn, it) in &self.service_deployments {
                let away = deployment.created_at.zip(it.created_at).map(|(a, b)| a.millis_since(b).saturating_abs());
                let Some(away) = away.filter(|away| *away <= SAME_CREATION_MS) else { continue };
                if is_same(self.task_definition_of(it), deployment.task_definition.as_deref()) {
                    candidates.push((away, arn.as_str(), id.as_str()));
                }
            }
        }
        candidates.sort_unstable();
        let (mut pairs, mut taken) = (BTreeMap::new(), BTreeSet::new());
        for (_, arn, id) in candidates {
            if !pairs.contains_key(arn) && taken.insert(id) {
                pairs.insert(arn, id);
            }
        }
        pairs
    }

    /// The `ecs-svc/N` of a service deployment, where it was never listed: its events and tasks tell of it. `next`: when
    /// the service deployment after it was created.
    fn gone_deployment_of(
        &self,
        of: &ServiceDeployment,
        task_definition: Option<&str>,
        next: Option<Timestamp>,
        taken: &BTreeSet<String>,
    ) -> Option<String> {
        let created_at = of.created_at?;
        let from = created_at.plus_millis(-SAME_CREATION_MS);
        let traces = self.traces.iter().filter(|(id, trace)| {
            let within = trace.first_at.is_some_and(|at| at >= from && next.is_none_or(|next| at < next));
            within
                && is_same(task_definition, trace.task_definition.as_deref())
                && trace.rolled_back_to_at.is_none()
                && !taken.contains(*id)
                && !self.deployments.contains_key(*id)
        });
        traces.min_by_key(|(id, trace)| (!trace.failed, trace.first_at, (*id).clone())).map(|(id, _)| id.clone())
    }

    /// After a rollback PRIMARY is the old deployment, or one that the rollback made: that is no rollout of its own.
    fn is_made_by_a_rollback(&self, id: &str) -> bool {
        let Some(created_at) = self.deployments.get(id).and_then(|deployment| deployment.created_at) else {
            return false;
        };
        // It comes with the rollback, or a moment later.
        let near = |at: Timestamp| (-ROLLBACK_SLACK_MS..=SAME_CREATION_MS).contains(&created_at.millis_since(at));
        let told = self.traces.get(id).and_then(|trace| trace.rolled_back_to_at).is_some_and(near);
        // One that somebody asked for meanwhile, a retry, has a service deployment of its own.
        let is_asked_for = || {
            let mut created = self.service_deployments.values().filter_map(|it| it.created_at);
            created.any(|at| created_at.millis_since(at).saturating_abs() <= ROLLBACK_SLACK_MS)
        };
        let follows = |it: &ServiceDeployment| {
            it.rollback_started_at.is_some_and(near) && it.created_at.is_some_and(|begun| begun < created_at)
        };
        told || self.service_deployments.values().any(follows) && !is_asked_for()
    }

    /// The rollout that is judged: the one that was named, else the newest one; see the design, "Which rollout is
    /// judged".
    pub fn judged(&self) -> Judged {
        let all = self.all();
        let named = |rollout: &&Rollout| match (&self.expected.service_deployment, &self.expected.deployment) {
            (Some(arn), _) => rollout.service_deployment.as_ref() == Some(arn),
            (None, Some(id)) => rollout.deployment.as_ref() == Some(id),
            (None, None) => false,
        };
        let is_named = self.expected.service_deployment.is_some() || self.expected.deployment.is_some();
        let newest = all.last();
        let of_release: Vec<&Rollout> = if is_named {
            all.iter().filter(named).collect()
        } else {
            all.iter().filter(|rollout| self.brings_the_release(rollout)).collect()
        };
        let Some((rollout, before)) = of_release.split_last().map(|(last, before)| ((*last).clone(), before)) else {
            return Judged { superseded_by: newest.cloned(), ..self.never_rolled_out() };
        };
        let began_in_the_watch =
            rollout.created_at.zip(self.first_snapshot_at).is_some_and(|(created, first)| created > first);
        let superseded_by = newest.filter(|newest| **newest != rollout).cloned();
        let nothing_deployed = superseded_by.is_none() && self.is_no_news(&rollout);
        let evidence_from = if nothing_deployed { self.first_snapshot_at } else { rollout.created_at };
        Judged {
            took_over_from: before.last().filter(|_| began_in_the_watch).map(|before| (*before).clone()),
            superseded_by,
            nothing_deployed,
            evidence_from,
            rollout,
        }
    }

    /// Whether it brings the task definition that was named; where none was, that of the newest at the first snapshot.
    fn brings_the_release(&self, rollout: &Rollout) -> bool {
        if let Some(named) = &self.expected.task_definition {
            // One of which nothing tells what it brought may be the release, and must not be passed over.
            return rollout.task_definition.as_deref().is_none_or(|arn| is_task_definition(arn, named));
        }
        let first = self.first_newest.clone().or_else(|| self.all().pop());
        first.is_some_and(|first| {
            let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
            same(&first.task_definition, &rollout.task_definition)
                || same(&first.service_deployment, &rollout.service_deployment)
                || same(&first.deployment, &rollout.deployment)
        })
    }

    /// Whether a task is one of the judged rollout. A one-off task never is, whatever it runs.
    pub fn owns(&self, judged: &Judged, task: TaskOrigin<'_>) -> bool {
        if task.selected || task.group.is_some_and(|group| group.starts_with("family:")) {
            return false;
        }
        match (&judged.rollout.deployment, task.started_by) {
            (Some(id), Some(started_by)) => return id == started_by,
            (None, Some(started_by)) if self.deployments.contains_key(started_by) => return false,
            _ => {}
        }
        let same = judged.rollout.task_definition.as_deref().is_some_and(|arn| task.task_definition == Some(arn));
        // Older tasks of the same task definition are of an older rollout.
        let created = judged.rollout.created_at.map(|at| at.plus_millis(-SAME_CREATION_MS));
        same && task.created_at.zip(created).is_none_or(|(task, rollout)| task >= rollout)
    }

    fn never_rolled_out(&self) -> Judged {
        let named = self.expected.task_definition.as_deref();
        let known = |arn: &&String| named.is_some_and(|named| is_task_definition(arn, named));
        let task_definition = self.task_definitions.iter().find(known).cloned();
        Judged { rollout: Rollout { task_definition, ..Rollout::default() }, ..Judged::default() }
    }

    /// Whether a rollout is complete and older than what was asked about.
    fn is_no_news(&self, rollout: &Rollout) -> bool {
        let Some((created_at, first)) = rollout.created_at.zip(self.first_snapshot_at) else { return false };
        let id = rollout.deployment.as_ref();
        let deployment = id.and_then(|id| self.deployments.get(id).or_else(|| self.task_sets.get(id)));
        let service = rollout.service_deployment.as_ref().and_then(|arn| self.service_deployments.get(arn));
        let is_complete = match service.and_then(|it| it.status.as_deref()) {
            Some(status) => status == "SUCCESSFUL",
            None => deployment.is_some_and(|it| it.is_complete && it.is_primary),
        };
        if !is_complete {
            return false;
        }
        if let Some(asked) = self.expected.started_after {
            return created_at < asked;
        }
        let told = id.and_then(|id| self.traces.get(id)?.completed_at);
        let completed_at =
            earliest(earliest(told, deployment.and_then(|it| it.completed_at)), service.and_then(|it| it.finished_at));
        completed_at.is_some_and(|at| at.plus_millis(OLD_COMPLETION_MS) <= first)
            || created_at.plus_millis(OLD_CREATION_MS) <= first && completed_at.is_none_or(|at| at <= first)
    }
}

/// How the ids of deployments and task sets begin.
const DEPLOYMENT: &str = "ecs-svc/";

/// Whether a task definition's ARN is the one that was named, as an ARN or as `family:revision`.
pub fn is_task_definition(arn: &str, named: &str) -> bool {
    arn == named || !named.starts_with("arn:") && arn.rsplit('/').next() == Some(named)
}

/// Whether a text names one revision of a task definition, and not a family.
pub fn names_a_revision(text: &str) -> bool {
    let short = text.rsplit('/').next().unwrap_or(text);
    short.rsplit_once(':').is_some_and(|(family, revision)| {
        !family.is_empty() && !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The ids of deployments in a text, with their places.
fn deployment_ids(message: &str) -> impl Iterator<Item = (usize, &str)> {
    message.match_indices(DEPLOYMENT).filter_map(|(at, _)| {
        let digits = message.get(at + DEPLOYMENT.len()..)?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        (end > 0).then(|| message.get(at..at + DEPLOYMENT.len() + end)).flatten().map(|id| (at, id))
    })
}

/// Whether two task definitions may be the same one: what is not known contradicts nothing.
fn is_same(a: Option<&str>, b: Option<&str>) -> bool {
    a.zip(b).is_none_or(|(a, b)| a == b)
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

fn of_deployment(id: &str, deployment: &Deployment) -> Rollout {
    Rollout {
        deployment: Some(id.to_owned()),
        service_deployment: None,
        task_definition: deployment.task_definition.clone(),
        created_at: deployment.created_at,
    }
}

fn sorted(mut rollouts: Vec<Rollout>) -> Vec<Rollout> {
    rollouts.sort_by(|a, b| {
        (a.created_at, &a.service_deployment, &a.deployment).cmp(&(b.created_at, &b.service_deployment, &b.deployment))
    });
    rollouts
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:11";
    const NEW: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12";
    const DAY: i64 = 86_400;

    /// A moment, in seconds after the rollout that matters was created.
    fn at(second: i64) -> Timestamp {
        Timestamp(1_790_000_000_000).plus_millis(second * 1000)
    }

    fn pinned(task_definition: &str) -> Expected {
        Expected { task_definition: Some(task_definition.to_owned()), ..Expected::default() }
    }

    /// The rows of a service, told in words.
    struct Told {
        rollouts: Rollouts,
        snapshot: i64,
        now: Timestamp,
    }

    impl Told {
        fn new(expected: Expected) -> Self {
            Self { rollouts: Rollouts::new(expected), snapshot: -1, now: at(0) }
        }

        fn seen_at(mut self, second: i64) -> Self {
            (self.snapshot, self.now) = (self.snapshot + 1, at(second));
            self.rollouts.begin_snapshot(self.snapshot, self.now);
            self
        }

        fn deployment(mut self, id: i64, created: i64, task_definition: &str, status: &str, state: &str) -> Self {
            self.rollouts.observe_deployment(&DeploymentRow {
                snapshot: self.snapshot,
                observed_at: self.now,
                deployment_id: format!("ecs-svc/{id}"),
                status: Some(status.to_owned()),
                rollout_state: Some(state.to_owned()),
                task_definition: Some(task_definition.to_owned()),
                created_at: Some(at(created)),
                updated_at: Some(at(created + 90)),
                ..DeploymentRow::default()
            });
            self
        }

        /// A service deployment and its revision, created half a second before its `ecs-svc/N`.
        fn service_deployment(self, name: &str, created: i64, task_definition: &str, status: &str) -> Self {
            let mut told = self.undescribed(name, created, status);
            told.rollouts.observe_revision(&ServiceRevisionRow {
                service_revision_arn: format!("revision/{name}"),
                task_definition: Some(task_definition.to_owned()),
                ..ServiceRevisionRow::default()
            });
            told
        }

        /// The same, where its revision was not described.
        fn undescribed(mut self, name: &str, created: i64, status: &str) -> Self {
            let is_over = status == "SUCCESSFUL" || status.starts_with("ROLLBACK");
            self.rollouts.observe_service_deployment(&ServiceDeploymentRow {
                snapshot: self.snapshot,
                observed_at: self.now,
                service_deployment_arn: name.to_owned(),
                target_service_revision_arn: Some(format!("revision/{name}")),
                status: Some(status.to_owned()),
                created_at: Some(at(created).plus_millis(-500)),
                finished_at: Some(at(created + 90)).filter(|_| is_over),
                rollback_started_at: Some(at(created + 70)).filter(|_| status.starts_with("ROLLBACK")),
                ..ServiceDeploymentRow::default()
            });
            self
        }

        fn event(mut self, second: i64, message: &str) -> Self {
            self.rollouts.observe_event(&ServiceEventRow {
                created_at: Some(at(second)),
                message: format!("(service web) {message}"),
                ..ServiceEventRow::default()
            });
            self
        }

        /// The forced deployment `ecs-svc/2` of [`NEW`] failed and was rolled back: the events of it.
        fn rolled_back_to(self, id: i64) -> Self {
            self.event(70, "(deployment ecs-svc/2) deployment failed: tasks failed to start.")
                .event(70, &format!("rolling back to deployment ecs-svc/{id}."))
        }

        fn task(mut self, deployment: i64, created: i64, task_definition: &str) -> Self {
            self.rollouts.observe_task(TaskOrigin {
                started_by: Some(&format!("ecs-svc/{deployment}")),
                task_definition: Some(task_definition),
                created_at: Some(at(created)),
                ..TaskOrigin::default()
            });
            self
        }

        fn judged(&self) -> Judged {
            self.rollouts.judged()
        }

        /// The deployment, the service deployment, and what superseded it.
        fn names(&self) -> (Option<String>, Option<String>, Option<String>) {
            let judged = self.judged();
            let by = judged.superseded_by.and_then(|by| by.service_deployment.or(by.deployment));
            (judged.rollout.deployment, judged.rollout.service_deployment, by)
        }
    }

    fn names(deployment: &str, service_deployment: &str) -> (Option<String>, Option<String>, Option<String>) {
        let some = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        (some(deployment), some(service_deployment), None)
    }

    #[test]
    fn the_newest_of_one_task_definition_is_judged_though_the_older_one_is_primary() {
        let told = Told::new(pinned(NEW))
            .seen_at(150)
            .deployment(1, -1500, NEW, "PRIMARY", "COMPLETED")
            .service_deployment("first", -1500, NEW, "SUCCESSFUL")
            .service_deployment("forced", 0, NEW, "ROLLBACK_SUCCESSFUL")
            .rolled_back_to(1)
            .task(1, -1490, NEW)
            .task(2, 5, NEW);
        assert_eq!(told.names(), names("ecs-svc/2", "forced"));
        assert!(!told.judged().nothing_deployed);
        let owns = |id: &str, created: i64| {
            let task = TaskOrigin { started_by: Some(id), created_at: Some(at(created)), ..TaskOrigin::default() };
            told.rollouts.owns(&told.judged(), task)
        };
        assert!(owns("ecs-svc/2", 41));
        assert!(!owns("ecs-svc/1", -1490));
    }

    #[test]
    fn events_and_tasks_tell_of_a_rollout_that_nothing_lists() {
        let told = Told::new(pinned("web:12"))
            .seen_at(150)
            .deployment(1, -1500, NEW, "PRIMARY", "COMPLETED")
            .rolled_back_to(1)
            .task(2, 5, NEW);
        assert_eq!(told.names(), names("ecs-svc/2", ""));
    }

    #[test]
    fn the_deployment_that_a_rollback_makes_is_no_rollout() {
        let primary = |told: Told| told.seen_at(250).deployment(3, 71, NEW, "PRIMARY", "COMPLETED").task(2, 5, NEW);
        let readable = primary(Told::new(pinned(NEW))).service_deployment("forced", 0, NEW, "ROLLBACK_SUCCESSFUL");
        assert_eq!(readable.rolled_back_to(3).names(), names("ecs-svc/2", "forced"));
        let denied = primary(Told::new(pinned(NEW))).rolled_back_to(3);
        assert_eq!(denied.names(), names("ecs-svc/2", ""));
        let eventless = primary(Told::new(pinned(NEW))).service_deployment("forced", 0, NEW, "ROLLBACK_SUCCESSFUL");
        assert_eq!(eventless.names(), names("ecs-svc/2", "forced"));
    }

    #[test]
    fn a_retry_right_after_a_rollback_began_is_a_rollout() {
        let told = Told::new(pinned(NEW))
            .seen_at(300)
            .deployment(3, 110, NEW, "PRIMARY", "COMPLETED")
            .service_deployment("forced", 0, NEW, "ROLLBACK_SUCCESSFUL")
            .service_deployment("retry", 110, NEW, "SUCCESSFUL")
            .task(2, 5, NEW)
            .task(3, 115, NEW);
        assert_eq!(told.names(), names("ecs-svc/3", "retry"));
    }

    #[test]
    fn of_two_rollouts_within_a_minute_neither_takes_the_others_deployment() {
        // The first one's deployment was gone before anybody looked.
        let told = Told::new(pinned(NEW))
            .seen_at(300)
            .deployment(2, 38, NEW, "PRIMARY", "COMPLETED")
            .service_deployment("first", 0, NEW, "STOPPED")
            .service_deployment("second", 38, NEW, "SUCCESSFUL");
        assert_eq!(told.names(), names("ecs-svc/2", "second"));
    }

    #[test]
    fn what_a_service_deployment_brings_is_told_by_its_tasks_where_its_revision_is_not_described() {
        let told = Told::new(pinned(NEW))
            .seen_at(150)
            .deployment(1, -1500, NEW, "PRIMARY", "COMPLETED")
            .undescribed("forced", 0, "ROLLBACK_SUCCESSFUL")
            .rolled_back_to(1)
            .task(2, 5, NEW);
        assert_eq!(told.names(), names("ecs-svc/2", "forced"));
    }

    #[test]
    fn a_rollout_of_the_release_that_begins_during_the_watch_takes_over() {
        for expected in [pinned(NEW), Expected::default()] {
            let told = Told::new(expected)
                .seen_at(-40)
                .deployment(1, -9 * DAY, NEW, "PRIMARY", "COMPLETED")
                .service_deployment("first", -9 * DAY, NEW, "SUCCESSFUL");
            assert!(told.judged().nothing_deployed);
            let told = told
                .seen_at(10)
                .deployment(1, -9 * DAY, NEW, "ACTIVE", "COMPLETED")
                .deployment(2, 0, NEW, "PRIMARY", "IN_PROGRESS")
                .service_deployment("forced", 0, NEW, "IN_PROGRESS");
            assert_eq!(told.names(), names("ecs-svc/2", "forced"));
            let judged = told.judged();
            assert!(!judged.nothing_deployed);
            assert_eq!(judged.evidence_from, Some(at(0)));
            assert_eq!(judged.took_over_from.and_then(|it| it.deployment).as_deref(), Some("ecs-svc/1"));
        }
    }

    #[test]
    fn a_rollout_of_another_task_definition_supersedes() {
        for expected in [pinned(OLD), Expected::default()] {
            let told = Told::new(expected)
                .seen_at(-100)
                .deployment(1, -110, OLD, "PRIMARY", "IN_PROGRESS")
                .service_deployment("ours", -110, OLD, "IN_PROGRESS")
                .seen_at(10)
                .deployment(2, 0, NEW, "PRIMARY", "IN_PROGRESS")
                .service_deployment("theirs", 0, NEW, "IN_PROGRESS")
                .service_deployment("ours", -110, OLD, "STOPPED");
            let (id, ours) = (Some("ecs-svc/1".to_owned()), Some("ours".to_owned()));
            assert_eq!(told.names(), (id, ours, Some("theirs".to_owned())));
        }
    }

    #[test]
    fn a_release_that_no_rollout_brings_was_never_rolled_out() {
        let told = Told::new(pinned(NEW)).seen_at(10).deployment(1, -DAY, OLD, "PRIMARY", "COMPLETED");
        let judged = told.judged();
        assert_eq!(judged.rollout, Rollout::default());
        assert_eq!(judged.superseded_by.and_then(|it| it.deployment).as_deref(), Some("ecs-svc/1"));
    }

    #[test]
    fn the_rollout_that_was_named_is_judged_and_not_the_newest() {
        let by_id = Expected { deployment: Some("ecs-svc/1".to_owned()), ..Expected::default() };
        let by_arn = Expected { service_deployment: Some("first".to_owned()), ..Expected::default() };
        for expected in [by_id, by_arn] {
            let told = Told::new(expected)
                .seen_at(200)
                .deployment(1, -300, NEW, "PRIMARY", "COMPLETED")
                .service_deployment("first", -300, NEW, "SUCCESSFUL")
                .service_deployment("second", 0, NEW, "ROLLBACK_SUCCESSFUL")
                .rolled_back_to(1)
                .task(2, 5, NEW);
            let (id, first) = (Some("ecs-svc/1".to_owned()), Some("first".to_owned()));
            assert_eq!(told.names(), (id, first, Some("second".to_owned())));
        }
    }

    #[test]
    fn nothing_was_deployed_where_the_rollout_is_complete_and_older_than_what_was_asked_about() {
        let complete = |age: i64, started_after: Option<i64>| {
            let expected = Expected { started_after: started_after.map(at), ..pinned(NEW) };
            let told = Told::new(expected)
                .seen_at(age)
                .deployment(1, 0, NEW, "PRIMARY", "COMPLETED")
                .service_deployment("first", 0, NEW, "SUCCESSFUL");
            told.judged()
        };
        // It completed after 90 s: an hour of it is the limit, where no moment was given.
        assert!(!complete(90 + 3599, None).nothing_deployed);
        assert!(complete(90 + 3600, None).nothing_deployed);
        assert!(complete(2400, Some(2390)).nothing_deployed);
        assert!(!complete(9 * DAY, Some(-10)).nothing_deployed);
        assert_eq!(complete(9 * DAY, None).evidence_from, Some(at(9 * DAY)));
        let open = Told::new(pinned(NEW))
            .seen_at(9 * DAY)
            .deployment(1, 0, NEW, "PRIMARY", "IN_PROGRESS")
            .service_deployment("first", 0, NEW, "IN_PROGRESS");
        assert!(!open.judged().nothing_deployed);
    }

    #[test]
    fn a_one_off_task_is_of_no_rollout() {
        let told = Told::new(pinned(NEW)).seen_at(10).deployment(1, 0, NEW, "PRIMARY", "IN_PROGRESS");
        let by_the_service =
            TaskOrigin { started_by: Some("ecs-svc/1"), task_definition: Some(NEW), ..TaskOrigin::default() };
        assert!(told.rollouts.owns(&told.judged(), by_the_service));
        let selected = TaskOrigin { selected: true, ..by_the_service };
        assert!(!told.rollouts.owns(&told.judged(), selected));
        let alone = TaskOrigin { group: Some("family:web"), ..by_the_service };
        assert!(!told.rollouts.owns(&told.judged(), alone));
    }
}
