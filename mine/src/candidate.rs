//! Candidates: the templates, and the parts of a template that only one side logged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::collect::Seen;
use crate::drain::{DrainOptions, by_line, common};
use crate::proposal::Expect;
use crate::words::{self, Telling};
use crate::{Truth, WILDCARD};

/// The labelled deployments, by their number.
pub(crate) struct Sides {
    pub(crate) truth: Vec<Option<Truth>>,
    pub(crate) good: usize,
    pub(crate) bad: usize,
}

/// Which deployments logged something, each with its earliest moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Logged {
    pub(crate) good: BTreeMap<u32, i32>,
    pub(crate) bad: BTreeMap<u32, i32>,
}

impl Logged {
    pub(crate) fn add(&mut self, seen: &Seen, sides: &Sides, only: Option<Truth>) {
        for &(deployment, moment) in &seen.deployments {
            let truth = sides.truth[deployment as usize];
            if only.is_some() && only != truth {
                continue;
            }
            let side = match truth {
                Some(Truth::Good) => &mut self.good,
                Some(Truth::Bad) => &mut self.bad,
                None => continue,
            };
            side.entry(deployment).and_modify(|known| *known = moment.min(*known)).or_insert(moment);
        }
    }

    fn of(members: &[&Seen], sides: &Sides) -> Self {
        let mut logged = Self::default();
        members.iter().for_each(|seen| logged.add(seen, sides, None));
        logged
    }

    /// The numbers of both sides.
    fn deployments(&self) -> (BTreeSet<u32>, BTreeSet<u32>) {
        (self.good.keys().copied().collect(), self.bad.keys().copied().collect())
    }
}

/// Lines of one container that a pattern could be made of.
pub(crate) struct Candidate<'a> {
    pub(crate) template: String,
    pub(crate) container: &'a str,
    pub(crate) members: Vec<&'a Seen>,
    pub(crate) logged: Logged,
    pub(crate) score: Score,
}

/// Proposals that are logged within this time of each other may be one group.
const ADJACENT_MS: i64 = 10_000;

impl Candidate<'_> {
    /// Whether a candidate that ranks lower says the same: the same deployments log it, about then, in the same
    /// container. A stack trace or a consequence says nothing new either if only some of these deployments log it.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let same =
            self.logged.good.keys().eq(other.logged.good.keys()) && self.logged.bad.keys().eq(other.logged.bad.keys());
        let follows = self.score.telling.0 == Telling::Error
            && other.score.telling.0 >= Telling::Consequence
            && other.logged.bad.keys().all(|number| self.logged.bad.contains_key(number));
        self.container == other.container
            && (same || follows)
            && (self.score.moment - other.score.moment).abs() <= ADJACENT_MS
    }
}

/// How candidates are ranked: the smallest is the best.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Score {
    /// A stack trace says where, not why: it comes last.
    trace: bool,
    /// F0.5 in millionths: precision counts twice as much as recall.
    f: Reverse<u64>,
    /// A failure: how much it says about the cause. A success: whether it has a word for it.
    telling: (Telling, bool),
    /// A success: whether it is traffic, more than ten lines a deployment.
    traffic: bool,
    /// A failure: the median of the first moments, because a cause comes before its consequences. A success: the
    /// same, negated, because the last line of a start proves most.
    moment: i64,
    /// Constant text.
    specific: Reverse<usize>,
    /// How many distinct masked lines it has.
    members: Reverse<usize>,
}

/// F0.5 of a precision and a recall.
fn f_half(precision: f64, recall: f64) -> f64 {
    if precision + recall == 0.0 { 0.0 } else { 1.25 * precision * recall / (0.25 * precision + recall) }
}

