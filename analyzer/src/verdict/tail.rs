//! The last log lines of a container that ended badly, for the rows of checks that name it.
//!
//! They are kept while the log lines are scanned ([`Rings`]), only for tasks that ended, and put into the rows once
//! the checks ran. The number and size of kept lines are bounded.

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

use super::coverage::Coverage;
use super::outcome::EvidenceRow;
use crate::signature::{Rings, TailLine, last_trace, shape, telling};
use crate::tables::Tasks;
use crate::terms::Status;

/// Lines of a row, unless a stack trace is longer.
const LINES: usize = 20;
/// Rows of a check that carry lines.
const ROWS: usize = 10;

/// The last log lines of the container that a row is about, or why there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// The container that wrote the lines, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The log stream that they are from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_stream: Option<String>,
    /// The lines, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<TailLine>,
    /// The line that tells why: the exception of a stack trace or a line of a high level, else the last line that
    /// reports an
    /// error; else, after "its last line: ", the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<String>,
    /// The resource of the row of this check that carries the same lines but for their times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
    /// Why there are no lines, or why these may not be the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Puts the last lines into the rows of one check: those about a container of a task that ended, in the order in which
/// the tasks ended.
pub(crate) fn fill(rows: &mut [EvidenceRow], rings: &Rings, tasks: &Tasks, coverage: &Coverage<'_>) {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|place| rows.get(*place).map(|row| (row.status, row.at)));
    // Lines that were given already, without their times, with their task.
    let mut given: Vec<(Vec<String>, String)> = Vec::new();
    for place in order {
        let Some(row) = rows.get_mut(place) else { continue };
        let Some(task_id) = row.more.get("task_id").filter(|id| rings.is_of(id)) else { continue };
        if !matches!(row.status, Status::Fail | Status::Unknown | Status::Pending) {
            continue;
        }
        let container = row.more.get("container").map(String::as_str);
        let unread = coverage.unread_log(task_id, container);
        let Some((stream, lines)) = rings.last(task_id, container) else {
            row.tail = silent(unread, tasks.get(task_id).is_some_and(|task| task.started));
            continue;
        };
        let mut tail = Tail {
            container: stream.container.clone(),
            log_stream: Some(stream.log_stream.clone()),
            note: unread.map(|gap| format!("its log was not read to the end: {gap}")),
            ..Tail::default()
        };
        // A container that restarted in place continues its stream: only lines before the restart belong to this row.
        let restarted_at = row.at.filter(|_| tasks.get(task_id).is_some_and(|task| task.wrote_until.is_none()));
        let lines = before(lines, restarted_at);
        let told = telling(&lines.0);
        let telling_line = told.as_ref().and_then(|(number, _)| lines.0.get(*number)).cloned();
        let mut lines = chosen(lines);
        // It may stand before the last lines.
        if let Some(line) = telling_line.filter(|line| lines.first().is_some_and(|first| line.at < first.at)) {
            lines.insert(0, line);
        }
        let last = || lines.last().filter(|_| ended_badly(row, container));
        tail.telling = told.map(|(_, line)| line).or_else(|| Some(format!("its last line: {}", last()?.line.trim())));
        let shape: Vec<String> = lines.iter().map(|line| shape(&line.line)).collect();
        match given.iter().find(|(known, _)| *known == shape) {
            Some((_, resource)) => tail.same_as = Some(resource.clone()),
            None if given.len() < ROWS => {
                given.push((shape, row.resource.clone()));
                tail.lines = lines;
            }
            None => tail.note = Some(format!("its lines are not listed: {ROWS} other tasks' lines are")),
        }
        row.tail = Some(tail);
    }
}

/// Why a container has no lines. Nothing is said of one that never started.
fn silent(unread: Option<String>, started: bool) -> Option<Tail> {
    let note = match unread {
        Some(gap) => format!("its log was not read: {gap}"),
        None => "no line was logged".to_owned(),
    };
    started.then(|| Tail { note: Some(note), ..Tail::default() })
}

/// Whether the row gives an exit code of the container that is not the one of an orderly stop.
fn ended_badly(row: &EvidenceRow, container: Option<&str>) -> bool {
    let codes = row.more.get("exit_codes").map(String::as_str).unwrap_or_default();
    let mut codes = codes.split(' ').filter_map(|code| code.split_once('='));
    codes.any(|(name, code)| container.is_none_or(|container| container == name) && !matches!(code, "0" | "143" | "?"))
}

/// The lines before a moment, if there are any.
fn before((mut lines, is_cut): (Vec<TailLine>, bool), moment: Option<Timestamp>) -> (Vec<TailLine>, bool) {
    let until = moment.map_or(0, |moment| lines.partition_point(|line| line.at < moment));
    if until > 0 {
        lines.truncate(until);
    }
    (lines, is_cut)
}

/// The last [`LINES`], or more where the last stack trace among them begins earlier.
fn chosen((mut lines, is_cut): (Vec<TailLine>, bool)) -> Vec<TailLine> {
    let blank = |line: &TailLine| line.line.trim().is_empty();
    while lines.last().is_some_and(blank) {
        lines.pop();
    }
    let last = lines.len().saturating_sub(LINES);
    let trace = last_trace(lines.iter().map(|line| (line.at, line.line.as_str())), is_cut);
    let from = trace.filter(|trace| trace.end > last).map_or(last, |trace| trace.start.min(last));
    let mut lines = lines.split_off(from);
    let blanks = lines.iter().take_while(|line| blank(line)).count();
    lines.split_off(blanks)
}
