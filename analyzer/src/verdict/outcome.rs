//! Evidence x checks = outcome.

use serde::{Deserialize, Serialize};

use super::gap::{Gap, missing};
use super::tail::Tail;
use crate::terms::{Conclusive, Owner, Status};

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// At least one resource fails.
    Fail,
    /// The check is broken: it could not be evaluated.
    Error,
    /// Evidence is missing.
    Unknown,
    /// The deadline is not over, or the rollout is.
    Pending,
    /// Every resource passes, and there is one.
    Pass,
    /// There was nothing to judge.
    Skip,
}

impl Outcome {
    /// The status of the rows that make it; none makes a check broken.
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::Fail => Some(Status::Fail),
            Self::Unknown => Some(Status::Unknown),
            Self::Pending => Some(Status::Pending),
            Self::Pass => Some(Status::Pass),
            Self::Skip => Some(Status::Skip),
            Self::Error => None,
        }
    }
}

/// One row that a check gave: evidence, whichever way it points. Ordered as it is reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRow {
    /// The status.
    pub status: Status,
    /// The judged resource: a task, a container, a deployment.
    pub resource: String,
    /// When it happened, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<casefile_evidence::Timestamp>,
    /// Why.
    pub reason: String,
    /// The observed value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// The expected value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Who takes over when this row fails, where that differs from row to row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Advice for this row, if it differs from the check's advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The check's further columns.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub more: std::collections::BTreeMap<String, String>,
    /// The last log lines of the container that it is about, where that ended badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
}

impl EvidenceRow {
    /// A row that says no more than that.
    pub fn new(status: Status, resource: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            status,
            resource: resource.into(),
            at: None,
            reason: reason.into(),
            observed: None,
            expected: None,
            owner: None,
            advice: None,
            more: std::collections::BTreeMap::new(),
            tail: None,
        }
    }
}

/// The outcome of rows and gaps.
///
/// Where evidence is missing, a row stands only if its status is what one row proves; else it is
/// unknown. No row at all is "nothing to judge" where the evidence is complete, and unknown where it is
/// not. The worst row decides: fail, unknown, pending, pass, skip.
pub(crate) fn judge(rows: &[EvidenceRow], gaps: &[Gap], conclusive: Conclusive) -> (Outcome, String) {
    let stands = |status: Status| match (status, conclusive) {
        _ if gaps.is_empty() => true,
        (Status::Fail, Conclusive::Fail) | (Status::Pass, Conclusive::Pass) => true,
        (Status::Fail | Status::Pass, _) => false,
        (Status::Skip | Status::Unknown | Status::Pending, _) => true,
    };
    let count = |status: Status| rows.iter().filter(|row| row.status == status && stands(status)).count();
    let reason = |status: Status| {
        let first = rows.iter().find(|row| row.status == status);
        let first = first.map(|row| row.reason.clone()).unwrap_or_default();
        match count(status) {
            0 | 1 => first,
            more => format!("{first} (and {} more)", more - 1),
        }
    };
    let fallen = rows.iter().filter(|row| !stands(row.status)).count();
    if count(Status::Fail) > 0 {
        (Outcome::Fail, reason(Status::Fail))
    } else if count(Status::Unknown) > 0 {
        (Outcome::Unknown, reason(Status::Unknown))
    } else if fallen > 0 || (rows.is_empty() && !gaps.is_empty()) {
        (Outcome::Unknown, format!("evidence is missing: {}", missing(gaps)))
    } else if count(Status::Pending) > 0 {
        (Outcome::Pending, reason(Status::Pending))
    } else if count(Status::Pass) > 0 {
        (Outcome::Pass, format!("{} judged, all pass", count(Status::Pass)))
    } else if count(Status::Skip) > 0 {
        (Outcome::Skip, reason(Status::Skip))
    } else {
        (Outcome::Skip, "there was nothing to judge".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn row(status: Status) -> EvidenceRow {
        EvidenceRow::new(status, "task a", format!("it is {status:?}"))
    }

    #[test]
    fn the_whole_matrix() {
        use Status::{Fail, Pass, Pending, Skip, Unknown};
        let gap = Gap {
            source: "tasks: ListTasks".to_owned(),
            status: "denied".to_owned(),
            error: "AccessDeniedException".to_owned(),
            remedy: "grant ecs:ListTasks".to_owned(),
        };
        let sets: [&[Status]; 10] = [
            &[],
            &[Pass],
            &[Fail],
            &[Fail, Pass],
            &[Skip],
            &[Skip, Pass],
            &[Pending, Pass],
            &[Unknown, Pass],
            &[Fail, Unknown],
            &[Pending, Unknown],
        ];
        let mut table = String::new();
        for gaps in [&[][..], std::slice::from_ref(&gap)] {
            for conclusive in [Conclusive::Fail, Conclusive::Pass, Conclusive::None] {
                if gaps.is_empty() && conclusive != Conclusive::None {
                    continue;
                }
                for set in sets {
                    let rows: Vec<EvidenceRow> = set.iter().copied().map(row).collect();
                    let (outcome, reason) = judge(&rows, gaps, conclusive);
                    let evidence = if gaps.is_empty() { "complete" } else { "a gap" };
                    let conclusive = format!("{conclusive:?}");
                    let set = format!("{set:?}");
                    let outcome = format!("{outcome:?}");
                    writeln!(table, "{evidence:<8} {conclusive:<4} {set:<18} -> {outcome:<7} {reason}").unwrap();
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_gap_never_turns_anything_but_into_unknown() {
        let gap = Gap { source: String::new(), status: String::new(), error: String::new(), remedy: String::new() };
        let all = [Status::Fail, Status::Unknown, Status::Pending, Status::Pass, Status::Skip];
        for bits in 0_u32..32 {
            let rows: Vec<EvidenceRow> = all
                .iter()
                .enumerate()
                .filter(|(bit, _)| bits & (1 << bit) != 0)
                .map(|(_, status)| row(*status))
                .collect();
            for conclusive in [Conclusive::Fail, Conclusive::Pass, Conclusive::None] {
                let whole = judge(&rows, &[], conclusive).0;
                let lacking = judge(&rows, std::slice::from_ref(&gap), conclusive).0;
                assert!(
                    lacking == whole || lacking == Outcome::Unknown,
                    "{rows:?} {conclusive:?}: {whole:?} {lacking:?}"
                );
            }
        }
    }
}
