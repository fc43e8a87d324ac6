//! The contrast of good and bad deployments: which lines tell them apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::candidate::{Candidate, Logged, Score, Sides, candidates, grouped, share, sort};
use crate::collect::{Collected, Seen};
use crate::drain::DrainOptions;
use crate::pattern::{Pattern, pattern, slug};
use crate::proposal::{Appearance, Expect, Proposal};

/// How many candidates are tested for each proposal that may be shown.
const TESTED: usize = 5;

/// How a deployment ended, as people or verdicts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It succeeded.
    Good,
    /// It failed.
    Bad,
}

/// What a proposal must have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContrastOptions {
    /// How lines become templates.
    pub drain: DrainOptions,
    /// The fewest bad deployments that log a failure, if there are as many.
    pub min_support: usize,
    /// The least precision of a failure.
    pub min_precision: f64,
    /// The most proposals of each kind.
    pub limit: usize,
}

impl Default for ContrastOptions {
    fn default() -> Self {
        Self { drain: DrainOptions::default(), min_support: 2, min_precision: 0.8, limit: 20 }
    }
}

/// What the contrast found.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    /// The good deployments whose lines were collected.
    pub good: usize,
    /// The bad ones. Without a deployment of each side nothing is proposed.
    pub bad: usize,
    /// Collected deployments without a truth. They do not count.
    pub unlabelled: usize,
    /// Deployments that have a truth, but no collected log. They do not count: what they logged is not known.
    pub not_collected: Vec<String>,
    /// Lines that bad deployments log and good ones do not, best first.
    pub failures: Vec<Proposal>,
    /// Lines that every good deployment logs in time and no bad one does, best first.
    pub successes: Vec<Proposal>,
    /// Whether lines were dropped before, because there were too many distinct ones.
    pub is_cut: bool,
}

/// Proposes signatures that tell the good deployments from the bad ones.
#[must_use]
pub fn contrast(collected: &Collected, truth: &BTreeMap<String, Truth>, options: ContrastOptions) -> Contrast {
    let numbers = collected.numbers();
    let mut names = vec![""; numbers.len()];
    let mut sides = Sides { truth: vec![None; numbers.len()], good: 0, bad: 0 };
    for (id, &number) in numbers {
        names[number as usize] = id;
        sides.truth[number as usize] = truth.get(id).copied();
        match truth.get(id) {
            Some(Truth::Good) => sides.good += 1,
            Some(Truth::Bad) => sides.bad += 1,
            None => {}
        }
    }
    let mut found = Contrast {
        good: sides.good,
        bad: sides.bad,
        unlabelled: numbers.len() - sides.good - sides.bad,
        not_collected: truth.keys().filter(|id| !numbers.contains_key(*id)).cloned().collect(),
        failures: Vec::new(),
        successes: Vec::new(),
        is_cut: collected.is_cut(),
    };
    if sides.good > 0 && sides.bad > 0 {
        // Lines that only unlabelled deployments logged shape no template.
        let labelled =
            |seen: &&Seen| seen.deployments.iter().any(|&(number, _)| sides.truth[number as usize].is_some());
        let lines = grouped(collected.seen().filter(labelled), options.drain);
        let search = Search { lines: &lines, sides: &sides, names: &names, options };
        let mut ids = BTreeSet::new();
        found.failures = search.proposals(Expect::Failure, &mut ids);
        found.successes = search.proposals(Expect::Success, &mut ids);
    }
    found
}

struct Search<'a> {
    lines: &'a [(usize, &'a Seen)],
    sides: &'a Sides,
    names: &'a [&'a str],
    options: ContrastOptions,
}

