//! Signatures, their matches and the streams' lines as tables for SQL.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use casefile_evidence::tables::TargetRow;

use super::found::{Match, Matches};
use super::{Anchor, Expect, Pattern, StreamLines};
use crate::error::AnalyzeError;
use crate::tables::{TableDoc, Tasks, batch, doc, texts, times};

/// Those of them that the signatures have an effect on.
pub(crate) const SIGNATURE_TABLES: [&str; 2] = ["signatures", "signature_matches"];

/// The tables that are derived from signatures and log lines, by name.
pub(crate) fn derived_tables(
    patterns: &[Pattern],
    matches: &Matches,
    tasks: &Tasks,
    target: &TargetRow,
) -> Result<Vec<(&'static str, RecordBatch)>, AnalyzeError> {
    Ok(vec![
        ("signatures", signatures_table(patterns, matches, tasks, target)?),
        ("signature_matches", matches_table(patterns, matches, tasks, target)?),
        ("stream_lines", streams_table(matches, tasks)?),
    ])
}

/// The signatures of the config, with how often each was seen on the tasks that it is about.
fn signatures_table(
    patterns: &[Pattern],
    matches: &Matches,
    tasks: &Tasks,
    target: &TargetRow,
) -> Result<RecordBatch, AnalyzeError> {
    let deadline = |pattern: &Pattern| match (pattern.expect, pattern.anchor) {
        (Expect::Success, Anchor::Deployment) => {
            target.deployment_created_at.map(|at| at.plus_millis(pattern.within_ms).as_millis())
        }
        _ => None,
    };
    let seen = |(index, pattern): (usize, &Pattern)| {
        let counted = matches.of(index).filter(|(place, _)| pattern.counts(place, tasks));
        let count = counted.map(|(_, found)| found.count()).sum::<u64>();
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    let word = |pattern: &Pattern| match pattern.expect {
        Expect::Success => "success",
        Expect::Failure => "failure",
    };
    batch(vec![
        ("signature", false, texts(patterns.iter().map(|p| Some(&p.id)))),
        ("title", false, texts(patterns.iter().map(|p| Some(&p.title)))),
        ("expect", false, texts(patterns.iter().map(|p| Some(word(p))))),
        ("container", true, texts(patterns.iter().map(|p| p.container.as_ref()))),
        ("family", true, texts(patterns.iter().map(|p| p.family.as_ref()))),
        ("log_group", true, texts(patterns.iter().map(|p| p.log_group.as_ref()))),
        ("deadline", true, times(patterns.iter().map(deadline))),
        ("level", false, texts(patterns.iter().map(|p| Some(p.level.to_string())))),
        ("owner", false, texts(patterns.iter().map(|p| Some(p.owner.to_string())))),
        ("matches", false, Arc::new(patterns.iter().enumerate().map(seen).collect::<Int64Array>())),
    ])
}

/// Clock and delivery facts of each stream.
fn streams_table(matches: &Matches, tasks: &Tasks) -> Result<RecordBatch, AnalyzeError> {
    let streams: Vec<_> = matches.streams.iter().collect();
    let ints = |read: &dyn Fn(&StreamLines) -> i64| -> ArrayRef {
        Arc::new(streams.iter().map(|(.., lines)| read(lines)).collect::<Int64Array>())
    };
    let behind = |lines: &StreamLines| {
        let created_at = lines.task_id.as_deref().and_then(|id| tasks.get(id)).and_then(|task| task.created_at);
        created_at.map_or(0, |created_at| created_at.millis_since(lines.first_at).max(0))
    };
    batch(vec![
        ("log_group", false, texts(streams.iter().map(|(group, ..)| Some(*group)))),
        ("log_stream", false, texts(streams.iter().map(|(_, stream, _)| Some(*stream)))),
        ("container", true, texts(streams.iter().map(|(.., lines)| lines.container.as_ref()))),
        ("task_id", true, texts(streams.iter().map(|(.., lines)| lines.task_id.as_ref()))),
        (
            "judged",
            false,
            Arc::new(BooleanArray::from_iter(
                streams.iter().map(|(.., lines)| Some(tasks.is_judged(lines.task_id.as_deref()))),
            )),
        ),
        ("lines", false, ints(&|lines| lines.lines)),
        ("numbered", false, ints(&|lines| lines.numbered)),
        ("first_at", false, times(streams.iter().map(|(.., lines)| Some(lines.first_at.as_millis())))),
        ("last_at", false, times(streams.iter().map(|(.., lines)| Some(lines.last_at.as_millis())))),
        ("ahead_ms", false, ints(&|lines| lines.ahead_ms)),
        ("behind_ms", false, ints(&behind)),
        ("slowest_ms", false, ints(&|lines| lines.slowest_ms)),
    ])
}

/// The lines that matched, bounded.
fn matches_table(
    patterns: &[Pattern],
    matches: &Matches,
    tasks: &Tasks,
    target: &TargetRow,
) -> Result<RecordBatch, AnalyzeError> {
    let mut rows: Vec<_> = matches
        .found
        .iter()
        .filter_map(|(place, found)| Some((patterns.get(place.pattern)?, place, found)))
        .flat_map(|(pattern, place, found)| found.lines().map(move |line| (&pattern.id, place, line)))
        .collect();
    rows.sort_by_key(|(id, place, line)| (*id, &place.log_group, &place.log_stream, line.timestamp, line.seq));
    let late = |line: &Match| {
        line.ingestion_time.is_some_and(|at| at.millis_since(line.timestamp) > target.ingestion_grace_ms)
    };
    batch(vec![
        ("signature", false, texts(rows.iter().map(|(id, ..)| Some(id)))),
        ("log_group", false, texts(rows.iter().map(|(_, place, _)| Some(&place.log_group)))),
        ("log_stream", false, texts(rows.iter().map(|(_, place, _)| Some(&place.log_stream)))),
        ("container", true, texts(rows.iter().map(|(_, place, _)| place.container.as_ref()))),
        ("task_id", true, texts(rows.iter().map(|(_, place, _)| place.task_id.as_ref()))),
        ("timestamp", false, times(rows.iter().map(|(.., line)| Some(line.timestamp.as_millis())))),
        ("seq", false, Arc::new(rows.iter().map(|(.., line)| line.seq).collect::<Int64Array>())),
        ("message", false, texts(rows.iter().map(|(.., line)| Some(&line.message)))),
        (
            "judged",
            false,
            Arc::new(BooleanArray::from_iter(
                rows.iter().map(|(_, place, _)| Some(tasks.is_judged(place.task_id.as_deref()))),
            )),
        ),
        ("late", false, Arc::new(BooleanArray::from_iter(rows.iter().map(|(.., line)| Some(late(line)))))),
    ])
}

const SIGNATURES: &[(&str, &str)] = &[
    ("signature", "Its id."),
    ("title", "Its title."),
    ("expect", "`success` or `failure`."),
    ("container", "The container that it is restricted to; null: any."),
    ("family", "The family of the one-off tasks that it is about; null: it is about the deployment's tasks."),
    ("log_group", "The log group that it is restricted to; null: any."),
    (
        "deadline",
        "For a success: until when it must have appeared; null where the deployment was never seen, or where each task has a deadline of its own.",
    ),
    ("level", "`block` or `advise`."),
    ("owner", "`service`, `platform` or `shared`."),
    ("matches", "How many lines of the tasks that it is about match it."),
];

const SIGNATURE_MATCHES: &[(&str, &str)] = &[
    ("signature", "The signature's id."),
    ("log_group", "The log group's name."),
    ("log_stream", "The stream's name."),
    ("container", "The container that wrote it."),
    ("task_id", "The task that wrote it."),
    ("timestamp", "When the program wrote it."),
    ("seq", "Its number within the stream."),
    (
        "message",
        "The redacted line as a person reads it, its first 4096 bytes. Of a Python traceback, the line that names the exception.",
    ),
    ("judged", "Whether its task belongs to the deployment that is judged."),
    ("late", "Whether it was ingested later than the ingestion grace after it was written."),
];

const STREAM_LINES: &[(&str, &str)] = &[
    ("log_group", "The log group's name."),
    ("log_stream", "The stream's name."),
    ("container", "The container that writes to it; null where that is not known."),
    ("task_id", "The task that writes to it; null where that is not known."),
    ("judged", "Whether its task belongs to the deployment that is judged."),
    ("lines", "How many of its lines are in the evidence."),
    ("numbered", "How many were collected: the highest number of a line plus one."),
    ("first_at", "The earliest line, by the program's clock."),
    ("last_at", "The latest line, by the program's clock."),
    (
        "ahead_ms",
        "By how much the program's clock was ahead of the one that took its lines in, at most, in milliseconds.",
    ),
    ("behind_ms", "By how much its first line is older than its task, in milliseconds; else 0."),
    ("slowest_ms", "How long a line took to arrive, at most, in milliseconds."),
];

/// The documentation of these tables.
pub(crate) fn table_docs() -> Vec<TableDoc> {
    let (matches, tasks, target) = (Matches::default(), Tasks::default(), TargetRow::default());
    let told = |name: &str| match name {
        "signatures" => ("One signature of the config.", SIGNATURES),
        "signature_matches" => (
            "One log line that matches a signature: of each signature in each stream the first hundred before the creation of the deployment, and the first hundred since.",
            SIGNATURE_MATCHES,
        ),
        _ => ("What the lines of one log stream tell of themselves.", STREAM_LINES),
    };
    let tables = derived_tables(&[], &matches, &tasks, &target).unwrap_or_default();
    let documented = |(name, batch): (&'static str, RecordBatch)| {
        let (what, columns) = told(name);
        doc(name, what, columns, &batch)
    };
    tables.into_iter().map(documented).collect()
}
