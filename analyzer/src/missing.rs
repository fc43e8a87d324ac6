//! Missing evidence, grouped by what brings it: twenty streams that one permission opens are one thing to do.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::coverage::Gap;
use crate::outcome::Outcome;
use crate::pack::Level;
use crate::verdict::{CheckVerdict, Verdict};

/// Gaps of one cause.
#[derive(Debug)]
pub struct Missing<'a> {
    /// What to do, each once; empty where nothing helps.
    pub remedies: Vec<&'a str>,
    /// The gaps.
    pub gaps: Vec<&'a Gap>,
    /// The blocking checks that could not be decided without it.
    pub blocks: Vec<&'a str>,
    /// The advising ones.
    pub advises: Vec<&'a str>,
}

/// Why a whole group of gaps has one cause, whatever the remedy of each.
#[derive(Debug, PartialEq, Eq)]
enum Kind<'a> {
    /// No connection came about.
    Unreachable,
    /// Nothing was asked: another answer would have named it, or a recording lacks it.
    NotAsked,
    /// What one remedy brings.
    Remedy(&'a str),
}

impl<'a> Kind<'a> {
    fn of(gap: &'a Gap) -> Self {
        match gap.status.as_str() {
            "unreachable" => Self::Unreachable,
            "not_attempted" | "never_asked" => Self::NotAsked,
            _ => Self::Remedy(&gap.remedy),
        }
    }
}

impl Verdict {
    /// The missing evidence, by cause: what blocking checks need first, and what was never asked last.
    pub fn missing(&self) -> Vec<Missing<'_>> {
        missing(&self.checks, &self.gaps)
    }
}

pub(crate) fn missing<'a>(checks: &'a [CheckVerdict], gaps: &'a [Gap]) -> Vec<Missing<'a>> {
    let mut all: Vec<(Kind<'a>, Missing<'a>)> = Vec::new();
    let of = |level: Level| checks.iter().filter(move |check| check.level == level);
    let unknown = of(Level::Block).chain(of(Level::Advise)).filter(|check| check.outcome == Outcome::Unknown);
    let needed = unknown.flat_map(|check| check.unknown_because.iter().map(move |gap| (gap, Some(check))));
    for (gap, check) in needed.chain(gaps.iter().map(|gap| (gap, None))) {
        let kind = Kind::of(gap);
        let place = all.iter().position(|(other, _)| *other == kind).unwrap_or_else(|| {
            let none = Missing { remedies: Vec::new(), gaps: Vec::new(), blocks: Vec::new(), advises: Vec::new() };
            all.push((kind, none));
            all.len() - 1
        });
        let Some((_, entry)) = all.get_mut(place) else { continue };
        if !entry.gaps.contains(&gap) {
            entry.gaps.push(gap);
        }
        if !gap.remedy.is_empty() && !entry.remedies.contains(&gap.remedy.as_str()) {
            entry.remedies.push(&gap.remedy);
        }
        if let Some(check) = check {
            let ids = if check.level == Level::Block { &mut entry.blocks } else { &mut entry.advises };
            if !ids.contains(&check.id.as_str()) {
                ids.push(&check.id);
            }
        }
    }
    all.sort_by_key(|(kind, entry)| (entry.blocks.is_empty(), entry.advises.is_empty(), *kind == Kind::NotAsked));
    all.into_iter().map(|(_, entry)| entry).collect()
}

impl Missing<'_> {
    /// What is missing, in a sentence: `GetLogEvents /ecs/web: access denied; 11 checks lack evidence`.
    pub fn sentence(&self) -> String {
        let Some(gap) = self.gaps.first() else { return String::new() };
        let what = match gap.status.as_str() {
            "unreachable" => format!("no answer from AWS: {}", last_part(&gap.error)),
            "not_attempted" | "never_asked" => format!("not called: {}", self.operations()),
            "denied" => format!("{}: access denied{}", asked(gap), self.and_more()),
            "throttled" => format!("{}: throttled{}", asked(gap), self.and_more()),
            "timeout" => format!("{}: no answer in time{}", asked(gap), self.and_more()),
            _ => format!("{}: {}{}", asked(gap), gap.error, self.and_more()),
        };
        match self.blocks.len() {
            0 => what,
            1 => format!("{what}; 1 check lacks evidence"),
            number => format!("{what}; {number} checks lack evidence"),
        }
    }

    /// Whether no connection came about.
    pub fn is_unreachable(&self) -> bool {
        self.gaps.first().is_some_and(|gap| Kind::of(gap) == Kind::Unreachable)
    }

    /// Whether it is about calls that were never made.
    pub fn is_not_called(&self) -> bool {
        self.gaps.first().is_some_and(|gap| Kind::of(gap) == Kind::NotAsked)
    }

    fn and_more(&self) -> String {
        match self.gaps.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        }
    }

    /// The operations, each once: `DescribeTasks, ListTasks and 3 more`.
    fn operations(&self) -> String {
        const NAMED: usize = 3;
        let names: BTreeSet<&str> = self.gaps.iter().map(|gap| operation(gap)).collect();
        let named: Vec<&str> = names.iter().take(NAMED).copied().collect();
        match names.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}

/// A source without the table that it feeds, and without the names of parameters: `GetLogEvents /ecs/web ecs/app/1f2e`,
/// `ListTasks STOPPED web`.
fn asked(gap: &Gap) -> String {
    let asked = gap.source.split_once(": ").map_or(gap.source.as_str(), |(_, asked)| asked);
    let Some((operation, parameters)) = asked.split_once(' ') else { return asked.to_owned() };
    let Ok(Value::Object(parameters)) = serde_json::from_str(parameters) else { return asked.to_owned() };
    let values = parameters.iter().filter(|(name, _)| *name != "cluster").flat_map(|(_, value)| match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        value => value.as_str().into_iter().collect(),
    });
    std::iter::once(operation).chain(values).collect::<Vec<_>>().join(" ")
}

fn operation(gap: &Gap) -> &str {
    let asked = gap.source.split_once(": ").map_or(gap.source.as_str(), |(_, asked)| asked);
    asked.split_whitespace().next().unwrap_or_default()
}

/// What went wrong at the bottom of a chain of errors: `Connection refused (os error 111)`.
fn last_part(error: &str) -> &str {
    error.rsplit(": ").next().unwrap_or(error)
}
