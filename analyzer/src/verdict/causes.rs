//! The causes of the verdict, in sentences. The first one heads every report.

use std::collections::BTreeSet;

use casefile_evidence::tables::TargetRow;
use serde::{Deserialize, Serialize};

use super::check::{CheckVerdict, Kind};
use super::gap::{Gap, NOT_REACHED};
use super::missing::{Missing, missing};
use super::outcome::{EvidenceRow, Outcome};
use crate::terms::{Conclusion, Conclusive, Level, Owner, Status};

/// One reason for the verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The reason, in a sentence.
    pub text: String,
    /// The checks that tell it.
    pub checks: Vec<String>,
}

impl Cause {
    fn of(check: &CheckVerdict, text: String) -> Self {
        Self { text, checks: vec![check.id.clone()] }
    }

    /// One that no single check tells.
    pub(crate) fn note(text: String) -> Self {
        Self { text, checks: Vec::new() }
    }
}

/// The reasons, the most telling first. `superseded`: whether another rollout took the place of the judged one.
pub(crate) fn causes(
    conclusion: Conclusion,
    checks: &[CheckVerdict],
    gaps: &[Gap],
    target: &TargetRow,
    superseded: bool,
) -> Vec<Cause> {
    let blocking =
        |outcome: Outcome| checks.iter().filter(move |check| check.level == Level::Block && check.outcome == outcome);
    match conclusion {
        Conclusion::Pass => {
            let passed = blocking(Outcome::Pass).count();
            let mut causes = vec![Cause::note(format!("every blocking check that applies passed ({passed})"))];
            causes.extend(checks.iter().find(|check| check.id == "rollout.healed").and_then(healed));
            causes
        }
        Conclusion::Error => {
            let broken = |check: &CheckVerdict| {
                Cause::of(check, format!("a check could not be evaluated: {}: {}", check.id, check.reason))
            };
            blocking(Outcome::Error).map(broken).collect()
        }
        Conclusion::Fail => failures(blocking(Outcome::Fail).collect(), checks, superseded),
        Conclusion::Inconclusive => {
            let mut causes = Vec::new();
            if target.stop_reason == "interrupted" {
                let watched = target.window_to.zip(target.window_from).map_or(0, |(to, from)| to.millis_since(from));
                causes.push(Cause::note(format!("the collection was interrupted after {} s", watched / 1000)));
            }
            // Gaps that more time would have closed come after the checks that are open.
            let (late, missing): (Vec<_>, Vec<_>) = missing(checks, gaps)
                .into_iter()
                .filter(|group| !group.blocks.is_empty())
                .partition(|group| group.gaps.iter().all(|gap| gap.status == NOT_REACHED));
            let of = |group: &Missing<'_>| Cause {
                text: group.sentence(),
                checks: group.blocks.iter().map(|id| (*id).to_owned()).collect(),
            };
            let told = |check: &CheckVerdict| Cause::of(check, told(check));
            let mut pending: Vec<&CheckVerdict> = blocking(Outcome::Pending).collect();
            pending.sort_by_key(|check| match check.id.as_str() {
                "rollout.held-up" | "rollout.hooks-answered" | "tasks.cannot-be-placed" => 0,
                "rollout.completed" => 1,
                _ => 2,
            });
            if target.service_arn.is_none()
                && let Some(group) = missing.iter().find(|group| group.is_unreachable())
            {
                // Nothing is known of the service: everything else follows from that.
                causes.push(of(group));
                return causes;
            }
            causes.extend(missing.iter().map(of));
            let untold = blocking(Outcome::Unknown).filter(|check| check.unknown_because.is_empty());
            causes.extend(untold.chain(pending).map(told));
            causes.extend(late.iter().map(of));
            if causes.is_empty() {
                causes.push(Cause::note("no blocking check applied: see the missing evidence".to_owned()));
            }
            causes
        }
    }
}

/// Trouble on the way to a rollout that passes.
fn healed(check: &CheckVerdict) -> Option<Cause> {
    let row = first(check)?;
    let more = check.counts.get(&Status::Fail).copied().unwrap_or(1) - 1;
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    Some(Cause::of(check, format!("{}{more}", row.reason)))
}

/// Rank of a failing check, best explanation first: a container that ended, with its last line; a known failure line;
/// other
/// ends of tasks; a missing success line; then consequences, such as a rollback.
fn rank(check: &CheckVerdict, superseded: bool) -> u8 {
    match (check.owner, check.kind, check.conclusive) {
        _ if superseded && check.id == "rollout.expected-revision" => 4,
        _ if check.id == "rollout.not-rolled-back" => 5,
        (Owner::Shared, ..) => 6,
        _ if ended(check).is_some() => 0,
        (_, Kind::Signature, Conclusive::Fail) => 1,
        (_, Kind::Check, _) => 2,
        (_, Kind::Signature, _) => 3,
    }
}

