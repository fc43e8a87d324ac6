//! What a signature comes to.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;
use casefile_evidence::tables::TargetRow;

use super::Pattern;
use super::matcher::{Found, Match, Matches, Place};
use crate::coverage::{Coverage, Gap, Scope, missing};
use crate::outcome::{EvidenceRow, Outcome, Status};
use crate::settings::Expect;
use crate::tasks::Tasks;

/// What a signature came to, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) outcome: Outcome,
    pub(crate) reason: String,
    pub(crate) rows: Vec<EvidenceRow>,
    pub(crate) unknown_because: Vec<Gap>,
}

/// Judges the `index`th pattern. Only lines of the judged deployment's tasks count: the old release may
/// print the same.
pub(crate) fn judge(
    index: usize,
    pattern: &Pattern,
    matches: &Matches,
    tasks: &Tasks,
    target: &TargetRow,
    coverage: &Coverage<'_>,
) -> Judged {
    let seen: Vec<(&Place, &Found)> =
        matches.of(index).filter(|(place, _)| tasks.is_judged(place.task_id.as_deref())).collect();
    match pattern.expect {
        Expect::Failure => failure(pattern, &seen, target, coverage),
        Expect::Success => success(pattern, &seen, tasks, target, coverage),
    }
}

fn failure(pattern: &Pattern, seen: &[(&Place, &Found)], target: &TargetRow, coverage: &Coverage<'_>) -> Judged {
    let mut rows = Vec::new();
    for (place, found) in seen {
        rows.extend(found.kept.iter().map(|line| row(Status::Fail, place, line, line.message.clone())));
    }
    rows.sort();
    if !rows.is_empty() {
        let count: u64 = seen.iter().map(|(_, found)| found.count).sum();
        let reason = if count == 1 { "it was logged once".to_owned() } else { format!("it was logged {count} times") };
        return Judged { outcome: Outcome::Fail, reason, rows, unknown_because: Vec::new() };
    }
    let gaps = gaps(coverage, Scope { container: pattern.container.as_deref(), until: target.window_to });
    if !gaps.is_empty() {
        unknown(gaps, rows)
    } else if coverage.logs_were_read(pattern.container.as_deref()) {
        Judged { outcome: Outcome::Pass, reason: "it was never logged".to_owned(), rows, unknown_because: gaps }
    } else {
        let reason = "no container that is judged has logged anything".to_owned();
        Judged { outcome: Outcome::Skip, reason, rows, unknown_because: gaps }
    }
}

fn success(
    pattern: &Pattern,
    seen: &[(&Place, &Found)],
    tasks: &Tasks,
    target: &TargetRow,
    coverage: &Coverage<'_>,
) -> Judged {
    let Some(created_at) = target.deployment_created_at else {
        let gap = Gap {
            source: "deployments".to_owned(),
            status: "missing".to_owned(),
            error: "the deployment that is judged was never seen, so no deadline can be counted".to_owned(),
            remedy: "check the expected task definition, and collect while the deployment runs".to_owned(),
        };
        return unknown(vec![gap], Vec::new());
    };
    let deadline = created_at.plus_millis(pattern.within_ms);
    let mut rows = Vec::new();
    let (mut in_time, mut late, mut died): (Option<Timestamp>, Option<Timestamp>, Option<String>) = (None, None, None);
    for (place, found) in seen {
        let line = &found.first;
        let task_id = place.task_id.as_deref().unwrap_or_default();
        let death = tasks.get(task_id).and_then(|task| task.death.as_deref());
        let (status, reason) = if let Some(death) = death {
            // The line promised what did not last: order matters.
            died.get_or_insert_with(|| format!("it was logged by task {task_id}, which then died ({death})"));
            (Status::Fail, format!("logged, but then the task died ({death}): {}", line.message))
        } else if line.timestamp > deadline {
            late = Some(late.map_or(line.timestamp, |other| other.min(line.timestamp)));
            let by = seconds(line.timestamp.millis_since(deadline));
            (Status::Fail, format!("logged {by} after the deadline: {}", line.message))
        } else {
            in_time = Some(in_time.map_or(line.timestamp, |other| other.min(line.timestamp)));
            (Status::Pass, line.message.clone())
        };
        rows.push(row(status, place, line, reason));
    }
    rows.sort();
    if let Some(at) = in_time {
        let reason = format!("it was logged {} after the deployment was created", seconds(at.millis_since(created_at)));
        // One task suffices: what others lack is no failure then.
        rows.retain(|row| row.status == Status::Pass);
        return Judged { outcome: Outcome::Pass, reason, rows, unknown_because: Vec::new() };
    }
    let over = deadline.plus_millis(target.ingestion_grace_ms);
    if target.window_to.is_none_or(|end| end < over) {
        rows.iter_mut().for_each(|row| row.status = Status::Pending);
        let reason = format!("it may still be logged: the deadline is {deadline}, and lines may arrive until {over}");
        return Judged { outcome: Outcome::Pending, reason, rows, unknown_because: Vec::new() };
    }
    let gaps = gaps(coverage, Scope { container: pattern.container.as_deref(), until: Some(over) });
    if !gaps.is_empty() {
        return unknown(gaps, rows);
    }
    let within = seconds(pattern.within_ms);
    let reason = match (died, late) {
        (Some(died), _) => died,
        (None, Some(late)) => {
            format!("it was logged {} after the deadline of {within}", seconds(late.millis_since(deadline)))
        }
        (None, None) if tasks.judged().next().is_none() => {
            format!("it was not logged within {within}: the deployment never had a task")
        }
        (None, None) => format!("it was not logged within {within} after the deployment was created"),
    };
    Judged { outcome: Outcome::Fail, reason, rows, unknown_because: Vec::new() }
}

/// Lines are judged by their tasks, so the tasks must be known too.
fn gaps(coverage: &Coverage<'_>, scope: Scope<'_>) -> Vec<Gap> {
    let mut gaps = coverage.gaps("log_events", scope);
    gaps.extend(coverage.gaps("tasks", Scope::default()));
    gaps
}

fn unknown(gaps: Vec<Gap>, rows: Vec<EvidenceRow>) -> Judged {
    let reason = format!("evidence is missing: {}", missing(&gaps));
    Judged { outcome: Outcome::Unknown, reason, rows, unknown_because: gaps }
}

fn row(status: Status, place: &Place, line: &Match, reason: String) -> EvidenceRow {
    let mut more = BTreeMap::from([
        ("log_group".to_owned(), place.log_group.clone()),
        ("log_stream".to_owned(), place.log_stream.clone()),
    ]);
    if let Some(container) = &place.container {
        more.insert("container".to_owned(), container.clone());
    }
    EvidenceRow {
        status,
        resource: place.task_id.as_ref().map_or_else(|| place.log_stream.clone(), |id| format!("task {id}")),
        at: Some(line.timestamp),
        reason,
        observed: None,
        expected: None,
        more,
    }
}

/// `84 s`, with milliseconds only where there are any.
fn seconds(millis: i64) -> String {
    if millis % 1000 == 0 {
        format!("{} s", millis / 1000)
    } else {
        format!("{}.{:03} s", millis / 1000, (millis % 1000).abs())
    }
}
