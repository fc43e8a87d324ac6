//! The target groups and Classic Load Balancers that the service's tasks are registered in, and the health of their targets.

use std::collections::BTreeSet;

use casefile_evidence::tables::{SourceRow, TargetHealthRow};

use super::fields::Fields;
use super::remedies::{describe_instance_health, describe_target_health};
use super::sources::Key;
use super::{Assembly, Remarks};
use crate::document::{Document, Operation};

/// The `loadBalancers` of a service, a service revision or a task set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadBalancers {
    /// ARNs of target groups, those of the other colour (`alternateTargetGroupArn`) included.
    pub target_groups: BTreeSet<String>,
    /// Names of Classic Load Balancers, which have no target groups.
    pub classic: BTreeSet<String>,
}

impl LoadBalancers {
    pub(super) fn of(owner: Fields<'_>, remarks: &mut Remarks) -> Self {
        let mut found = Self::default();
        for balancer in owner.list("loadBalancers", remarks) {
            let advanced = balancer.object("advancedConfiguration", remarks);
            let alternate = advanced.text("alternateTargetGroupArn", remarks);
            let groups = balancer.text("targetGroupArn", remarks).into_iter().chain(alternate);
            found.target_groups.extend(groups.filter(|arn| !arn.is_empty()));
            found.classic.extend(balancer.text("loadBalancerName", remarks).filter(|name| !name.is_empty()));
        }
        found
    }
}

impl Assembly {
    /// The target groups whose health is evidence, as far as they are known: of the service, of the judged service
    /// revision, of the task sets that were listed last, and of the judged one.
    pub fn target_groups(&self) -> BTreeSet<String> {
        let (seen, judged) = (&self.seen, self.judged().rollout);
        let of_judged = judged.deployment.as_ref().and_then(|id| seen.deployments.get(id));
        let of_sets = seen.listed_last().map(|(_, set)| set).chain(of_judged).flat_map(|set| &set.target_groups);
        let revision = judged.service_deployment.and_then(|arn| self.rollouts.revision_of(&arn));
        let of_revision = revision.and_then(|arn| seen.revision_target_groups.get(arn));
        let groups = seen.load_balancers.target_groups.iter().chain(of_sets);
        groups.chain(of_revision.into_iter().flatten()).cloned().collect()
    }

    pub(super) fn target_health(&mut self, document: &Document) {
        let target_group_arn = answered_for(document, "TargetGroupArn", self.target_groups());
        let key = match &target_group_arn {
            Some(arn) if document.assumed => Key::of_target_group(arn),
            _ => Key::of("target_health", document),
        };
        let list = "TargetHealthDescriptions";
        let Some(answer) = document.response() else { return self.account_for(key, document, 0, None) };
        let problem = (!answer.contains_key(list)).then(|| format!("the answer has no {list}"));
        let answer = Fields::new(answer, &document.origin, "DescribeTargetHealth");
        let items = answer.list(list, &mut self.remarks);
        for item in &items {
            let remarks = &mut self.remarks;
            let target = item.object("Target", remarks);
            let health = item.object("TargetHealth", remarks);
            let Some(target_id) = target.id("Id", remarks) else { continue };
            let row = TargetHealthRow {
                snapshot: self.current.snapshot,
                target_group_arn: target_group_arn.clone(),
                target_id,
                port: target.int("Port", remarks),
                observed_at: self.current.observed_at,
                availability_zone: target.text("AvailabilityZone", remarks),
                state: health.text("State", remarks),
                reason: health.text("Reason", remarks),
                description: health.text("Description", remarks),
                raw: item.raw(&[]),
            };
            self.take_target(row);
        }
        self.account_for(key, document, items.len(), problem);
    }

    /// The Classic Load Balancers of the service.
    pub fn classic_load_balancers(&self) -> &BTreeSet<String> {
        &self.seen.load_balancers.classic
    }

    /// DescribeInstanceHealth of a Classic Load Balancer: a target is an instance, and has no port.
    pub(super) fn instance_health(&mut self, document: &Document) {
        let classic = self.seen.load_balancers.classic.iter().cloned();
        let load_balancer = answered_for(document, "LoadBalancerName", classic);
        let key = match &load_balancer {
            Some(name) => Key::of_classic(name),
            None => Key::of("target_health", document),
        };
        let Some(answer) = document.response() else { return self.account_for(key, document, 0, None) };
        let problem = (!answer.contains_key("InstanceStates")).then(|| "the answer has no InstanceStates".to_owned());
        let answer = Fields::new(answer, &document.origin, "DescribeInstanceHealth");
        let items = answer.list("InstanceStates", &mut self.remarks);
        for item in &items {
            let remarks = &mut self.remarks;
            let Some(target_id) = item.id("InstanceId", remarks) else { continue };
            let state = item.text("State", remarks).map(|state| match state.as_str() {
                "InService" => "healthy".to_owned(),
                "OutOfService" => "unhealthy".to_owned(),
                "Unknown" => "unavailable".to_owned(),
                _ => state,
            });
            let row = TargetHealthRow {
                snapshot: self.current.snapshot,
                target_group_arn: load_balancer.clone(),
                target_id,
                port: None,
                observed_at: self.current.observed_at,
                availability_zone: None,
                state,
                reason: item.text("ReasonCode", remarks).filter(|reason| reason != "N/A"),
                description: item.text("Description", remarks).filter(|description| description != "N/A"),
                raw: item.raw(&[]),
            };
            self.take_target(row);
        }
        self.account_for(key, document, items.len(), problem);
    }

    /// Takes up the health of a target. Of two answers in one snapshot, the first one holds for each target.
    fn take_target(&mut self, row: TargetHealthRow) {
        let target = (row.target_group_arn.clone(), row.target_id.clone(), row.port);
        if self.listed.targets.insert(target) {
            self.rows.push(row.into());
        }
    }

    /// Target groups and Classic Load Balancers that were never asked for.
    pub(super) fn unasked_target_groups(&self) -> Vec<SourceRow> {
        // A bare answer that no target group could be found for.
        let unnamed = self.ledger.was_asked(|key| {
            key.operation == Operation::DescribeTargetHealth.name() && key.parameter("TargetGroupArn").is_none()
        });
        let wrapped = if unnamed { ", saved with its request: the answer does not name the target group" } else { "" };
        let groups = self.target_groups();
        let groups = groups.iter().map(|arn| (Key::of_target_group(arn), describe_target_health(arn), wrapped));
        let classic = &self.seen.load_balancers.classic;
        let classic = classic.iter().map(|name| (Key::of_classic(name), describe_instance_health(name), ""));
        let unasked = groups.chain(classic).filter(|(key, ..)| !self.ledger.knows(key));
        let rows = unasked.map(|(key, command, wrapped)| {
            let action = Operation::by_name(key.operation).map_or(key.operation, Operation::iam_action);
            SourceRow {
                status: "not_attempted".to_owned(),
                error: Some(format!("{} was not called", key.operation)),
                remedy: Some(format!("{command} (needs {action}){wrapped}")),
                ..self.row(&key)
            }
        });
        rows.collect()
    }
}

/// The target group or load balancer that a document is about. A bare document does not name it: it is known where there is
/// only one.
fn answered_for(document: &Document, named: &str, all: impl IntoIterator<Item = String>) -> Option<String> {
    if let Some(name) = document.requested(named) {
        return Some(name.to_owned());
    }
    let mut all = all.into_iter();
    all.next().filter(|_| document.assumed && all.next().is_none())
}
