//! Missing evidence, grouped by remedy: twenty streams that need one permission are one entry.

use std::collections::BTreeSet;

use serde_json::Value;

use super::check::CheckVerdict;
use super::gap::Gap;
use super::outcome::Outcome;
use crate::terms::Level;

/// Gaps of one cause.
#[derive(Debug)]
pub struct Missing<'a> {
    /// The remedies, without duplicates; empty if there is none.
    pub remedies: Vec<&'a str>,
    /// The gaps.
    pub gaps: Vec<&'a Gap>,
    /// The blocking checks that could not be decided without it.
    pub blocks: Vec<&'a str>,
    /// The advising ones.
    pub advises: Vec<&'a str>,
    kind: Kind<'a>,
}

/// The common cause of a group of gaps whose remedies may differ.
#[derive(Debug, PartialEq, Eq)]
enum Kind<'a> {
    /// No connection came about.
    Unreachable,
    /// Nothing was asked: another answer would have named it, or a recording lacks it.
    NotAsked,
    /// The evidence that one remedy brings.
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

pub(crate) fn missing<'a>(checks: &'a [CheckVerdict], gaps: &'a [Gap]) -> Vec<Missing<'a>> {
    let mut all: Vec<Missing<'a>> = Vec::new();
    let of = |level: Level| checks.iter().filter(move |check| check.level == level);
    let unknown = of(Level::Block).chain(of(Level::Advise)).filter(|check| check.outcome == Outcome::Unknown);
    let needed = unknown.flat_map(|check| check.unknown_because.iter().map(move |gap| (gap, Some(check))));
    for (gap, check) in needed.chain(gaps.iter().map(|gap| (gap, None))) {
        let kind = Kind::of(gap);
        let place = all.iter().position(|other| other.kind == kind).unwrap_or_else(|| {
            all.push(Missing { remedies: Vec::new(), gaps: Vec::new(), blocks: Vec::new(), advises: Vec::new(), kind });
            all.len() - 1
        });
        let Some(entry) = all.get_mut(place) else { continue };
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
    all.sort_by_key(|entry| (entry.blocks.is_empty(), entry.advises.is_empty(), entry.is_not_called()));
    all
}

impl Missing<'_> {
    /// The missing evidence in a sentence: `GetLogEvents /ecs/web: access denied; 11 checks lack evidence`.
    pub fn sentence(&self) -> String {
        let Some(gap) = self.gaps.first() else { return String::new() };
        let what = match self.kind {
            Kind::Unreachable => format!("no answer from AWS: {}", last_part(&gap.error)),
            Kind::NotAsked => format!("not called: {}", self.operations()),
            Kind::Remedy(_) => {
                let error = match gap.status.as_str() {
                    "denied" => "access denied",
                    "throttled" => "throttled",
                    "timeout" => "no answer in time",
                    _ => &gap.error,
                };
                format!("{}: {error}{}", call_in_words(gap), self.and_more())
            }
        };
        match self.blocks.len() {
            0 => what,
            1 => format!("{what}; 1 check lacks evidence"),
            number => format!("{what}; {number} checks lack evidence"),
        }
    }

    /// Whether no connection came about.
    pub fn is_unreachable(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// Whether it is about calls that were never made.
    pub fn is_not_called(&self) -> bool {
        self.kind == Kind::NotAsked
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
        let operation = |gap: &&'_ Gap| call(gap).split_whitespace().next().unwrap_or_default().to_owned();
        let names: BTreeSet<String> = self.gaps.iter().map(operation).collect();
        let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
        match names.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}

/// A source without the table that it feeds: its operation and parameters.
fn call(gap: &Gap) -> &str {
    gap.source.split_once(": ").map_or(gap.source.as_str(), |(_, call)| call)
}

/// A call without the names of its parameters: `GetLogEvents /ecs/web ecs/app/1f2e`, `ListTasks STOPPED web`.
fn call_in_words(gap: &Gap) -> String {
    let call = call(gap);
    let Some((operation, parameters)) = call.split_once(' ') else { return call.to_owned() };
    let Ok(Value::Object(parameters)) = serde_json::from_str(parameters) else { return call.to_owned() };
    let values = parameters.iter().filter(|(name, _)| *name != "cluster").flat_map(|(_, value)| match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        value => value.as_str().into_iter().collect(),
    });
    std::iter::once(operation).chain(values).collect::<Vec<_>>().join(" ")
}

/// The root cause of a chain of errors: `Connection refused (os error 111)`.
fn last_part(error: &str) -> &str {
    error.rsplit(": ").next().unwrap_or(error)
}
