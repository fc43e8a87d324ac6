//! What lists named and what was described of it.

use std::collections::BTreeSet;

use casefile_evidence::Timestamp;

use crate::document::Operation;

/// ECS keeps a stopped task "at least one hour" (ListTasks, DescribeTasks).
pub(crate) const STOPPED_KEPT_MS: i64 = 60 * 60 * 1000;

/// From when on no stopped task was forgotten unseen.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    covered_from: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Retention {
    pub(crate) fn cover(&mut self, observed_at: Timestamp) -> Option<Timestamp> {
        let reach = observed_at.plus_millis(-STOPPED_KEPT_MS);
        if self.last.is_none_or(|last| last < reach) {
            self.covered_from = Some(reach);
        }
        self.last = Some(observed_at);
        self.covered_from
    }
}

/// What was named in lists, and described.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Tasks that this snapshot lists, by ARN.
    pub(crate) tasks: BTreeSet<String>,
    /// Tasks that this snapshot describes, by ARN.
    pub(crate) described_tasks: BTreeSet<String>,
    /// Tasks of which this snapshot says that they are not there, by id.
    pub(crate) gone_tasks: BTreeSet<String>,
    /// Tasks that had not stopped by the last event about them, and that no answer has described since, by id.
    pub(crate) open_tasks: BTreeSet<String>,
    /// Service deployments that no answer has described yet.
    pub(crate) undescribed_deployments: BTreeSet<String>,
    /// Service deployments that were described.
    described_deployments: BTreeSet<String>,
}

impl Listed {
    pub(crate) fn deployment(&mut self, arn: &str, operation: Operation) {
        if operation == Operation::DescribeServiceDeployments {
            self.undescribed_deployments.remove(arn);
            self.described_deployments.insert(arn.to_owned());
        } else if !self.described_deployments.contains(arn) {
            self.undescribed_deployments.insert(arn.to_owned());
        }
    }

    /// Forgets what is of one snapshot.
    pub(crate) fn end_snapshot(&mut self) {
        self.tasks.clear();
        self.described_tasks.clear();
        self.gone_tasks.clear();
    }
}
