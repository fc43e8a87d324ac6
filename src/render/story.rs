//! A verdict in reading order: failures, gaps, passes.

use casefile_analyzer::{CheckVerdict, Conclusion, Gap, Level, Missing, Outcome, Verdict};

use super::text::{cause, count};

/// A verdict's checks and gaps, sorted for reading.
#[derive(Debug)]
pub(crate) struct Story<'a> {
    /// Blocking checks that failed, in the order of the verdict's causes.
    pub(crate) failing: Vec<&'a CheckVerdict>,
    /// Checks that could not be evaluated, blocking ones first.
    pub(crate) broken: Vec<&'a CheckVerdict>,
    /// Advising checks that failed.
    pub(crate) noticed: Vec<&'a CheckVerdict>,
    /// Checks that are unknown though no gap says why, blocking ones first.
    pub(crate) untold: Vec<&'a CheckVerdict>,
    /// Checks whose deadline is not over, blocking ones first.
    pub(crate) pending: Vec<&'a CheckVerdict>,
    /// Missing evidence; the groups that blocking checks need come first.
    pub(crate) missing: Vec<Missing<'a>>,
    /// How many checks passed.
    pub(crate) passed: usize,
    /// How many had nothing to judge.
    pub(crate) skipped: usize,
    /// Whether open checks can still change the verdict: not that of a pass or a fail.
    pub(crate) is_undecided: bool,
}

impl<'a> Story<'a> {
    pub(crate) fn of(verdict: &'a Verdict) -> Self {
        let of = |outcome: Outcome| verdict.with_outcome(outcome);
        let blocking = |check: &&CheckVerdict| check.level == Level::Block;
        let mut failing: Vec<_> = of(Outcome::Fail).filter(blocking).collect();
        let told: Vec<&str> =
            verdict.decision.causes.iter().flat_map(|cause| &cause.checks).map(String::as_str).collect();
        failing.sort_by_key(|check| told.iter().position(|id| *id == check.id).unwrap_or(usize::MAX));
        Self {
            failing,
            broken: of(Outcome::Error).collect(),
            noticed: of(Outcome::Fail).filter(|check| !blocking(check)).collect(),
            untold: of(Outcome::Unknown).filter(|check| check.unknown_because.is_empty()).collect(),
            pending: of(Outcome::Pending).collect(),
            missing: verdict.missing(),
            passed: of(Outcome::Pass).count(),
            skipped: of(Outcome::Skip).count(),
            is_undecided: matches!(verdict.verdict, Conclusion::Inconclusive | Conclusion::Error),
        }
    }

    /// `12 checks passed, 3 not applicable`.
    pub(crate) fn rest(&self) -> String {
        let checks = count(self.passed, "check passed", "checks passed");
        match self.skipped {
            0 => checks,
            skipped => format!("{checks}, {skipped} not applicable"),
        }
    }
}

/// The gaps of a group that differ in more than which stream, task or page they are about, each with how many more
/// there are of its kind.
pub(crate) fn kinds<'a>(group: &Missing<'a>) -> Vec<(&'a Gap, usize)> {
    let mut kinds: Vec<(&Gap, String, usize)> = Vec::new();
    for gap in &group.gaps {
        let kind = cause(&gap.error);
        match kinds.iter_mut().find(|(other, known, _)| *known == kind && other.status == gap.status) {
            Some((_, _, more)) => *more += 1,
            None => kinds.push((gap, kind, 0)),
        }
    }
    kinds.into_iter().map(|(gap, _, more)| (gap, more)).collect()
}
