//! A deployment's verdict before and after.

use std::collections::BTreeMap;

use casefile_analyzer::{Conclusion, Level, Verdict};
use casefile_archive::Entry;
use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

use super::conclusion;
use crate::corpus::word;

/// How much of a bundle was judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    /// Nothing: the rules are those of the verdict.
    SameRules,
    /// The log lines: the patterns that differ find the same ones.
    SameLines,
    /// The checks and signatures that differ.
    ChangedChecks,
    /// All of it.
    Whole,
}

/// A verdict in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) verdict: Conclusion,
    pub(crate) action: String,
    pub(crate) to: Option<String>,
    pub(crate) why: String,
}

/// A check or signature whose outcome or reason differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckChange {
    pub(crate) id: String,
    pub(crate) level: Level,
    /// `None`: there was no such check.
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason_before: Option<String>,
    /// The reason, and the first line or field that decided.
    pub(crate) reason: String,
    pub(crate) evidence: Option<String>,
}

/// What became of one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) bundle: String,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) date: String,
    pub(crate) rollout: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<Timestamp>,
    /// The digest of the newest verdict that the archive had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<String>,
    pub(crate) how: How,
    pub(crate) before: Side,
    pub(crate) after: Side,
    pub(crate) checks: Vec<CheckChange>,
    /// The checks that fail with the tried rules; of a verdict that stays by the index alone, the blocking ones.
    pub(crate) failed: Vec<String>,
    /// Those of them that only advise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) advised: Vec<String>,
    /// When each check that fails decided, in milliseconds after the rollout's creation, where that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) decided_ms: BTreeMap<String, i64>,
}

impl Outcome {
    /// A deployment whose verdict stays, by the index alone.
    pub(super) fn unchanged(entry: &Entry, how: How) -> Self {
        let side = Side {
            verdict: entry.verdict.as_deref().and_then(conclusion).unwrap_or(Conclusion::Inconclusive),
            action: entry.decision.clone().unwrap_or_default(),
            to: entry.decided_to.clone(),
            why: entry.why.clone().unwrap_or_default(),
        };
        let failed = entry.failed.as_deref().and_then(|failed| serde_json::from_str(failed).ok()).unwrap_or_default();
        Self { failed, ..Self::of(entry, how, side.clone(), side) }
    }

    pub(super) fn new(entry: &Entry, how: How, before: &Verdict, after: &Verdict) -> Self {
        let failing = || after.checks.iter().filter(|check| word(&check.outcome) == "fail");
        let decided = |rows: &[casefile_analyzer::EvidenceRow]| rows.iter().filter_map(|row| row.at).min();
        let since = |at: Timestamp| entry.created_at.map(|created| at.millis_since(created));
        Self {
            checks: changes(before, after),
            failed: failing().map(|check| check.id.clone()).collect(),
            advised: failing().filter(|check| check.level != Level::Block).map(|check| check.id.clone()).collect(),
            decided_ms: failing().filter_map(|check| Some((check.id.clone(), since(decided(&check.rows)?)?))).collect(),
            ..Self::of(entry, how, side(before), side(after))
        }
    }

    fn of(entry: &Entry, how: How, before: Side, after: Side) -> Self {
        Self {
            bundle: entry.bundle.clone(),
            service: entry.service.clone(),
            region: entry.region.clone(),
            date: entry.date.clone(),
            rollout: entry.rollout.clone(),
            created_at: entry.created_at,
            base: entry.verdict_digest.clone(),
            how,
            before,
            after,
            checks: Vec::new(),
            failed: Vec::new(),
            advised: Vec::new(),
            decided_ms: BTreeMap::new(),
        }
    }

    /// Whether the verdict turns.
    pub(crate) fn is_flip(&self) -> bool {
        self.before.verdict != self.after.verdict
    }

    /// Whether anything differs.
    pub(crate) fn differs(&self) -> bool {
        self.before != self.after || !self.checks.is_empty()
    }

    /// The level of a check that fails.
    pub(super) fn level(&self, id: &str) -> Level {
        if self.advised.iter().any(|advised| advised == id) { Level::Advise } else { Level::Block }
    }

    /// Flips first, then by date, service and digest.
    pub(super) fn order(&self) -> impl Ord + '_ {
        (!self.is_flip(), &self.date, &self.service, &self.region, &self.bundle)
    }

    /// The checks whose outcome differs and that have an effect on the verdict; the others after them.
    pub(crate) fn deciding(&self) -> Vec<&CheckChange> {
        let mut checks: Vec<&CheckChange> = self.checks.iter().collect();
        checks.sort_by_key(|check| (check.before == check.after, check.level != Level::Block));
        checks
    }
}

fn side(verdict: &Verdict) -> Side {
    Side {
        verdict: verdict.verdict,
        action: word(&verdict.decision.action),
        to: verdict.decision.to.clone(),
        why: verdict.decision.why.clone(),
    }
}

fn changes(before: &Verdict, after: &Verdict) -> Vec<CheckChange> {
    let mut changes = Vec::new();
    for check in &after.checks {
        let old = before.checks.iter().find(|old| old.id == check.id);
        if old.is_some_and(|old| (old.outcome, &old.reason, old.level) == (check.outcome, &check.reason, check.level)) {
            continue;
        }
        let decided = check.rows.iter().find(|row| row.status == casefile_analyzer::Status::Fail);
        let decided = decided.or(check.rows.first());
        changes.push(CheckChange {
            id: check.id.clone(),
            level: check.level,
            before: old.map(|old| word(&old.outcome)),
            after: Some(word(&check.outcome)),
            reason_before: old.map(|old| old.reason.clone()),
            reason: check.reason.clone(),
            evidence: decided.map(|row| match row.observed.as_deref() {
                Some(observed) => format!("{}: {observed}", row.resource),
                None => row.resource.clone(),
            }),
        });
    }
    let gone = before.checks.iter().filter(|old| after.checks.iter().all(|check| check.id != old.id));
    changes.extend(gone.map(|old| CheckChange {
        id: old.id.clone(),
        level: old.level,
        before: Some(word(&old.outcome)),
        after: None,
        reason_before: Some(old.reason.clone()),
        reason: "it is no longer in the rules".to_owned(),
        evidence: None,
    }));
    changes
}
