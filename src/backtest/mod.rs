//! The verdicts of an archive with other rules: which of them a change of the rules turns.
//!
//! Of each bundle only what the change can have an effect on is judged again: nothing, where the rules are those of the
//! verdict; the log lines, where only patterns of signatures differ; the checks that differ; or all of it, where the
//! verdict is of another version of casefile.

mod job;
mod outcome;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod work;
mod worth;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use casefile_analyzer::{Analyzer, Change, Conclusion, Engine, Evidence, Options, Seat, Settings, Together, Verdict};
use casefile_archive::{Archive, Batches, Entry, Label};
use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{Bundle, Row};
use futures::StreamExt;
use futures::future::join_all;

pub(crate) use job::{Job, Judging, OtherRules};
pub(crate) use outcome::{CheckChange, How, Outcome, Side};
use rules::RulesOf;
pub(crate) use rules::{Given, Rules};
pub(crate) use table::Table;
use work::Judged;
pub(crate) use worth::Worth;

use crate::error::Error;
use crate::operator::Place;
use crate::say::tell;

/// What is judged, and how.
pub(crate) struct Backtest {
    pub(crate) archive: Archive,
    /// The rules that are tried.
    pub(crate) analyzer: Analyzer,
    /// The config that is tried; `None`: each bundle's own.
    pub(crate) settings: Option<Settings>,
    /// Where the verdicts of before come from.
    pub(crate) rules: Rules,
    /// Whether nothing is taken from the verdicts of before.
    pub(crate) whole: bool,
    /// The deployments of the archive, by their bundles.
    pub(crate) entries: HashMap<String, Arc<Entry>>,
    /// The bundles of which the outcome of every check is needed.
    pub(crate) labelled: BTreeSet<String>,
    pub(crate) options: Options,
}

/// The most bytes that the bundles of one group have. Their tables are all in memory at the same time.
const TOGETHER_BYTES: i64 = 8 << 20;

impl fmt::Debug for Backtest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backtest").field("archive", &self.archive.name()).finish_non_exhaustive()
    }
}

/// What became of all of them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// How many were compared, by how.
    pub(crate) compared: BTreeMap<How, usize>,
    /// The outcomes with a difference, by date, service and digest.
    pub(crate) differing: Vec<Outcome>,
    /// The verdicts with the tried rules.
    pub(crate) after: BTreeMap<String, usize>,
    /// Bundles without a verdict to compare with.
    pub(crate) without_verdict: usize,
    /// Bundles that could not be judged, and why.
    pub(crate) problems: Vec<(String, String)>,
    /// What each check is worth, where a person labelled deployments.
    pub(crate) worth: Vec<Worth>,
    /// How many deployments have a label.
    pub(crate) labelled: usize,
}

impl Report {
    /// The verdicts that turn.
    pub(crate) fn flips(&self) -> impl Iterator<Item = &Outcome> {
        self.differing.iter().filter(|outcome| outcome.is_flip())
    }

    /// How many were compared.
    pub(crate) fn total(&self) -> usize {
        self.compared.values().sum()
    }
}

