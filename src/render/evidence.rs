//! The rows of a check as lines to read: rows of one cause are one.

use std::collections::BTreeSet;

use casefile_analyzer::{CheckVerdict, Conclusive, EvidenceRow, Kind, Outcome};
use casefile_evidence::Timestamp;

use super::text::{cause, count, cut_middle, short, time, visible, visible_lines};

/// Columns of the terminal that one fact may take.
const FACT: usize = 100;
/// Columns that repeat the task, the container or the head of the report, or that are too long.
const PLACES: [&str; 6] = ["lines", "log_group", "log_stream", "raw", "task_arn", "task_definition"];

/// Rows of one cause.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    /// When the first of them happened.
    pub(crate) at: Option<String>,
    /// The resource, and the facts about it.
    pub(crate) what: String,
    /// Other resources with the same cause.
    pub(crate) also: Option<String>,
    /// Why, or the log line.
    pub(crate) message: &'a str,
    /// The rows.
    pub(crate) rows: Vec<&'a EvidenceRow>,
}

/// The rows that make the outcome, by cause, and how many of them are not among these.
pub(crate) fn shown(check: &CheckVerdict, day: Option<Timestamp>, causes: usize) -> (Vec<Shown<'_>>, usize) {
    let Some(status) = check.outcome.status() else { return (Vec::new(), 0) };
    let mut groups: Vec<(String, Vec<&EvidenceRow>)> = Vec::new();
    for row in check.rows.iter().filter(|row| row.status == status) {
        let key = key(row);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    groups.truncate(causes);
    let shown: Vec<Shown<'_>> = groups.into_iter().filter_map(|(_, rows)| one(rows, day)).collect();
    let total = check.counts.get(&status).copied().unwrap_or_default();
    let listed: usize = shown.iter().map(|shown| shown.rows.len()).sum();
    (shown, total.saturating_sub(listed))
}

/// The facts that rows of one cause share.
fn key(row: &EvidenceRow) -> String {
    let mut key = cause(&row.reason);
    for fact in facts(row) {
        key.push('\0');
        key.push_str(&cause(&fact));
    }
    key
}

fn one<'a>(mut rows: Vec<&'a EvidenceRow>, day: Option<Timestamp>) -> Option<Shown<'a>> {
    // In the order in which it happened; the stable sort keeps the analyzer's among equals.
    rows.sort_by_key(|row| row.at);
    let first = *rows.first()?;
    let mut what = short(&first.resource);
    for fact in facts(first) {
        what.push_str(" · ");
        what.push_str(&fact);
    }
    Some(Shown { at: first.at.map(|at| time(at, day)), what, also: also(&rows, day), message: &first.reason, rows })
}

/// `5 more: task 8378fd0f, task a25c6c79 and 3 others, the last at 07:44:12`.
fn also(rows: &[&EvidenceRow], day: Option<Timestamp>) -> Option<String> {
    const NAMED: usize = 3;
    let (first, more) = rows.split_first().filter(|(_, more)| !more.is_empty())?;
    let others: BTreeSet<String> =
        more.iter().map(|row| short(&row.resource)).filter(|name| *name != short(&first.resource)).collect();
    let named: Vec<&str> = others.iter().take(NAMED).map(String::as_str).collect();
    let mut text = format!("and {} more", more.len());
    if !named.is_empty() {
        text.push_str(": ");
        text.push_str(&named.join(", "));
    }
    if others.len() > NAMED {
        text.push_str(" and ");
        text.push_str(&count(others.len() - NAMED, "other", "others"));
    }
    let last = more.iter().filter_map(|row| row.at).max();
    if let Some(last) = last.filter(|last| Some(*last) != first.at) {
        text.push_str(&format!(", the last at {}", time(last, day)));
    }
    Some(text)
}

/// The facts of a row besides its reason and its resource.
fn facts(row: &EvidenceRow) -> Vec<String> {
    let mut facts = Vec::new();
    let container = row.more.get("container").filter(|container| !is_named(row, container));
    facts.extend(container.cloned());
    facts.extend(row.observed.as_ref().map(|observed| format!("observed {observed}")));
    facts.extend(row.expected.as_ref().map(|expected| format!("expected {expected}")));
    for (column, value) in &row.more {
        let told = *value == row.reason || (value.len() >= 8 && row.reason.contains(value.as_str()));
        if column == "container"
            || PLACES.contains(&column.as_str())
            || value.is_empty()
            || is_named(row, value)
            || told
        {
            continue;
        }
        facts.push(format!("{} {value}", column.replace('_', " ")));
    }
    facts.iter().map(|fact| cut_middle(&visible(&short(fact)), FACT)).collect()
}

fn is_named(row: &EvidenceRow, value: &str) -> bool {
    row.resource.split_whitespace().any(|word| word == value)
}

/// Why a check came to its outcome, in one line. Of a signature that must not be logged, the logged line says
/// more than how often.
pub(crate) fn headline(check: &CheckVerdict) -> String {
    let is_logged = check.kind == Kind::Signature && check.conclusive == Conclusive::Fail;
    let (shown, _) = if is_logged && check.outcome == Outcome::Fail { shown(check, None, 1) } else { (Vec::new(), 0) };
    match shown.first().and_then(|shown| shown.message.lines().find(|line| !line.trim().is_empty())) {
        Some(line) => format!("{}: {}", check.reason, line.trim()),
        None => check.reason.clone(),
    }
}

/// Whether the check's reason says more than its first row does.
pub(crate) fn says_more(check: &CheckVerdict, shown: &[Shown<'_>]) -> bool {
    !shown.iter().any(|shown| !shown.message.is_empty() && check.reason.starts_with(shown.message))
}

/// The evidence as plain lines, for a text block. Only monstrous messages are cut.
pub(crate) fn plain(check: &CheckVerdict, day: Option<Timestamp>, causes: usize) -> Vec<String> {
    let (shown, beyond) = shown(check, day, causes);
    let mut lines = Vec::new();
    for shown in shown {
        let at = shown.at.map(|at| format!("{at}  ")).unwrap_or_default();
        lines.push(format!("{at}{}", visible(&shown.what)));
        lines.extend(shown.also.map(|also| format!("    {}", visible(&also))));
        lines.extend(message(shown.message));
    }
    if beyond > 0 {
        lines.push(more(check, beyond));
    }
    lines
}

fn message(text: &str) -> Vec<String> {
    const LINES: usize = 60;
    const WIDTH: usize = 2000;
    let line = |line: &String| format!("    {}", cut_middle(line, WIDTH)).trim_end().to_owned();
    let lines = visible_lines(text);
    let Some(cut) = lines.len().checked_sub(LINES).filter(|cut| *cut > 0) else {
        return lines.iter().map(line).collect();
    };
    let (head, tail) = (lines.iter().take(LINES / 3), lines.iter().skip(LINES / 3 + cut));
    let mark = format!("    … {} …", count(cut, "line", "lines"));
    head.map(line).chain([mark]).chain(tail.map(line)).collect()
}

/// Where the rows are that are not shown.
pub(crate) fn more(check: &CheckVerdict, beyond: usize) -> String {
    format!("+{}: casefile check explain {} BUNDLE", count(beyond, "more row", "more rows"), check.id)
}
