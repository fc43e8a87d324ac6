//! The outcome of a signature.

mod failure;
mod scope;
mod success;

use std::collections::BTreeMap;

use failure::failure;
pub(crate) use scope::Scene;
use success::success;

use super::coverage::Scope;
use super::gap::{Gap, missing};
use super::outcome::{EvidenceRow, Outcome};
use crate::signature::{Expect, Found, Match, Matches, Pattern, Place};
use crate::terms::Status;

/// The outcome of a signature, with its reason and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) outcome: Outcome,
    pub(crate) reason: String,
    pub(crate) rows: Vec<EvidenceRow>,
    pub(crate) unknown_because: Vec<Gap>,
    /// Nothing ever ran that could have logged the line: its absence does not tell whose fault that is.
    pub(crate) nobody_ran: bool,
}

impl Judged {
    pub(super) fn new(outcome: Outcome, reason: impl Into<String>, rows: Vec<EvidenceRow>) -> Self {
        Self { outcome, reason: reason.into(), rows, unknown_because: Vec::new(), nobody_ran: false }
    }

    pub(super) fn unknown(gaps: Vec<Gap>, rows: Vec<EvidenceRow>) -> Self {
        let reason = format!("evidence is missing: {}", missing(&gaps));
        Self { unknown_because: gaps, ..Self::new(Outcome::Unknown, reason, rows) }
    }
}

/// Judges the `index`th pattern. Only lines of the tasks that it is about count: the old release may
/// print the same.
pub(crate) fn judge(index: usize, pattern: &Pattern, matches: &Matches, scene: Scene<'_>) -> Judged {
    let seen: Vec<(&Place, &Found)> =
        matches.of(index).filter(|(place, _)| pattern.counts(place, scene.tasks)).collect();
    match pattern.expect {
        Expect::Failure => failure(pattern, &seen, scene),
        Expect::Success => success(pattern, &seen, scene),
    }
}

/// The gaps in the lines of a pattern, up to a moment. Lines are judged by their
/// tasks, so the tasks must be known too.
pub(super) fn gaps(pattern: &Pattern, scene: Scene<'_>, until: Option<casefile_evidence::Timestamp>) -> Vec<Gap> {
    let mut gaps = scene.coverage.gaps("log_events", Scope { until, ..Scope::of(pattern) });
    gaps.extend(task_gaps(pattern, scene));
    gaps
}

/// The gaps in the tasks of a pattern.
pub(super) fn task_gaps(pattern: &Pattern, scene: Scene<'_>) -> Vec<Gap> {
    let table = if pattern.family.is_some() { "task_selectors" } else { "tasks" };
    scene.coverage.gaps(table, Scope::of(pattern))
}

/// A row for a line, saying where it stands and, where it took long, when it came.
pub(super) fn row(status: Status, place: &Place, line: &Match, reason: String, scene: Scene<'_>) -> EvidenceRow {
    let mut more = BTreeMap::from([
        ("log_group".to_owned(), place.log_group.clone()),
        ("log_stream".to_owned(), place.log_stream.clone()),
    ]);
    if let Some(container) = &place.container {
        more.insert("container".to_owned(), container.clone());
    }
    if let Some(ingested) = line.ingestion_time {
        let behind = scene.clock_behind_ms(place);
        let took = ingested.millis_since(line.timestamp) - behind;
        if behind > 0 {
            more.insert("clock".to_owned(), format!("its clock is behind by {}", seconds(behind)));
        }
        if took > scene.target.ingestion_grace_ms {
            more.insert("late".to_owned(), format!("it arrived {} after it was written", seconds(took)));
        } else if took < 0 && behind == 0 {
            more.insert("clock".to_owned(), format!("its clock is ahead by {}", seconds(-took)));
        }
    }
    if let Some(lines) = &line.lines {
        more.insert("lines".to_owned(), lines.clone());
    }
    let resource = place.task_id.as_ref().map_or_else(|| place.log_stream.clone(), |id| format!("task {id}"));
    EvidenceRow { at: Some(line.timestamp), more, ..EvidenceRow::new(status, resource, reason) }
}

/// `84 s`, with milliseconds only where there are any.
pub(super) fn seconds(millis: i64) -> String {
    if millis % 1000 == 0 {
        format!("{} s", millis / 1000)
    } else {
        format!("{}.{:03} s", millis / 1000, (millis % 1000).abs())
    }
}
