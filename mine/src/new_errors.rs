//! Errors of one deployment that no earlier good deployment logged.

use std::collections::BTreeSet;

use crate::candidate::grouped;
use crate::collect::{Collected, Seen};
use crate::drain::{DrainOptions, common};
use crate::words::{self, Telling};

/// A template about an error that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewError {
    /// The template.
    pub template: String,
    /// The container that logs it.
    pub container: String,
    /// The earliest moment in the deployment, in milliseconds since its creation.
    pub moment_ms: i64,
    /// The smallest raw line. Other deployments of the collection may have logged it.
    pub example: String,
}

/// The error-like templates of `deployment` that none of `earlier` logged, earliest first. The caller gives the good
/// deployments of the same service before it. Nothing is new where `earlier` is empty: then nothing is known.
///
/// A template is known if `earlier` logged an error-like line of it, in any container.
#[must_use]
pub fn new_errors(
    collected: &Collected,
    deployment: &str,
    earlier: &BTreeSet<String>,
    options: DrainOptions,
) -> Vec<NewError> {
    let numbers = collected.numbers();
    let Some(&own) = numbers.get(deployment) else { return Vec::new() };
    let earlier: BTreeSet<u32> =
        earlier.iter().filter_map(|id| numbers.get(id).copied()).filter(|&number| number != own).collect();
    if earlier.is_empty() {
        return Vec::new();
    }
    let errors = collected.seen().filter(|seen| matches!(words::telling(&seen.masked), Telling::Error));
    let lines = grouped(errors, options);
    let moment = |seen: &Seen| seen.deployments.iter().find(|&&(number, _)| number == own).map(|&(_, moment)| moment);
    let known: BTreeSet<usize> = lines
        .iter()
        .filter(|(_, seen)| seen.deployments.iter().any(|(number, _)| earlier.contains(number)))
        .map(|&(template, _)| template)
        .collect();
    let mut new: Vec<((&str, usize), Vec<&Seen>)> = Vec::new();
    for &(template, seen) in lines.iter().filter(|(template, seen)| !known.contains(template) && moment(seen).is_some())
    {
        let key = (seen.container.as_str(), template);
        match new.iter_mut().find(|(other, _)| *other == key) {
            Some((_, members)) => members.push(seen),
            None => new.push((key, vec![seen])),
        }
    }
    let mut found: Vec<NewError> = new
        .into_iter()
        .map(|((container, _), members)| NewError {
            template: common(members.iter().map(|seen| seen.masked.as_str())),
            container: container.to_owned(),
            moment_ms: members.iter().filter_map(|seen| moment(seen)).min().map_or(0, i64::from),
            example: members.iter().flat_map(|seen| &seen.examples).min().cloned().unwrap_or_default(),
        })
        .collect();
    found.sort_by(|a, b| (a.moment_ms, &a.container, &a.template).cmp(&(b.moment_ms, &b.container, &b.template)));
    found
}