/// A share as a fraction; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of deployments")]
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Score {
    pub(crate) fn of(expect: Expect, template: &str, members: &[&Seen], logged: &Logged, sides: &Sides) -> Self {
        let (own, against, all) = match expect {
            Expect::Failure => (&logged.bad, logged.good.len(), sides.bad),
            Expect::Success => (&logged.good, logged.bad.len(), sides.good),
        };
        let f = f_half(share(own.len(), own.len() + against), share(own.len(), all));
        let mut moments: Vec<i64> = own.values().map(|&moment| i64::from(moment)).collect();
        moments.sort_unstable();
        let median = moments.get(moments.len() / 2).copied().unwrap_or_default();
        let lines: u64 = members.iter().map(|seen| seen.lines).sum();
        let (telling, traffic, moment) = match expect {
            Expect::Failure => ((telling(template, members), false), false, median),
            Expect::Success => {
                ((Telling::Error, !words::is_success(template)), lines > 10 * (own.len() + against) as u64, -median)
            }
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1,000,000")]
        let f = Reverse((f * 1e6).round() as u64);
        let specific = Reverse(template.replace(WILDCARD, "").len());
        let trace = telling.0 == Telling::Trace;
        Self { trace, f, telling, traffic, moment, specific, members: Reverse(members.len()) }
    }
}

/// What a template says about the cause. Lines that are indented deep are source lines or details of a trace.
fn telling(template: &str, members: &[&Seen]) -> Telling {
    let mut examples = members.iter().flat_map(|seen| &seen.examples);
    if examples.all(|line| line.starts_with("    ") || line.starts_with('\t')) {
        Telling::Trace
    } else {
        words::telling(template)
    }
}

/// Each masked line with its template, in the order of container and text.
pub(crate) fn grouped<'a>(seen: impl Iterator<Item = &'a Seen>, options: DrainOptions) -> Vec<(usize, &'a Seen)> {
    let mut seen: Vec<&Seen> = seen.collect();
    seen.sort_unstable_by(|a, b| (&a.container, &a.masked).cmp(&(&b.container, &b.masked)));
    let (index, _) = by_line(seen.iter().map(|each| each.masked.as_str()), options);
    seen.into_iter().filter_map(|each| Some((*index.get(each.masked.as_str())?, each))).collect()
}

/// The candidates of one expectation that `keep` accepts, best first. Of a template the whole, the lines that only
/// one side logged, and each line are candidates: "startup complete" and "startup failed" may be one template.
pub(crate) fn candidates<'a>(
    lines: &[(usize, &'a Seen)],
    sides: &Sides,
    expect: Expect,
    keep: impl Fn(&Logged) -> bool,
) -> Vec<Candidate<'a>> {
    let mut templates: BTreeMap<(&str, usize), Vec<&Seen>> = BTreeMap::new();
    for (template, seen) in lines {
        templates.entry((&seen.container, *template)).or_default().push(seen);
    }
    let mut found = Vec::new();
    for ((container, _), members) in templates {
        let own: Vec<&Seen> = members
            .iter()
            .copied()
            .filter(|seen| {
                let logged = Logged::of(&[seen], sides);
                match expect {
                    Expect::Failure => logged.good.is_empty() && !logged.bad.is_empty(),
                    Expect::Success => logged.bad.is_empty() && !logged.good.is_empty(),
                }
            })
            .collect();
        let singles = members.iter().map(|seen| vec![*seen]).collect::<Vec<_>>();
        // The widest comes first; a narrower one counts only if other deployments log it.
        let mut known = BTreeSet::new();
        for part in [members, own].into_iter().chain(singles) {
            let logged = Logged::of(&part, sides);
            if part.is_empty() || !keep(&logged) || !known.insert(logged.deployments()) {
                continue;
            }
            let template = common(part.iter().map(|seen| seen.masked.as_str()));
            // That every good deployment logs an error by now does not make the error a good sign.
            if expect == Expect::Success && words::is_error(&template) {
                continue;
            }
            let score = Score::of(expect, &template, &part, &logged, sides);
            found.push(Candidate { template, container, members: part, logged, score });
        }
    }
    sort(&mut found);
    found
}

/// Best first; the text decides between equal ones.
pub(crate) fn sort(candidates: &mut [Candidate<'_>]) {
    candidates.sort_by(|a, b| (&a.score, a.container, &a.template).cmp(&(&b.score, b.container, &b.template)));
}