impl Search<'_> {
    fn proposals(&self, expect: Expect, ids: &mut BTreeSet<String>) -> Vec<Proposal> {
        let keep = |logged: &Logged| self.holds(expect, logged);
        let mut tested = Vec::new();
        let mut patterns = BTreeSet::new();
        for mut candidate in
            candidates(self.lines, self.sides, expect, keep).into_iter().take(self.options.limit * TESTED)
        {
            let examples: Vec<&str> =
                candidate.members.iter().flat_map(|seen| &seen.examples).map(String::as_str).collect();
            let Some(pattern) = pattern(&candidate.template, &examples) else { continue };
            candidate.logged = self.matched(expect, candidate.container, &pattern);
            let key = (candidate.container, pattern.text.clone());
            if !keep(&candidate.logged) || patterns.contains(&key) {
                continue;
            }
            let Candidate { template, members, logged, .. } = &candidate;
            candidate.score = Score::of(expect, template, members, logged, self.sides);
            patterns.insert(key);
            tested.push((candidate, pattern.text));
        }
        self.groups(expect, tested, ids)
    }

    /// Whether the deployments that log a line speak for it.
    fn holds(&self, expect: Expect, logged: &Logged) -> bool {
        match expect {
            Expect::Failure => {
                let (bad, good) = (logged.bad.len(), logged.good.len());
                bad >= self.options.min_support.clamp(1, self.sides.bad.max(1))
                    && share(bad, bad + good) >= self.options.min_precision
            }
            Expect::Success => logged.good.len() == self.sides.good && in_time(logged) == 0,
        }
    }

    /// Which deployments log what a pattern matches, as far as the kept examples say: a masked line counts for the
    /// proposal if the pattern matches all of its examples, and against it if it matches any.
    fn matched(&self, expect: Expect, container: &str, pattern: &Pattern) -> Logged {
        let (own, other) = match expect {
            Expect::Failure => (Truth::Bad, Truth::Good),
            Expect::Success => (Truth::Good, Truth::Bad),
        };
        let mut logged = Logged::default();
        for (_, seen) in self.lines.iter().filter(|(_, seen)| seen.container == container) {
            let matches = seen.examples.iter().filter(|example| pattern.is_match(example)).count();
            if matches == seen.examples.len() {
                logged.add(seen, self.sides, Some(own));
            }
            if matches > 0 {
                logged.add(seen, self.sides, Some(other));
            }
        }
        logged
    }

    fn groups(
        &self,
        expect: Expect,
        tested: Vec<(Candidate<'_>, String)>,
        ids: &mut BTreeSet<String>,
    ) -> Vec<Proposal> {
        let (mut order, texts): (Vec<_>, BTreeMap<_, _>) = tested
            .into_iter()
            .map(|(candidate, text)| {
                let key = (candidate.container, candidate.template.clone());
                (candidate, (key, text))
            })
            .unzip();
        sort(&mut order);
        let mut shown: Vec<(Candidate<'_>, usize)> = Vec::new();
        for candidate in order {
            let near = shown.iter_mut().find(|(best, _)| best.covers(&candidate));
            match near {
                Some((_, others)) => *others += 1,
                None => shown.push((candidate, 0)),
            }
        }
        shown.truncate(self.options.limit);
        shown
            .into_iter()
            .filter_map(|(candidate, others)| {
                let text = texts.get(&(candidate.container, candidate.template.clone()))?;
                self.proposal(expect, &candidate, text, others, ids)
            })
            .collect()
    }

    fn proposal(
        &self,
        expect: Expect,
        candidate: &Candidate<'_>,
        pattern: &str,
        others: usize,
        ids: &mut BTreeSet<String>,
    ) -> Option<Proposal> {
        let logged = &candidate.logged;
        let (own, against, all, within_s) = match expect {
            Expect::Failure => (&logged.bad, logged.good.len(), self.sides.bad, None),
            Expect::Success => (&logged.good, in_time(logged), self.sides.good, Some(within_s(logged))),
        };
        let (moment, deployment) = own.iter().map(|(&number, &moment)| (moment, self.names[number as usize])).min()?;
        let mut examples: Vec<&String> = candidate.members.iter().flat_map(|seen| &seen.examples).collect();
        examples.sort_unstable();
        examples.dedup();
        Some(Proposal {
            id: distinct(slug(&candidate.template), ids),
            expect,
            template: candidate.template.clone(),
            pattern: pattern.to_owned(),
            container: candidate.container.to_owned(),
            support: own.len(),
            against,
            precision: share(own.len(), own.len() + against),
            recall: share(own.len(), all),
            within_s,
            first: Appearance { deployment: deployment.to_owned(), moment_ms: i64::from(moment) },
            examples: examples.into_iter().take(3).cloned().collect(),
            others,
        })
    }
}

/// How long a success may take: the 95th percentile of the good deployments, doubled, up to whole five seconds.
fn within_s(logged: &Logged) -> u64 {
    let mut moments: Vec<u64> = logged.good.values().map(|&moment| u64::try_from(moment).unwrap_or(0)).collect();
    moments.sort_unstable();
    let rank = (moments.len() * 95).div_ceil(100).saturating_sub(1);
    let doubled = moments.get(rank).copied().unwrap_or(0) * 2;
    (doubled.div_ceil(5_000) * 5).max(5)
}

/// How many bad deployments log a success in time.
fn in_time(logged: &Logged) -> usize {
    let limit = i64::try_from(within_s(logged) * 1_000).unwrap_or(i64::MAX);
    logged.bad.values().filter(|&&moment| i64::from(moment) <= limit).count()
}

fn distinct(id: String, ids: &mut BTreeSet<String>) -> String {
    let mut next = id.clone();
    let mut number = 2;
    while !ids.insert(next.clone()) {
        next = format!("{id}-{number}");
        number += 1;
    }
    next
}
