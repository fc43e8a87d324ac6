//! The policies of several services: which goes where, and what each needs of the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::GateError;
use crate::need::Regions;
use crate::policy::Policy;

/// Services that are released together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Train {
    policies: BTreeMap<String, Policy>,
}

impl Train {
    /// A train of policies by service. In needs, "all regions" becomes the names of the needed service's regions.
    ///
    /// # Errors
    /// [`GateError::Policy`]: a policy is wrong, a needed service is not in the train or not in the region, or services
    /// need each other in a circle.
    pub fn new(mut policies: BTreeMap<String, Policy>) -> Result<Self, GateError> {
        if policies.is_empty() {
            return Err(GateError::Policy(
                "it has no service: write e.g. [service.web] and waves = [[\"eu-west-1\"]]".to_owned(),
            ));
        }
        let regions: BTreeMap<String, Vec<String>> = policies
            .iter()
            .map(|(service, policy)| (service.clone(), policy.waves.iter().flatten().cloned().collect()))
            .collect();
        let all = policies.clone();
        for (service, policy) in &mut policies {
            let wrong = |problem: String| GateError::Policy(format!("service.{service}: {problem}"));
            for need in &mut policy.needs {
                let Some(known) = regions.get(&need.service) else {
                    let names: Vec<&str> = regions.keys().map(String::as_str).collect();
                    return Err(wrong(format!(
                        "needs {}, which is no service of this policy; it has {}",
                        need.service,
                        names.join(", ")
                    )));
                };
                if let Some(own) = all.get(&need.service) {
                    need.accounts.clone_from(&own.accounts);
                    need.keys.clone_from(&own.keys);
                    need.min_engine.clone_from(&own.min_engine);
                }
                let asked = match &need.regions {
                    Regions::Same => &regions[service],
                    Regions::All => known,
                    Regions::Named(names) => names,
                };
                if let Some(region) = asked.iter().find(|region| !known.contains(region)) {
                    return Err(wrong(format!(
                        "needs {} in {region}, where it does not go: its regions are {}",
                        need.service,
                        known.join(", ")
                    )));
                }
                if need.regions == Regions::All {
                    need.regions = Regions::Named(known.clone());
                }
            }
            policy.validate().map_err(|error| match error {
                GateError::Policy(problem) => wrong(problem),
                other => other,
            })?;
        }
        let train = Self { policies };
        train.order()?;
        Ok(train)
    }

    /// The policies by service.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &Policy)> {
        self.policies.iter().map(|(service, policy)| (service.as_str(), policy))
    }

    /// The policy of a service.
    ///
    /// # Errors
    /// [`GateError::Question`]: the train does not have it.
    pub fn policy(&self, service: &str) -> Result<&Policy, GateError> {
        self.policies.get(service).ok_or_else(|| {
            let names: Vec<&str> = self.policies.keys().map(String::as_str).collect();
            GateError::Question(format!("{service} is no service of the policy, which has {}", names.join(", ")))
        })
    }

    /// The services, each after those that it needs; by name where that leaves a choice.
    ///
    /// # Errors
    /// [`GateError::Policy`]: they need each other in a circle, which it names.
    pub fn order(&self) -> Result<Vec<&str>, GateError> {
        let mut order: Vec<&str> = Vec::new();
        let mut left: BTreeSet<&str> = self.policies.keys().map(String::as_str).collect();
        while !left.is_empty() {
            let free = |service: &&&str| self.needs(service).all(|needed| !left.contains(needed));
            let Some(next) = left.iter().find(free).copied() else {
                return Err(GateError::Policy(format!("services need each other: {}", self.circle(&left))));
            };
            left.remove(next);
            order.push(next);
        }
        Ok(order)
    }

    fn needs(&self, service: &str) -> impl Iterator<Item = &str> {
        self.policies.get(service).into_iter().flat_map(|policy| &policy.needs).map(|need| need.service.as_str())
    }

    /// A circle among services each of which needs another one of them: `a needs b, b needs a`.
    fn circle(&self, among: &BTreeSet<&str>) -> String {
        let mut path: Vec<&str> = among.iter().take(1).copied().collect();
        loop {
            let Some(next) = path.last().and_then(|last| self.needs(last).find(|needed| among.contains(needed))) else {
                return path.join(", ");
            };
            if let Some(start) = path.iter().position(|service| *service == next) {
                let mut circle = path.split_off(start);
                circle.push(next);
                let edges: Vec<String> =
                    circle.windows(2).map(|pair| format!("{} needs {}", pair[0], pair[1])).collect();
                return edges.join(", ");
            }
            path.push(next);
        }
    }
}
