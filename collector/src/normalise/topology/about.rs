//! What the caller knows of the service before anything is read.

use casefile_evidence::rollout::Expected;

use super::{TaskSelector, cluster_of, region_and_account};
use crate::normalise::fields::short_name;

/// What the caller knows of the service before anything is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The service's name (or ARN).
    pub service: String,
    /// The cluster's name (or ARN).
    pub cluster: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// What the caller expects.
    pub expected: Expected,
    /// How long a log line may take to arrive, in milliseconds.
    pub ingestion_grace_ms: i64,
    /// How long the service is watched after the rollout completed, in milliseconds.
    pub stable_for_ms: i64,
    /// One-off tasks that are evidence besides the service's own.
    pub tasks: Vec<TaskSelector>,
    /// Log groups (names or ARNs) that are read besides those that the task definitions name.
    pub log_groups: Vec<String>,
}

impl About {
    /// Takes the region, the account and the cluster from the ARNs that name service and cluster, where they are not given.
    pub(crate) fn locate(&mut self) {
        let arns = [Some(&self.service), self.cluster.as_ref()].into_iter().flatten();
        for arn in arns.filter(|name| name.starts_with("arn:")).cloned().collect::<Vec<_>>() {
            let (region, account) = region_and_account(&arn);
            self.region = self.region.take().or(region);
            self.account = self.account.take().or(account);
        }
        if self.service.starts_with("arn:") {
            self.cluster = self.cluster.take().or_else(|| cluster_of(&self.service).map(str::to_owned));
        }
        self.service = short_name(&self.service).to_owned();
        self.cluster = self.cluster.take().map(|cluster| short_name(&cluster).to_owned());
    }

    /// Whether an ARN names something of another region, account or cluster than this service's.
    pub(crate) fn is_elsewhere(&self, arn: &str) -> bool {
        let differs = |own: &Option<String>, other: Option<&str>| {
            own.as_deref().zip(other).is_some_and(|(own, other)| own != other)
        };
        let (region, account) = region_and_account(arn);
        differs(&self.region, region.as_deref())
            || differs(&self.account, account.as_deref())
            || differs(&self.cluster, cluster_of(arn))
    }
}
