//! The result of one check or signature.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gap::Gap;
use super::outcome::{EvidenceRow, Outcome};
use crate::terms::{Conclusive, Level, Owner, Status};

/// The result of one check or signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckVerdict {
    /// Its id.
    pub id: String,
    /// The statement that holds if it passes.
    pub title: String,
    /// Whether it is SQL of the pack or a signature of the config.
    pub kind: Kind,
    /// Whether it decides.
    pub level: Level,
    /// Who takes over when it fails.
    pub owner: Owner,
    /// The status that one row proves even if evidence is missing.
    pub conclusive: Conclusive,
    /// The outcome.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub reason: String,
    /// How many rows it gave, by status.
    pub counts: BTreeMap<Status, usize>,
    /// The rows, failing ones first, up to [`ROWS_KEPT`].
    pub rows: Vec<EvidenceRow>,
    /// How many rows are not listed.
    pub rows_omitted: usize,
    /// The evidence whose lack made it unknown.
    pub unknown_because: Vec<Gap>,
    /// Advice if it fails; the advice of a row comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Where a check comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file of the pack.
    Check,
    /// A signature of the config.
    Signature,
}

/// Rows of a check that a verdict lists.
pub const ROWS_KEPT: usize = 50;

impl CheckVerdict {
    /// Takes the rows over, in their total order, and counts those beyond [`ROWS_KEPT`].
    pub(crate) fn with_rows(mut self, mut rows: Vec<EvidenceRow>) -> Self {
        rows.sort();
        for row in &rows {
            *self.counts.entry(row.status).or_default() += 1;
        }
        self.rows_omitted = rows.len().saturating_sub(ROWS_KEPT);
        rows.truncate(ROWS_KEPT);
        self.rows = rows;
        self
    }

    /// Counts rows of a status that were not handed over.
    pub(crate) fn omitting(mut self, status: Status, omitted: usize) -> Self {
        if omitted > 0 {
            *self.counts.entry(status).or_default() += omitted;
            self.rows_omitted += omitted;
        }
        self
    }

    /// Advice, without duplicates: that of the rows with the check's outcome; if they have none, that of the check.
    pub fn advices(&self) -> Vec<&str> {
        let telling = |row: &&EvidenceRow| Some(row.status) == self.outcome.status();
        let mut all: Vec<&str> = Vec::new();
        for advice in self.rows.iter().filter(telling).filter_map(|row| row.advice.as_deref()) {
            if !all.contains(&advice) {
                all.push(advice);
            }
        }
        if all.is_empty() {
            all.extend(self.advice.as_deref());
        }
        all
    }
}