fn failures(mut failing: Vec<&CheckVerdict>, checks: &[CheckVerdict], superseded: bool) -> Vec<Cause> {
    failing.sort_by_key(|check| rank(check, superseded));
    let mut causes: Vec<Cause> = Vec::new();
    // The tasks that ended, for each cause.
    let mut ended_tasks: Vec<BTreeSet<&str>> = Vec::new();
    for check in failing {
        let line = is_failure_line(check).then(|| first_line(check)).flatten();
        // The line that is known to be a failure is of a task that ended: one cause.
        let tasks: BTreeSet<&str> = check.rows.iter().filter_map(task_id).collect();
        let same = line.and_then(|line| {
            let mut known = causes.iter_mut().zip(&ended_tasks);
            known.find(|(cause, ended)| cause.text.contains(line) || !ended.is_disjoint(&tasks))
        });
        match same {
            Some((cause, _)) => cause.checks.push(check.id.clone()),
            None => {
                let mut text = told(check);
                if let Some(end) = line.and_then(|_| end_of(&tasks, checks)) {
                    text.push_str(&format!("; {end}"));
                }
                ended_tasks.push(if ended(check).is_some() { tasks } else { BTreeSet::new() });
                causes.push(Cause::of(check, text));
            }
        }
    }
    if let Some((first, others)) = causes.split_first_mut()
        && let Some(end) = others.iter().find_map(end_of_rollout)
    {
        first.text = format!("{end}: {}", first.text);
    }
    causes
}

/// How the container ended that logged a failure line, where the rollout is still open and no check fails for it.
fn end_of<'a>(tasks: &BTreeSet<&str>, checks: &'a [CheckVerdict]) -> Option<&'a str> {
    let rows = checks.iter().flat_map(|check| &check.rows);
    let mut ends = rows.filter(|row| row.status != Status::Pass && row.more.contains_key("exit_codes"));
    ends.find(|row| row.more.get("task_id").is_some_and(|task| tasks.contains(task.as_str())))
        .map(|row| row.reason.as_str())
}

/// The end of a rollout that was rolled back or superseded. It comes first in the headline.
fn end_of_rollout(cause: &Cause) -> Option<String> {
    const ENDS: [&str; 6] = [
        "the rollback failed",
        "rolled back by ECS",
        "rolled back by a person",
        "being rolled back by ECS",
        "being rolled back by a person",
        "stopped by a person",
    ];
    let end = || ENDS.into_iter().find(|end| cause.text.contains(end)).map(str::to_owned);
    let superseded = || cause.text.starts_with("superseded by ").then(|| cause.text.clone());
    match cause.checks.first().map(String::as_str) {
        Some("rollout.not-rolled-back") => end(),
        Some("rollout.expected-revision") => superseded(),
        _ => None,
    }
}

fn told(check: &CheckVerdict) -> String {
    if let (true, Some(line)) = (is_failure_line(check), first_line(check)) {
        let container = first(check).and_then(|row| row.more.get("container"));
        let who = container.map(|container| format!("container {container} logged ")).unwrap_or_default();
        let times = check.counts.get(&Status::Fail).copied().unwrap_or_default();
        return if times > 1 {
            format!("{who}{line} ({})", check.reason.trim_start_matches("it was "))
        } else {
            format!("{who}{line}")
        };
    }
    let Some(row) = ended(check) else { return subject(check) };
    let line = row.tail.as_ref().and_then(|tail| tail.telling.as_ref()).map(|line| format!(": {line}"));
    let more = check.counts.get(&Status::Fail).copied().unwrap_or(1) - 1;
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    format!("{}{}{more}", row.reason, line.unwrap_or_default())
}

/// A check's reason, with its subject.
fn subject(check: &CheckVerdict) -> String {
    let resource =
        || check.rows.iter().find(|row| Some(row.status) == check.outcome.status()).map(|row| row.resource.as_str());
    match (check.reason.strip_prefix("it "), check.kind) {
        (Some(rest), Kind::Signature) => format!("{} {rest}", check.id),
        (Some(rest), Kind::Check) => format!("{} {rest}", resource().unwrap_or("it")),
        (None, _) if check.reason.starts_with("its ") => {
            resource().map_or_else(|| check.reason.clone(), |resource| format!("{resource}: {}", check.reason))
        }
        (None, _) => check.reason.clone(),
    }
}

/// The task of a row that fails.
fn task_id(row: &EvidenceRow) -> Option<&str> {
    let of = row.more.get("task_id").map(String::as_str).or(row.resource.strip_prefix("task "));
    of.filter(|_| row.status == Status::Fail)
}

fn is_failure_line(check: &CheckVerdict) -> bool {
    check.kind == Kind::Signature && check.conclusive == Conclusive::Fail
}

fn first(check: &CheckVerdict) -> Option<&EvidenceRow> {
    check.rows.iter().find(|row| row.status == Status::Fail)
}

fn first_line(check: &CheckVerdict) -> Option<&str> {
    first(check)?.reason.lines().map(str::trim).find(|line| !line.is_empty())
}

/// The first row about a container that ended, one with its last lines first.
fn ended(check: &CheckVerdict) -> Option<&EvidenceRow> {
    let rows = || check.rows.iter().filter(|row| row.status == Status::Fail && row.tail.is_some());
    rows().find(|row| row.tail.as_ref().is_some_and(|tail| tail.telling.is_some())).or(rows().next())
}
