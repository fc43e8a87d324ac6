//! A verdict in the order in which it is read: what failed, what is missing, what passed.

use casefile_analyzer::{CheckVerdict, Conclusion, Conclusive, Gap, Kind, Level, Outcome, Owner, Verdict};

use super::evidence::headline;
use super::text::{cause, count, short};

/// A verdict's checks and gaps, sorted for reading.
#[derive(Debug)]
pub(crate) struct Story<'a> {
    /// Blocking checks that failed, causes before consequences.
    pub(crate) failing: Vec<&'a CheckVerdict>,
    /// Checks that could not be evaluated, blocking ones first.
    pub(crate) broken: Vec<&'a CheckVerdict>,
    /// Advising checks that failed.
    pub(crate) noticed: Vec<&'a CheckVerdict>,
    /// Checks that are unknown though no gap says why, blocking ones first.
    pub(crate) untold: Vec<&'a CheckVerdict>,
    /// Checks whose deadline is not over, blocking ones first.
    pub(crate) pending: Vec<&'a CheckVerdict>,
    /// Evidence that is missing, what blocking checks need first.
    pub(crate) missing: Vec<Missing<'a>>,
    /// How many checks passed.
    pub(crate) passed: usize,
    /// How many had nothing to judge.
    pub(crate) skipped: usize,
}

/// Evidence that one remedy brings.
#[derive(Debug)]
pub(crate) struct Missing<'a> {
    /// What to do; empty where nobody knows.
    pub(crate) remedy: &'a str,
    /// What is missing for lack of it.
    pub(crate) gaps: Vec<&'a Gap>,
    /// The blocking checks that could not be decided without it.
    pub(crate) blocks: Vec<&'a str>,
    /// The advising ones.
    pub(crate) advises: Vec<&'a str>,
}

impl<'a> Story<'a> {
    pub(crate) fn of(verdict: &'a Verdict) -> Self {
        let of = |outcome: Outcome| verdict.with_outcome(outcome);
        let blocking = |check: &&CheckVerdict| check.level == Level::Block;
        let mut failing: Vec<_> = of(Outcome::Fail).filter(blocking).collect();
        failing.sort_by_key(|check| rank(check));
        Self {
            failing,
            broken: of(Outcome::Error).collect(),
            noticed: of(Outcome::Fail).filter(|check| !blocking(check)).collect(),
            untold: of(Outcome::Unknown).filter(|check| check.unknown_because.is_empty()).collect(),
            pending: of(Outcome::Pending).collect(),
            missing: missing(verdict),
            passed: of(Outcome::Pass).count(),
            skipped: of(Outcome::Skip).count(),
        }
    }

    /// Why the verdict is what it is, a line for each cause; nothing for a pass, nor where nothing was judged.
    pub(crate) fn why(&self, verdict: &Verdict) -> Vec<String> {
        let blocking = |checks: &[&CheckVerdict]| {
            let checks = checks.iter().filter(|check| check.level == Level::Block);
            checks.map(|check| format!("{}: {}", check.id, short(&headline(check)))).collect::<Vec<_>>()
        };
        match verdict.verdict {
            Conclusion::Pass => Vec::new(),
            Conclusion::Fail => blocking(&self.failing),
            Conclusion::Error => blocking(&self.broken),
            Conclusion::Inconclusive => {
                let lacking = self.missing.iter().filter(|entry| !entry.blocks.is_empty());
                [lacking.map(Missing::sentence).collect(), blocking(&self.untold), blocking(&self.pending)].concat()
            }
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

/// What is read first: a log line that names the cause, then what became of the tasks, then the line that
/// never came, last a consequence such as a rollback.
fn rank(check: &CheckVerdict) -> u8 {
    match (check.owner, check.kind, check.conclusive) {
        (Owner::Shared, ..) => 3,
        (_, Kind::Signature, Conclusive::Fail) => 0,
        (_, Kind::Signature, _) => 2,
        (_, Kind::Check, _) => 1,
    }
}

/// Gaps by what closes them: twenty streams that one permission opens are one thing to do.
fn missing(verdict: &Verdict) -> Vec<Missing<'_>> {
    let mut all: Vec<Missing<'_>> = Vec::new();
    let needed = verdict
        .with_outcome(Outcome::Unknown)
        .flat_map(|check| check.unknown_because.iter().map(move |gap| (gap, Some(check))));
    for (gap, check) in needed.chain(verdict.gaps.iter().map(|gap| (gap, None))) {
        let place = all.iter().position(|other| other.remedy == gap.remedy).unwrap_or_else(|| {
            all.push(Missing { remedy: &gap.remedy, gaps: Vec::new(), blocks: Vec::new(), advises: Vec::new() });
            all.len() - 1
        });
        let Some(entry) = all.get_mut(place) else { continue };
        if !entry.gaps.contains(&gap) {
            entry.gaps.push(gap);
        }
        if let Some(check) = check {
            let ids = if check.level == Level::Block { &mut entry.blocks } else { &mut entry.advises };
            if !ids.contains(&check.id.as_str()) {
                ids.push(&check.id);
            }
        }
    }
    all.sort_by_key(|entry| (entry.blocks.is_empty(), entry.advises.is_empty()));
    all
}

impl Missing<'_> {
    /// `11 checks lack evidence (denied): log_events: GetLogEvents ...`.
    fn sentence(&self) -> String {
        let Some(gap) = self.gaps.first() else { return self.remedy.to_owned() };
        let checks = count(self.blocks.len(), "check lacks", "checks lack");
        format!("{checks} evidence ({}): {}", gap.status.replace('_', " "), short(&gap.source))
    }

    /// The gaps that differ in more than which stream, task or page they are about, each with how many
    /// more there are of its kind.
    pub(crate) fn kinds(&self) -> Vec<(&Gap, usize)> {
        let mut kinds: Vec<(&Gap, String, usize)> = Vec::new();
        for gap in &self.gaps {
            let kind = cause(&gap.error);
            match kinds.iter_mut().find(|(other, known, _)| *known == kind && other.status == gap.status) {
                Some((_, _, more)) => *more += 1,
                None => kinds.push((gap, kind, 0)),
            }
        }
        kinds.into_iter().map(|(gap, _, more)| (gap, more)).collect()
    }
}
