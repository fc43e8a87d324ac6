//! The last log lines of failed containers.

use std::cmp::Reverse;

use casefile_analyzer::{CheckVerdict, EvidenceRow, Tail, Verdict};
use casefile_evidence::Timestamp;

use super::text::{count, short, time, visible};

/// The lines of one row, ready to be shown; every text is visible.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Whose lines they are: `last lines of app (task 9d85800c)`.
    pub(crate) title: String,
    /// `07:44:12.120  text`.
    pub(crate) lines: Vec<String>,
}

/// The lines of rows, each once, in the order in which it happened; a row without lines says why.
pub(crate) fn of_rows(rows: &[&EvidenceRow], day: Option<Timestamp>) -> Vec<Shown> {
    let mut sorted: Vec<&EvidenceRow> = rows.to_vec();
    sorted.sort_by_key(|row| (row.status, row.at));
    let mut shown: Vec<Shown> = Vec::new();
    // A reason that several rows share is said once.
    let mut reasons: Vec<(&str, &EvidenceRow, usize)> = Vec::new();
    for row in &sorted {
        let Some(tail) = &row.tail else { continue };
        if !tail.lines.is_empty() {
            shown.push(lines(row, tail, &sorted, day));
        } else if let Some(of) = tail.same_as.as_ref().filter(|of| !has_lines(&sorted, of)) {
            shown.push(note(row, &format!("the same as those of {of}")));
        } else if let Some(why) = &tail.note {
            match reasons.iter_mut().find(|(known, ..)| known == why) {
                Some((_, _, more)) => *more += 1,
                None => reasons.push((why, row, 0)),
            }
        }
    }
    for (why, row, more) in reasons {
        let more =
            if more > 0 { format!(" (and of {})", count(more, "more task", "more tasks")) } else { String::new() };
        shown.push(note(row, &format!("{why}{more}")));
    }
    // Lines with text come first.
    shown.sort_by_key(|shown| Reverse(!shown.lines.is_empty()));
    shown
}

/// The last lines that belong to the first rows of a check: its own, else those that another check has of the same
/// task. A signature's row names a task, and the check of its end has the lines.
pub(crate) fn of_cause(verdict: &Verdict, check: &CheckVerdict, day: Option<Timestamp>) -> Option<Shown> {
    let with_lines = |shown: Vec<Shown>| shown.into_iter().find(|shown| !shown.lines.is_empty());
    if let Some(own) = with_lines(of_check(check, day)) {
        return Some(own);
    }
    let first = check.rows.iter().filter(|row| Some(row.status) == check.outcome.status()).min_by_key(|row| row.at)?;
    let rows = verdict.checks.iter().flat_map(|check| &check.rows);
    let same: Vec<&EvidenceRow> = rows.filter(|row| row.resource == first.resource).collect();
    with_lines(of_rows(&same, day))
}

/// The lines of every row of a check.
pub(crate) fn of_check(check: &CheckVerdict, day: Option<Timestamp>) -> Vec<Shown> {
    of_rows(&check.rows.iter().collect::<Vec<_>>(), day)
}

fn has_lines(rows: &[&EvidenceRow], resource: &str) -> bool {
    let lines = |row: &EvidenceRow| row.tail.as_ref().is_some_and(|tail| !tail.lines.is_empty());
    rows.iter().any(|row| row.resource == resource && lines(row))
}

fn lines(row: &EvidenceRow, tail: &Tail, rows: &[&EvidenceRow], day: Option<Timestamp>) -> Shown {
    let same =
        |other: &&&EvidenceRow| other.tail.as_ref().is_some_and(|tail| tail.same_as.as_ref() == Some(&row.resource));
    let mut title = format!("last lines of {}", whose(row, tail));
    match rows.iter().filter(same).count() {
        0 => {}
        more => title.push_str(&format!(", the same of {}", count(more, "more task", "more tasks"))),
    }
    if let Some(note) = &tail.note {
        title.push_str(&format!("; {}", visible(note)));
    }
    let lines = tail.lines.iter().map(|line| format!("{}  {}", time(line.at, day), visible(&line.line)));
    Shown { title, lines: lines.map(|line| line.trim_end().to_owned()).collect() }
}

fn note(row: &EvidenceRow, why: &str) -> Shown {
    let tail = row.tail.clone().unwrap_or_default();
    Shown { title: format!("last lines of {}: {}", whose(row, &tail), visible(&short(why))), lines: Vec::new() }
}

/// `app (task 9d85800c)`.
fn whose(row: &EvidenceRow, tail: &Tail) -> String {
    let resource = visible(&short(&row.resource));
    match tail.container.as_ref().or_else(|| row.more.get("container")) {
        Some(container) if row.resource.split_whitespace().any(|word| word == container) => resource,
        Some(container) => format!("{} ({resource})", visible(container)),
        None => resource,
    }
}