/// Judges the deployments, where `place` says, but for those whose outcome is `done`. `keep` takes each new outcome.
pub(crate) async fn run(
    judging: Judging,
    place: &Place,
    entries: &[Arc<Entry>],
    labels: &BTreeMap<String, Label>,
    mut done: BTreeMap<String, Outcome>,
    keep: &mut (dyn FnMut(&Outcome) -> Result<(), Error> + Send),
) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut worth_of = worth::Counts::default();
    let dates: Vec<String> = entries.iter().map(|entry| entry.date.clone()).collect();
    let keys: HashMap<&str, &str> = entries.iter().map(|entry| (entry.bundle.as_str(), entry.key.as_str())).collect();
    let is_known = |entry: &&Arc<Entry>| done.contains_key(&entry.bundle);
    let (known, new): (Vec<_>, Vec<_>) = entries.iter().partition(is_known);
    let new: Vec<String> = new.into_iter().map(|entry| entry.bundle.clone()).collect();
    let mut take = |outcome: Outcome, report: &mut Report| {
        *report.compared.entry(outcome.how).or_default() += 1;
        *report.after.entry(crate::corpus::word(&outcome.after.verdict)).or_default() += 1;
        if let Some(label) = labels.get(&outcome.bundle) {
            worth_of.add(&outcome, label);
        }
        if outcome.differs() {
            report.differing.push(outcome);
        }
    };
    let mut number = known.len();
    known.iter().filter_map(|entry| done.remove(&entry.bundle)).for_each(|outcome| take(outcome, &mut report));
    let mut judged = place.run(Arc::new(judging), &new).await?;
    while let Some(batch) = judged.next().await {
        for Judged { bundle, outcome } in work::rows(&batch.map_err(|error| Error::engine(&error))?)? {
            number += 1;
            tell(|| format!("judging bundle {number} of {}", entries.len()));
            match outcome {
                Ok(Some(outcome)) => {
                    keep(&outcome)?;
                    take(outcome, &mut report);
                }
                Ok(None) => report.without_verdict += 1,
                // One bundle's problem is no reason to judge no other.
                Err(problem) => {
                    let key = keys.get(bundle.as_str()).map_or(bundle.clone(), |key| (*key).to_owned());
                    report.problems.push((key, problem));
                }
            }
        }
    }
    report.differing.sort_by(|a, b| a.order().cmp(&b.order()));
    report.problems.sort();
    report.labelled = worth_of.labelled();
    report.worth = worth::worth(worth_of, &dates);
    Ok(report)
}

