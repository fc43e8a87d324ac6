//! The health of the targets that the service's tasks are registered as.

use crate::document::Document;
use crate::normalise::coverage::Key;
use crate::normalise::fields::Fields;
use crate::normalise::{Assembly, rows};

impl Assembly {
    pub(super) fn target_health(&mut self, document: &Document) {
        let target_group_arn = answered_for(document, "TargetGroupArn", self.topology.target_groups());
        let key = match &target_group_arn {
            Some(arn) if document.assumed => Key::of_target_group(arn),
            _ => Key::of("target_health", document),
        };
        self.targets(document, key, "TargetHealthDescriptions", target_group_arn.as_deref(), rows::target);
    }

    /// DescribeInstanceHealth of a Classic Load Balancer: a target is an instance, and has no port.
    pub(super) fn instance_health(&mut self, document: &Document) {
        let classic = self.topology.classic_load_balancers().iter().cloned();
        let load_balancer = answered_for(document, "LoadBalancerName", classic);
        let key = match &load_balancer {
            Some(name) => Key::of_classic(name),
            None => Key::of("target_health", document),
        };
        self.targets(document, key, "InstanceStates", load_balancer.as_deref(), rows::instance);
    }

    /// `list`: the answer's list of targets. `of`: what they are registered in.
    fn targets(&mut self, document: &Document, key: Key, list: &str, of: Option<&str>, row: rows::TargetRowOf) {
        let Some(answer) = document.response() else { return self.account_for(key, document, 0, None) };
        let problem = (!answer.contains_key(list)).then(|| format!("the answer has no {list}"));
        let answer = Fields::new(answer, &document.origin, document.operation.name());
        let items = answer.list(list, &mut self.remarks);
        for item in &items {
            let row = row(*item, of, self.current, &mut self.remarks);
            row.into_iter().for_each(|row| self.output.target(row));
        }
        self.account_for(key, document, items.len(), problem);
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
