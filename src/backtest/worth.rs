//! What a check is worth: how often it is right about deployments that a person labelled.

use std::collections::BTreeMap;

use casefile_analyzer::Conclusion;
use casefile_archive::{Label, Truth};
use serde::Serialize;

use super::Outcome;

/// A check that fails for a labelled deployment, or the verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Worth {
    /// The check's id; `verdict` for all of the rules together.
    pub(crate) id: String,
    /// Bad deployments for which it fails.
    pub(crate) caught: usize,
    /// Good deployments for which it fails.
    pub(crate) false_alarms: usize,
    /// Bad deployments for which it does not.
    pub(crate) missed: usize,
    /// Of those for which it fails, the share that is bad.
    pub(crate) precision: Option<f64>,
    /// Of the bad ones, the share for which it fails.
    pub(crate) recall: Option<f64>,
    /// False alarms in thirty days.
    pub(crate) false_alarms_a_month: Option<f64>,
    /// The median of when it decided, in seconds after the rollout's creation, where it is right.
    pub(crate) decided_after_s: Option<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    good: usize,
    bad: usize,
    by_id: BTreeMap<String, (usize, usize, Vec<i64>)>,
}

/// The name of all of the rules together.
const VERDICT: &str = "verdict";

impl Counts {
    pub(super) fn add(&mut self, outcome: &Outcome, label: &Label) {
        let is_bad = label.truth == Truth::Bad;
        *(if is_bad { &mut self.bad } else { &mut self.good }) += 1;
        let verdict = (outcome.after.verdict == Conclusion::Fail).then(|| VERDICT.to_owned());
        for id in outcome.failed.iter().cloned().chain(verdict) {
            let (caught, alarms, decided) = self.by_id.entry(id.clone()).or_default();
            if is_bad {
                *caught += 1;
                decided.extend(outcome.decided_ms.get(&id));
            } else {
                *alarms += 1;
            }
        }
    }

    pub(super) fn labelled(&self) -> usize {
        self.good + self.bad
    }
}

/// `dates`: the days of all deployments that were looked at.
pub(super) fn worth(mut counts: Counts, dates: &[String]) -> Vec<Worth> {
    if counts.labelled() > 0 {
        // Also where no check failed: then every bad deployment was missed.
        counts.by_id.entry(VERDICT.to_owned()).or_default();
    }
    let day = |date: &String| date.parse::<jiff::civil::Date>().ok();
    let (first, last) = (dates.iter().filter_map(day).min(), dates.iter().filter_map(day).max());
    let days = first.zip(last).map(|(first, last)| f64::from(1 + (last - first).get_days()));
    let bad = counts.bad;
    #[expect(clippy::cast_precision_loss, reason = "numbers of deployments")]
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    let mut all: Vec<Worth> = counts
        .by_id
        .into_iter()
        .map(|(id, (caught, false_alarms, mut decided))| {
            decided.sort_unstable();
            #[expect(clippy::cast_precision_loss, reason = "numbers of deployments")]
            let a_month = |days: f64| false_alarms as f64 * 30.0 / days;
            Worth {
                id,
                caught,
                false_alarms,
                missed: bad.saturating_sub(caught),
                precision: share(caught, caught + false_alarms),
                recall: share(caught, bad),
                false_alarms_a_month: days.map(a_month),
                decided_after_s: decided.get(decided.len() / 2).map(|ms| ms / 1000),
            }
        })
        .collect();
    all.sort_by(|a, b| {
        (a.id != VERDICT, b.caught, a.false_alarms, &a.id).cmp(&(b.id != VERDICT, a.caught, b.false_alarms, &b.id))
    });
    all
}