impl Backtest {
    /// Judges the deployments of bundles, named by their digests, in groups that are judged together. The outcomes are in the
    /// order of the digests.
    async fn judge_bundles(&self, bundles: &[String]) -> Vec<Result<Option<Outcome>, Error>> {
        let entries: Vec<Option<&Arc<Entry>>> = bundles.iter().map(|bundle| self.entries.get(bundle)).collect();
        let mut judged = Vec::new();
        let mut rest = &entries[..];
        while !rest.is_empty() {
            let mut sum: i64 = 0;
            let fits = |entry: &&Option<&Arc<Entry>>| {
                sum = sum.saturating_add(entry.map_or(0, |entry| entry.bytes));
                sum <= TOGETHER_BYTES
            };
            // The first one is judged, however large it is.
            let (some, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            let together = Together::default();
            // All seats are taken before the first bundle is judged.
            let seats: Vec<_> = some.iter().map(|entry| (*entry, together.seat())).collect();
            let options = Options { threads: 1, together: Some(together), ..self.options.clone() };
            let group = seats.into_iter().map(|(entry, seat)| self.judge_seated(entry, seat, &options));
            judged.extend(join_all(group).await);
            rest = others;
        }
        judged
    }

    /// Judges one deployment, and leaves its seat when that is done.
    async fn judge_seated(
        &self,
        entry: Option<&Arc<Entry>>,
        _seat: Seat,
        options: &Options,
    ) -> Result<Option<Outcome>, Error> {
        match entry {
            Some(entry) => self.judge(entry, self.labelled.contains(&entry.bundle), options).await,
            None => Err(Error::usage(format!("the index of {} does not have it", self.archive.name()))),
        }
    }

    /// Judges one deployment. `None`: it has no verdict to compare with. `with_checks`: the outcome of every check is
    /// needed.
    async fn judge(&self, entry: &Entry, with_checks: bool, options: &Options) -> Result<Option<Outcome>, Error> {
        let Some(base) = self.rules.of(&self.archive, entry).await? else { return Ok(None) };
        match base {
            RulesOf::Sealed { pack, settings, is_of_this_engine } => {
                let tried = match &self.settings {
                    Some(tried) => Some(tried.clone()),
                    None => settings.as_ref().map(|settings| settings.as_ref().clone()),
                };
                let known = pack
                    .as_deref()
                    .zip(settings.as_deref())
                    .zip(tried.as_ref())
                    .filter(|_| is_of_this_engine && !self.whole);
                let change = known
                    .map(|((pack, settings), tried)| Change::between((pack, settings), (self.analyzer.pack(), tried)));
                let may_stay = change.as_ref().filter(|_| !with_checks);
                if may_stay.is_some_and(Change::is_none) {
                    return Ok(Some(Outcome::unchanged(entry, How::SameRules)));
                }
                if let Some(change) = may_stay.filter(|change| change.is_of_patterns_only())
                    && self.lines_are_the_same(entry, change).await?
                {
                    return Ok(Some(Outcome::unchanged(entry, How::SameLines)));
                }
                let verdict: Verdict = serde_json::from_slice(&self.archive.verdict_of(entry).await?.bytes)
                    .map_err(|error| Error::usage(format!("the verdict of {}: {error}", entry.key)))?;
                let bundle = self.archive.bundle(entry).await?;
                let tried = match tried {
                    Some(tried) => tried,
                    None => rules::sealed_settings(&bundle)?,
                };
                let (how, after) = self.again(&bundle, &verdict, change.as_ref(), &tried, options).await?;
                Ok(Some(Outcome::new(entry, how, &verdict, &after)))
            }
            RulesOf::Given(before) => {
                let bundle = self.archive.bundle(entry).await?;
                let sealed = rules::sealed_settings(&bundle)?;
                // The history is not of the rules: that of the verdict that the archive has counts for both.
                let verdict = match &entry.verdict_digest {
                    Some(_) => serde_json::from_slice::<Verdict>(&self.archive.verdict_of(entry).await?.bytes).ok(),
                    None => None,
                };
                let evidence = Evidence::bundle(&bundle)?.with_history(verdict.and_then(|verdict| verdict.history));
                let old = before.settings.as_ref().unwrap_or(&sealed);
                let new = self.settings.as_ref().unwrap_or(&sealed);
                let base = before.analyzer.analyze(&evidence, old, options).await?;
                let change = Change::between((before.analyzer.pack(), old), (self.analyzer.pack(), new));
                let after = self.analyzer.analyze_again(&evidence, &base, &change, new, options).await?;
                Ok(Some(Outcome::new(entry, How::Whole, &base, &after)))
            }
        }
    }

    async fn again(
        &self,
        bundle: &Bundle,
        base: &Verdict,
        change: Option<&Change>,
        tried: &Settings,
        options: &Options,
    ) -> Result<(How, Verdict), Error> {
        // The history is not of the rules.
        let evidence = Evidence::bundle(bundle)?.with_history(base.history.clone());
        let is_of_the_end = base.as_of == bundle.manifest().window.to;
        match change.filter(|_| is_of_the_end) {
            Some(change) => {
                let after = self.analyzer.analyze_again(&evidence, base, change, tried, options).await?;
                Ok((How::ChangedChecks, after))
            }
            None => {
                // A verdict of an earlier moment is compared with the same moment.
                let as_of = base.as_of.filter(|_| !is_of_the_end);
                let options = Options { as_of, ..options.clone() };
                Ok((How::Whole, self.analyzer.analyze(&evidence, tried, &options).await?))
            }
        }
    }

    /// Whether the patterns that differ find the same lines of a bundle as before.
    async fn lines_are_the_same(&self, entry: &Entry, change: &Change) -> Result<bool, Error> {
        let Some(lines) = log_lines(&self.archive, entry).await? else { return Ok(true) };
        Ok(self.analyzer.finds_the_same_lines(&change.patterns, lines, entry.created_at)?)
    }
}

/// Whether a verdict of the archive was computed by this version of casefile.
pub(crate) fn is_of_this_engine(entry: &Entry) -> bool {
    entry.engine.as_deref() == Some(Engine::current().casefile.as_str())
}

/// The verdict that an entry of the index names.
pub(crate) fn conclusion(text: &str) -> Option<Conclusion> {
    serde_json::from_value(serde_json::Value::from(text)).ok()
}

/// The log lines of a bundle; `None` where it has no such table.
pub(crate) async fn log_lines(archive: &Archive, entry: &Entry) -> Result<Option<Batches>, Error> {
    Ok(archive.batches(&archive.manifests(entry).await?, LogEventRow::TABLE).await?)
}
