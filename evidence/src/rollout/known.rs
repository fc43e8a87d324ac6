//! Which rollouts there are: each service deployment with its `ecs-svc/N`, and deployments that have none.

use std::collections::{BTreeMap, BTreeSet};

use super::{Deployment, Rollout, Rollouts, SAME_CREATION_MS, ServiceDeployment, Trace};
use crate::time::Timestamp;

/// The deployment that a rollback makes may be stamped this long before the rollback.
const ROLLBACK_SLACK_MS: i64 = 5 * 1000;

impl Rollouts {
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
}

/// Whether two task definitions may be the same one: what is not known contradicts nothing.
pub(super) fn is_same(a: Option<&str>, b: Option<&str>) -> bool {
    a.zip(b).is_none_or(|(a, b)| a == b)
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
