//! The target groups that the service's tasks are registered in, and the health of their targets.

use std::collections::BTreeSet;

use casefile_evidence::tables::{SourceRow, TargetHealthRow};

use super::fields::Fields;
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
        let target_group_arn = self.answered_for(document);
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
            // Of two answers for a group in one snapshot, the first one holds for each target.
            let target = (row.target_group_arn.clone(), row.target_id.clone(), row.port);
            if self.listed.targets.insert(target) {
                self.rows.push(row.into());
            }
        }
        self.account_for(key, document, items.len(), problem);
    }

    /// The target group that a document is about. A bare document does not say: it counts where there is only one.
    fn answered_for(&self, document: &Document) -> Option<String> {
        if let Some(arn) = document.requested("TargetGroupArn") {
            return Some(arn.to_owned());
        }
        let mut groups = self.target_groups().into_iter();
        groups.next().filter(|_| document.assumed && groups.next().is_none())
    }

    /// Target groups that were never asked for, and Classic Load Balancers, where the service has nothing else.
    pub(super) fn unasked_target_groups(&self) -> Vec<SourceRow> {
        let operation = Operation::DescribeTargetHealth;
        let groups = self.target_groups();
        let gap = |key: &Key, status: &str, error: String, remedy: String| SourceRow {
            status: status.to_owned(),
            error: Some(error),
            remedy: Some(remedy),
            ..self.row(key)
        };
        if groups.is_empty() {
            let classic = self.seen.load_balancers.classic.iter().map(|name| {
                let key = Key {
                    feeds: operation.feeds(),
                    operation: operation.name(),
                    parameters: serde_json::json!({ "LoadBalancerName": name }).to_string(),
                };
                let error = format!("the health of the instances of Classic Load Balancer {name} is not collected");
                let remedy = "judge it by the service events, or move the service to a target group".to_owned();
                gap(&key, "not_attempted", error, remedy)
            });
            return classic.collect();
        }
        // A bare answer that no group could be found for.
        let unnamed =
            self.ledger.was_asked(|key| key.operation == operation.name() && key.parameter("TargetGroupArn").is_none());
        let unasked = groups.iter().map(|arn| (arn, Key::of_target_group(arn)));
        let unasked = unasked.filter(|(_, key)| !self.ledger.knows(key));
        let rows = unasked.map(|(arn, key)| {
            let wrapped =
                if unnamed { ", saved with its request: the answer does not name the target group" } else { "" };
            let action = operation.iam_action();
            let remedy = format!("aws elbv2 describe-target-health --target-group-arn {arn} (needs {action}){wrapped}");
            gap(&key, "not_attempted", format!("{operation} was not called"), remedy)
        });
        rows.collect()
    }
}
