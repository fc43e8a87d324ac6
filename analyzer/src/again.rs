//! Judging again with changed rules: only what the change can have an effect on.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use casefile_evidence::{ReadError, Timestamp};

use crate::engine::Analyzer;
use crate::error::AnalyzeError;
use crate::options::Options;
use crate::pack::{Check, Pack};
use crate::settings::Settings;
use crate::signature::{KEPT, Signature};
use crate::tables::{Evidence, NEW_ERRORS};
use crate::verdict::Verdict;

/// What differs between two sets of rules, by what it can have an effect on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Something that every check may depend on: `[rollout]`.
    pub everything: bool,
    /// The checks of the pack that are new or differ, or whose level or owner differ.
    pub checks: BTreeSet<String>,
    /// The checks and signatures that are gone.
    pub removed: BTreeSet<String>,
    /// The signatures that are new, or differ in more than the pattern.
    pub signatures: BTreeSet<String>,
    /// The signatures of which only the pattern differs: before and after.
    pub patterns: Vec<(Signature, Signature)>,
    /// Whether the addressee of decisions differs: `service`, `owner`, `runbook`.
    pub addressee: bool,
}

impl Change {
    /// The change from one pack and config to another.
    pub fn between(before: (&Pack, &Settings), after: (&Pack, &Settings)) -> Self {
        let ((old_pack, old), (new_pack, new)) = (before, after);
        let is_same = |check: &Check| {
            let same = |other: &Check| other.header == check.header && other.sql == check.sql;
            let id = &check.header.id;
            old_pack.check(id).is_some_and(same) && old.checks.get(id) == new.checks.get(id)
        };
        let changed = new_pack.checks().iter().filter(|check| !is_same(check));
        let mut change = Self {
            everything: old.rollout != new.rollout,
            checks: changed.map(|check| check.header.id.clone()).collect(),
            addressee: (&old.service, &old.owner, &old.runbook) != (&new.service, &new.owner, &new.runbook),
            ..Self::default()
        };
        for signature in &new.signature {
            match old.signature.iter().find(|known| known.id == signature.id) {
                Some(known) if known == signature => {}
                Some(known) if known.differs_in_its_pattern_only(signature) => {
                    change.patterns.push((known.clone(), signature.clone()));
                }
                _ => drop(change.signatures.insert(signature.id.clone())),
            }
        }
        if old.checks.get(NEW_ERRORS) != new.checks.get(NEW_ERRORS) {
            change.checks.insert(NEW_ERRORS.to_owned());
        }
        let old_ids =
            old_pack.checks().iter().map(|check| &check.header.id).chain(old.signature.iter().map(|it| &it.id));
        let is_gone =
            |id: &&String| new_pack.check(id).is_none() && new.signature.iter().all(|signature| signature.id != **id);
        change.removed = old_ids.filter(is_gone).cloned().collect();
        change
    }

    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the change has no effect on bundles in which the patterns before and after find the same lines.
    pub fn is_of_patterns_only(&self) -> bool {
        *self == Self { patterns: self.patterns.clone(), ..Self::default() }
    }

    /// Whether a signature differs in any way.
    pub(crate) fn is_of_signatures(&self) -> bool {
        !(self.signatures.is_empty() && self.patterns.is_empty() && self.removed.is_empty())
    }
}

impl Analyzer {
    /// Whether the signatures find the same lines before and after, in all of these: rows of `log_events` in their order.
    /// `since`: from when on lines counted.
    ///
    /// # Errors
    /// Where a pattern or a row cannot be read.
    pub fn finds_the_same_lines(
        &self,
        patterns: &[(Signature, Signature)],
        lines: impl IntoIterator<Item = Result<RecordBatch, ReadError>>,
        since: Option<Timestamp>,
    ) -> Result<bool, AnalyzeError> {
        let compile = || {
            let each_after_its_before = patterns.iter().flat_map(|(before, after)| [before, after]);
            each_after_its_before.map(Signature::compile).collect::<Result<_, _>>().map_err(|error| vec![error])
        };
        let mut scanner = self.pairs.of(patterns, compile)?.scanner();
        if let Some(since) = since {
            scanner.bound(since);
        }
        for batch in lines {
            scanner.batch(&batch?, None)?;
        }
        let matches = scanner.into_matches();
        let found =
            |number: usize| matches.of(number).map(|(place, found)| (&place.log_group, &place.log_stream, found));
        // A scanner keeps a limited number of matches. Above it, whether all are the same is not known.
        let all_are_kept = |number: usize| found(number).all(|(.., found)| found.count() <= KEPT as u64);
        let is_same = |number: usize| all_are_kept(number) && found(number).eq(found(number + 1));
        Ok((0..patterns.len()).all(|pair| is_same(2 * pair)))
    }

    /// The verdict with these rules, where `base` is the verdict of the same bundle, by the same version of casefile, with the
    /// rules of before the change. It is the same as [`Analyzer::analyze`] gives; outcomes that the change has no effect on
    /// are taken from `base`.
    ///
    /// Cancel safe: a running query stops at its next batch.
    ///
    /// # Errors
    /// As [`Analyzer::analyze`].
    pub async fn analyze_again(
        &self,
        evidence: &Evidence,
        base: &Verdict,
        change: &Change,
        settings: &Settings,
        options: &Options,
    ) -> Result<Verdict, AnalyzeError> {
        if change.everything {
            return self.analyze(evidence, settings, options).await;
        }
        self.judge(evidence, None, Some((base, change)), settings, options).await
    }
}
