//! The rows that come out.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::AnyRow;
use casefile_evidence::tables::{ServiceDeploymentRow, TargetHealthRow};

/// The rows since they were drained last, and what was written that is written once.
#[derive(Debug, Default)]
pub(super) struct Output {
    rows: Vec<AnyRow>,
    /// What has a row for good: its table, and its name there.
    once: BTreeSet<(&'static str, String)>,
    /// The service deployments of this snapshot, by ARN.
    service_deployments: BTreeMap<String, ServiceDeploymentRow>,
    /// Targets that have a row in this snapshot: target group, id, port.
    targets: BTreeSet<(Option<String>, String, Option<i64>)>,
    /// API calls so far.
    pub(super) calls: i64,
    /// Log lines so far, whatever reads have them.
    pub(super) lines: i64,
}

impl Output {
    pub(super) fn push(&mut self, row: impl Into<AnyRow>) {
        self.rows.push(row.into());
    }

    /// The rows since the last call.
    pub(super) fn drain(&mut self) -> Vec<AnyRow> {
        std::mem::take(&mut self.rows)
    }

    /// Whether a thing that is kept once is new.
    pub(super) fn is_new(&mut self, table: &'static str, id: &str) -> bool {
        self.once.insert((table, id.to_owned()))
    }

    /// One row for each service deployment of a snapshot. A `whole` one takes the place of one in short.
    pub(super) fn service_deployment(&mut self, row: ServiceDeploymentRow, whole: bool) {
        if whole || !self.service_deployments.contains_key(&row.service_deployment_arn) {
            self.service_deployments.insert(row.service_deployment_arn.clone(), row);
        }
    }

    /// The health of a target. Of two answers in one snapshot, the first one holds for each target.
    pub(super) fn target(&mut self, row: TargetHealthRow) {
        if self.targets.insert((row.target_group_arn.clone(), row.target_id.clone(), row.port)) {
            self.push(row);
        }
    }

    pub(super) fn end_snapshot(&mut self) {
        self.targets.clear();
        self.rows.extend(std::mem::take(&mut self.service_deployments).into_values().map(AnyRow::from));
    }
}
