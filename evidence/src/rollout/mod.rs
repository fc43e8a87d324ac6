//! Which rollout a bundle is about.
//!
//! One place decides: the collector asks it while evidence comes in, the analyzer asks it of the same rows as of
//! any moment. Both hand over rows; within a snapshot their order does not matter.
//!
//! A task definition does not identify a rollout: `force-new-deployment`, a mutable tag and a retry reuse it. A
//! rollout is a *service deployment*; under CODE_DEPLOY and EXTERNAL a task set; where neither can be read, the
//! deployment `ecs-svc/N`. No field of the API ties a service deployment to its `ecs-svc/N`: their creation times
//! do, and where the deployment is gone, its events and tasks.

mod known;
mod observe;

use known::is_same;

use std::collections::{BTreeMap, BTreeSet};

use crate::tables::{TargetRow, TaskRow};
use crate::time::Timestamp;

/// A service deployment and its `ecs-svc/N` are created within this time of each other.
const SAME_CREATION_MS: i64 = 60 * 1000;
/// Without `started_after`, a rollout that completed this long before the first snapshot is no news.
const OLD_COMPLETION_MS: i64 = 60 * 60 * 1000;
/// Where nothing says when a rollout completed: one that is this old and complete at the first snapshot is no news.
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
    /// A rollout that was complete by then is no news.
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

impl Rollout {
    /// What identifies it: its deployment, else its service deployment.
    pub fn id(&self) -> Option<&str> {
        self.deployment.as_deref().or(self.service_deployment.as_deref())
    }
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
    /// The newest rollout, where it brought another task definition and was rolled back to the judged one.
    pub rolled_back_to_it: Option<Rollout>,
    /// The rollout is no news: nothing was deployed.
    pub nothing_deployed: bool,
    /// From when on evidence is needed: the rollout's creation; where nothing was deployed, the first snapshot.
    pub evidence_from: Option<Timestamp>,
    /// From when on the ends of tasks count: the same; where nothing was deployed, the moment at which the change that is
    /// to be judged began, for it may have changed more than the task definition (a desired count, a secret).
    pub ends_from: Option<Timestamp>,
    /// When a later rollout brought the same task definition again.
    pub repeated_at: Option<Timestamp>,
}

/// What tells that a task is one of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `startedBy` names the rollout's deployment.
    StartedBy,
    /// `startedBy` names no deployment; its task definition and the time of its creation fit this rollout and no other.
    TaskDefinition,
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

impl<'a> From<&'a TaskRow> for TaskOrigin<'a> {
    fn from(task: &'a TaskRow) -> Self {
        Self {
            started_by: task.started_by.as_deref(),
            group: task.task_group.as_deref(),
            task_definition: task.task_definition.as_deref(),
            created_at: task.created_at,
            selected: task.selected_by.is_some(),
        }
    }
}

/// An entry of `deployments` or `taskSets` when it was last seen.
#[derive(Debug, Clone, Default)]
struct Deployment {
    task_definition: Option<String>,
    created_at: Option<Timestamp>,
    /// It was complete at this moment, and may have been for long.
    complete_by: Option<Timestamp>,
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

