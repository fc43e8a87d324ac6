//! Which checks the corpus tries, both ways.

use std::collections::BTreeSet;

use casefile_analyzer::{Analyzer, Kind, Level, Outcome as CheckOutcome, Status};

use super::Outcome;

/// A check of the pack without a case for each way that it can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uncovered {
    pub(crate) id: String,
    pub(crate) level: Level,
    /// Whether no case makes it pass.
    pub(crate) never_passes: bool,
    /// Whether no case makes it fail; for a check that never fails, whether no case leaves it open by its own rows.
    pub(crate) never_fails: bool,
}

/// The checks that lack a passing or a failing case, blocking ones first. A check whose rows never say
/// `fail` (desired count 0 is neither good nor bad) has its failing case where they say `unknown` or `pending`.
pub(crate) fn uncovered(outcomes: &[Outcome], analyzer: &Analyzer) -> Vec<Uncovered> {
    let (mut passed, mut failed, mut open) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut known = Vec::new();
    for check in outcomes.iter().flat_map(|outcome| &outcome.verdict.checks) {
        if check.kind != Kind::Check {
            continue;
        }
        if !known.iter().any(|(id, _)| *id == check.id) {
            known.push((check.id.clone(), check.level));
        }
        let says = |status: Status| check.counts.get(&status).is_some_and(|rows| *rows > 0);
        match check.outcome {
            CheckOutcome::Pass => passed.insert(check.id.clone()),
            CheckOutcome::Fail => failed.insert(check.id.clone()),
            CheckOutcome::Unknown | CheckOutcome::Pending if says(Status::Unknown) || says(Status::Pending) => {
                open.insert(check.id.clone())
            }
            _ => false,
        };
    }
    let mut uncovered: Vec<Uncovered> = known
        .into_iter()
        .map(|(id, level)| Uncovered {
            never_passes: !passed.contains(&id),
            never_fails: !failed.contains(&id) && (!open.contains(&id) || analyzer.may_say(&id, Status::Fail)),
            id,
            level,
        })
        .filter(|check| check.never_passes || check.never_fails)
        .collect();
    uncovered.sort_by_key(|check| (check.level, check.id.clone()));
    uncovered
}