    /// The rollout that is judged: the one that was named, else the newest one; see the design, "Which rollout is
    /// judged".
    pub fn judged(&self) -> Judged {
        let all = self.all();
        let first = self.first_newest.as_ref().or(all.last()).cloned();
        let all = self.news(all, first.as_ref());
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
            all.iter().filter(|rollout| self.brings_the_release(rollout, first.as_ref())).collect()
        };
        let Some((rollout, before)) = of_release.split_last().map(|(last, before)| ((*last).clone(), before)) else {
            return Judged { superseded_by: newest.cloned(), ..self.never_rolled_out() };
        };
        let began_in_the_watch =
            rollout.created_at.zip(self.first_snapshot_at).is_some_and(|(created, first)| created > first);
        let other = newest.filter(|newest| **newest != rollout).cloned();
        let brings_another =
            |other: &Rollout| !is_same(other.task_definition.as_deref(), rollout.task_definition.as_deref());
        let is_undone = |other: &Rollout| brings_another(other) && self.was_rolled_back(other);
        let (rolled_back_to_it, superseded_by): (Option<_>, Option<_>) =
            if self.is_out(&rollout) && other.as_ref().is_some_and(is_undone) { (other, None) } else { (None, other) };
        let nothing_deployed = superseded_by.is_none() && self.is_no_news(&rollout);
        let (evidence_from, ends_from) = if nothing_deployed {
            (self.first_snapshot_at, self.change_began().min(self.first_snapshot_at))
        } else {
            (rollout.created_at, rollout.created_at)
        };
        let again = |other: &&Rollout| {
            other.created_at > rollout.created_at && other.task_definition.is_some() && !brings_another(other)
        };
        Judged {
            repeated_at: all.iter().filter(again).filter_map(|other| other.created_at).min(),
            took_over_from: before.last().filter(|_| began_in_the_watch).map(|before| (*before).clone()),
            superseded_by,
            rolled_back_to_it,
            nothing_deployed,
            evidence_from,
            ends_from,
            rollout,
        }
    }

    /// Whether its deployment is PRIMARY and complete.
    fn is_out(&self, rollout: &Rollout) -> bool {
        let deployment = rollout.deployment.as_ref().and_then(|id| self.deployments.get(id));
        deployment.is_some_and(|it| it.is_primary && it.is_complete)
    }

    fn was_rolled_back(&self, rollout: &Rollout) -> bool {
        let service = rollout.service_deployment.as_ref().and_then(|arn| self.service_deployments.get(arn));
        match service.and_then(|it| it.status.as_deref()) {
            Some(status) => status == "ROLLBACK_SUCCESSFUL",
            None => rollout.deployment.as_ref().and_then(|id| self.traces.get(id)).is_some_and(|trace| trace.failed),
        }
    }

    /// When the change that is to be judged began: `started_after`; where that is not given, an hour before the first
    /// snapshot.
    fn change_began(&self) -> Option<Timestamp> {
        let assumed = || self.first_snapshot_at.map(|first| first.plus_millis(-OLD_COMPLETION_MS));
        self.expected.started_after.or_else(assumed)
    }

    /// Every rollout but those that failed long before `started_after`: the present state is judged in their place.
    fn news(&self, all: Vec<Rollout>, first: Option<&Rollout>) -> Vec<Rollout> {
        let Some((asked, first_at)) = self.expected.started_after.zip(self.first_snapshot_at) else { return all };
        let is_over = |rollout: &Rollout| {
            let service = rollout.service_deployment.as_ref().and_then(|arn| self.service_deployments.get(arn));
            service.is_some_and(|it| {
                it.created_at.is_some_and(|at| at < asked)
                    && it.status.as_deref().is_some_and(|status| status.starts_with("ROLLBACK_") || status == "STOPPED")
                    && it.finished_at.is_some_and(|at| at.plus_millis(OLD_COMPLETION_MS) <= first_at)
            })
        };
        let news: Vec<Rollout> = all.iter().filter(|rollout| !is_over(rollout)).cloned().collect();
        // Where nothing else of the release is left, that it failed is what there is to say.
        if news.iter().any(|rollout| self.brings_the_release(rollout, first)) { news } else { all }
    }

    /// Whether it brings the task definition that was named; where none was, that of `first`, the newest at the first
    /// snapshot.
    fn brings_the_release(&self, rollout: &Rollout, first: Option<&Rollout>) -> bool {
        if let Some(named) = &self.expected.task_definition {
            // One of which nothing tells what it brought may be the release, and must not be passed over.
            return rollout.task_definition.as_deref().is_none_or(|arn| is_task_definition(arn, named));
        }
        first.is_some_and(|first| {
            let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
            same(&first.task_definition, &rollout.task_definition)
                || same(&first.service_deployment, &rollout.service_deployment)
                || same(&first.deployment, &rollout.deployment)
        })
    }

    /// Whether a task is one of the judged rollout.
    pub fn owns(&self, judged: &Judged, task: TaskOrigin<'_>) -> bool {
        self.origin(judged, task).is_some()
    }

    /// What tells that a task is one of the judged rollout; `None` where it is not. A one-off task never is, whatever it
    /// runs.
    pub fn origin(&self, judged: &Judged, task: TaskOrigin<'_>) -> Option<Origin> {
        if task.selected || task.group.is_some_and(|group| group.starts_with("family:")) {
            return None;
        }
        // Emulators give other texts, or none.
        let names_one = |by: &&str| {
            by.starts_with(DEPLOYMENT) || self.deployments.contains_key(*by) || self.task_sets.contains_key(*by)
        };
        match (&judged.rollout.deployment, task.started_by.filter(names_one)) {
            (Some(id), Some(by)) => return (id == by).then_some(Origin::StartedBy),
            (None, Some(by)) if self.deployments.contains_key(by) => return None,
            _ => {}
        }
        let same = judged.rollout.task_definition.as_deref().is_some_and(|arn| task.task_definition == Some(arn));
        // Older tasks of the same task definition are of an older rollout, and newer ones may be of a newer one.
        let from = judged.rollout.created_at.map(|at| at.plus_millis(-SAME_CREATION_MS));
        let until = judged.repeated_at.map(|at| at.plus_millis(-SAME_CREATION_MS));
        let fits = |at: Timestamp| from.is_none_or(|from| at >= from) && until.is_none_or(|until| at < until);
        (same && task.created_at.map_or(until.is_none(), fits)).then_some(Origin::TaskDefinition)
    }

    fn never_rolled_out(&self) -> Judged {
        let named = self.expected.task_definition.as_deref();
        let known = |arn: &&String| named.is_some_and(|named| is_task_definition(arn, named));
        let task_definition = self.task_definitions.iter().find(known).cloned();
        Judged { rollout: Rollout { task_definition, ..Rollout::default() }, ..Judged::default() }
    }

    /// Whether a rollout was complete before the change that is to be judged began: nothing was deployed.
    fn is_no_news(&self, rollout: &Rollout) -> bool {
        let Some((created_at, first)) = rollout.created_at.zip(self.first_snapshot_at) else { return false };
        let id = rollout.deployment.as_ref();
        let deployment = id.and_then(|id| self.deployments.get(id).or_else(|| self.task_sets.get(id)));
        let service = rollout.service_deployment.as_ref().and_then(|arn| self.service_deployments.get(arn));
        let is_complete = match service.and_then(|it| it.status.as_deref()) {
            Some(status) => status == "SUCCESSFUL",
            None => deployment.is_some_and(|it| it.is_complete && it.is_primary),
        };
        let Some(change_began) = self.change_began().filter(|began| is_complete && created_at < *began) else {
            return false;
        };
        let in_events = id.and_then(|id| self.traces.get(id)?.completed_at);
        if let Some(completed_at) = earliest(in_events, service.and_then(|it| it.finished_at)) {
            return completed_at <= change_began;
        }
        let complete_by = deployment.and_then(|it| it.complete_by);
        let is_old = created_at.plus_millis(OLD_CREATION_MS) <= first;
        complete_by.map_or(is_old, |at| at <= if is_old { first } else { change_began })
    }
}

/// How the ids of deployments and task sets begin.
const DEPLOYMENT: &str = "ecs-svc/";

/// Whether a task definition's ARN is the one that was named, as an ARN or as `family:revision`.
pub fn is_task_definition(arn: &str, named: &str) -> bool {
    arn == named || !named.starts_with("arn:") && arn.rsplit('/').next() == Some(named)
}

/// The container, where one is named, and the digest of an expected image: `container=sha256:...` or `sha256:...`.
pub fn expected_image(text: &str) -> (Option<&str>, &str) {
    text.split_once('=').map_or((None, text), |(container, digest)| (Some(container), digest))
}

/// Whether a text names one revision of a task definition, and not a family.
pub fn names_a_revision(text: &str) -> bool {
    let short = text.rsplit('/').next().unwrap_or(text);
    short.rsplit_once(':').is_some_and(|(family, revision)| {
        !family.is_empty() && !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests;
