//! Ways in which evidence can be lacking. Each takes something away and adds nothing.

use std::collections::{BTreeMap, BTreeSet};

use casefile_collector::document::{Answer, ApiError, Document, Operation, Outcome};
use casefile_collector::held::Held;
use casefile_evidence::tables::{self, AnyRow};
use fastrand::Rng;
use serde_json::Value;

/// A loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loss {
    /// An operation was never asked.
    NeverAsked(Operation),
    /// It was refused, from a snapshot on.
    Denied(Operation, usize),
    /// It was not asked in a snapshot.
    Skipped(Operation, usize),
    /// A log stream was read up to some of its lines only.
    Truncated(String, String, usize),
    /// A snapshot was not taken.
    Snapshot(usize),
    /// Some documents, chosen by a seed, were lost.
    Documents(u64),
    /// Some entries of lists within the answers were lost, unnoticed.
    Entries(u64),
    /// Some fields were null or not there.
    Fields(u64),
    /// Some rows of a table were lost, and its source is partial.
    Rows(&'static str, u64),
    /// Some rows of a table were lost, unnoticed.
    SilentRows(&'static str, u64),
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NeverAsked(operation) => write!(f, "{operation} never asked"),
            Self::Denied(operation, from) => write!(f, "{operation} denied from snapshot {from} on"),
            Self::Skipped(operation, snapshot) => write!(f, "{operation} not asked in snapshot {snapshot}"),
            Self::Truncated(group, stream, lines) => write!(f, "{group} {stream} read up to line {lines}"),
            Self::Snapshot(snapshot) => write!(f, "snapshot {snapshot} not taken"),
            Self::Documents(seed) => write!(f, "documents lost (seed {seed})"),
            Self::Entries(seed) => write!(f, "entries of lists lost in silence (seed {seed})"),
            Self::Fields(seed) => write!(f, "fields null or missing (seed {seed})"),
            Self::Rows(table, seed) => write!(f, "rows of {table} lost (seed {seed})"),
            Self::SilentRows(table, seed) => write!(f, "rows of {table} lost in silence (seed {seed})"),
        }
    }
}

/// Tables whose rows are lost, each with those of the tables that come in the same answer.
const TABLES: [(&str, &[&str]); 10] = [
    ("services", &["deployments"]),
    ("service_events", &[]),
    ("task_sets", &[]),
    ("service_deployments", &[]),
    ("service_revisions", &[]),
    ("tasks", &["containers"]),
    ("task_definitions", &["container_definitions"]),
    ("target_health", &[]),
    ("log_streams", &[]),
    ("log_events", &[]),
];

/// Tables whose rows come as a part of another's: without them only where AWS left them out.
const PARTS: [&str; 3] = ["deployments", "containers", "container_definitions"];

/// Losses of one kind that are tried with different seeds.
const SEEDS: u64 = 5;

impl Loss {
    /// Every loss that is tried on a recording.
    pub(crate) fn all(held: &Held, seed: u64) -> Vec<Self> {
        let mut losses = Vec::new();
        let snapshots = held.snapshots.len();
        let documents = || held.snapshots.iter().flat_map(|snapshot| &snapshot.documents);
        let operations: BTreeSet<Operation> = documents().map(|document| document.operation).collect();
        for operation in operations {
            losses.push(Self::NeverAsked(operation));
            losses.extend([0, snapshots / 2, snapshots.saturating_sub(1)].map(|from| Self::Denied(operation, from)));
            losses.push(Self::Skipped(operation, snapshots.saturating_sub(1)));
            losses.push(Self::Skipped(operation, snapshots / 2));
        }
        let mut rng = Rng::with_seed(seed);
        for ((group, stream), lines) in streams(held) {
            losses.push(Self::Truncated(group.clone(), stream.clone(), 0));
            losses.push(Self::Truncated(group, stream, rng.usize(0..=lines)));
        }
        losses.extend((0..snapshots).map(Self::Snapshot));
        for seed in (0..SEEDS).map(|more| seed.wrapping_add(more)) {
            losses.extend([Self::Documents(seed), Self::Entries(seed), Self::Fields(seed)]);
        }
        for seed in (0..3).map(|more| seed.wrapping_add(more)) {
            losses.extend(TABLES.map(|(table, _)| Self::Rows(table, seed)));
            losses.extend(TABLES.map(|(table, _)| Self::SilentRows(table, seed)));
            losses.extend(PARTS.map(|table| Self::SilentRows(table, seed)));
        }
        losses.dedup();
        losses
    }

    /// Whether the evidence itself shows the loss, so that no single check may be wrong about it. Else only the
    /// verdict must not become a pass: a poll more or less is no gap, and omissions by AWS cannot be noticed.
    pub(crate) fn shows(&self) -> bool {
        match self {
            // That an event is missing cannot be noticed.
            Self::NeverAsked(operation) | Self::Denied(operation, _) => operation.is_asked(),
            Self::Truncated(..) | Self::Rows(..) => true,
            Self::Skipped(..)
            | Self::Snapshot(_)
            | Self::Documents(_)
            | Self::Entries(_)
            | Self::Fields(_)
            | Self::SilentRows(..) => false,
        }
    }

    /// The documents after the loss.
    pub(crate) fn of_documents(&self, held: &Held) -> Held {
        let mut held = held.clone();
        match self {
            Self::NeverAsked(operation) => each(&mut held, |_, document| document.operation != *operation),
            Self::Skipped(operation, at) => {
                each(&mut held, |snapshot, document| snapshot != *at || document.operation != *operation);
            }
            Self::Denied(operation, from) => {
                for snapshot in held.snapshots.iter_mut().skip(*from) {
                    snapshot.documents.iter_mut().filter(|it| it.operation == *operation).for_each(deny);
                }
            }
            Self::Truncated(group, stream, lines) => truncate(&mut held, group, stream, *lines),
            Self::Snapshot(at) => {
                if held.snapshots.len() > 1 {
                    held.snapshots.remove(*at);
                }
            }
            Self::Documents(seed) => {
                let mut rng = Rng::with_seed(*seed);
                each(&mut held, |_, _| rng.u8(..) > 25);
            }
            Self::Entries(seed) => change(&mut held, *seed, lose_entries),
            Self::Fields(seed) => change(&mut held, *seed, lose_fields),
            Self::Rows(..) | Self::SilentRows(..) => {}
        }
        held
    }

    /// The rows after the loss.
    pub(crate) fn of_rows(&self, mut rows: Vec<AnyRow>) -> Vec<AnyRow> {
        let (table, seed, silent) = match self {
            Self::Rows(table, seed) => (*table, *seed, false),
            Self::SilentRows(table, seed) => (*table, *seed, true),
            _ => return rows,
        };
        let mut rng = Rng::with_seed(seed);
        let before = rows.len();
        // One row, some, or most of them.
        let share = [8, 64, 200][usize::try_from(seed % 3).unwrap_or_default()];
        let parts = TABLES.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, parts)| parts);
        let mut lost = BTreeSet::new();
        rows.retain(|row| {
            let goes = row.table() == table && rng.u8(..) < share;
            lost.extend(goes.then(|| whole(row)).flatten());
            !goes
        });
        rows.retain(|row| !parts.contains(&row.table()) || whole(row).is_none_or(|whole| !lost.contains(&whole)));
        if !silent && rows.len() < before {
            let feeds = tables::fed_by(table);
            for row in &mut rows {
                if let AnyRow::Source(source) = row
                    && Some(source.feeds.as_str()) == feeds
                {
                    source.status = "partial".to_owned();
                    source.exhausted = false;
                    source.error = Some("rows were lost".to_owned());
                }
            }
        }
        rows
    }
}

/// Whether bare documents were lost. Nothing shows that: the recording is then the same as one for which the calls were
/// never made.
pub(crate) fn lost_bare_documents(whole: &Held, left: &Held) -> bool {
    let bare = |held: &Held| {
        let documents = held.snapshots.iter().flat_map(|snapshot| &snapshot.documents);
        documents.filter(|document| document.assumed).count()
    };
    bare(left) < bare(whole)
}

/// The answer that a row belongs to (rows of one answer are lost together): its snapshot and its resource.
fn whole(row: &AnyRow) -> Option<(i64, String)> {
    match row {
        AnyRow::Service(row) => Some((row.snapshot, row.service_arn.clone())),
        AnyRow::Deployment(row) => Some((row.snapshot, row.service_arn.clone())),
        AnyRow::Task(row) => Some((row.snapshot, row.task_arn.clone())),
        AnyRow::Container(row) => Some((row.snapshot, row.task_arn.clone())),
        AnyRow::TaskDefinition(row) => Some((row.snapshot, row.task_definition.clone())),
        AnyRow::ContainerDefinition(row) => Some((row.snapshot, row.task_definition.clone())),
        _ => None,
    }
}

fn each(held: &mut Held, mut keep: impl FnMut(usize, &Document) -> bool) {
    for (number, snapshot) in held.snapshots.iter_mut().enumerate() {
        snapshot.documents.retain(|document| keep(number, document));
    }
}

fn deny(document: &mut Document) {
    let action = document.operation.iam_action();
    document.outcome = Outcome::Error(ApiError {
        code: "AccessDeniedException".to_owned(),
        message: format!("not authorized to perform: {action}"),
    });
    document.assumed = false;
    document.request.get_or_insert_default();
}

/// The stream that a document is a page of, where it is one.
fn stream_of(document: &Document) -> Option<(String, String)> {
    (document.operation == Operation::GetLogEvents)
        .then(|| document.requested("logGroupName").zip(document.requested("logStreamName")))
        .flatten()
        .map(|(group, stream)| (group.to_owned(), stream.to_owned()))
}

fn events(document: &Document) -> usize {
    document.events().len()
}

fn streams(held: &Held) -> BTreeMap<(String, String), usize> {
    let mut streams = BTreeMap::new();
    for document in held.snapshots.iter().flat_map(|snapshot| &snapshot.documents) {
        if let Some(stream) = stream_of(document) {
            *streams.entry(stream).or_default() += events(document);
        }
    }
    streams
}

/// Ends the reading of a stream after the given number of lines: the page with the next line is cut, and no more
/// pages come.
fn truncate(held: &mut Held, group: &str, stream: &str, lines: usize) {
    let mut left = Some(lines);
    for snapshot in &mut held.snapshots {
        snapshot.documents.retain_mut(|document| {
            if stream_of(document).is_none_or(|(g, s)| (g.as_str(), s.as_str()) != (group, stream)) {
                return true;
            }
            let Some(room) = left else { return false };
            let here = events(document);
            if here <= room {
                left = Some(room - here);
                return true;
            }
            left = None;
            if let Outcome::Response(answer) = &mut document.outcome {
                if let Some(events) = &mut answer.events {
                    events.truncate(room);
                }
                // Its token leads to a page that was not read.
                answer.fields.insert("nextForwardToken".to_owned(), Value::from("f/cut/s"));
            }
            true
        });
    }
}

fn change(held: &mut Held, seed: u64, how: fn(&mut Value, &mut Rng)) {
    let mut rng = Rng::with_seed(seed);
    for document in held.snapshots.iter_mut().flat_map(|snapshot| &mut snapshot.documents) {
        if let Outcome::Response(answer) = &mut document.outcome
            && rng.u8(..) < 64
        {
            let mut whole = Value::Object(answer.to_json());
            how(&mut whole, &mut rng);
            if let Value::Object(changed) = whole {
                *answer = Answer::new(document.operation, changed);
            }
        }
    }
}

fn lose_entries(value: &mut Value, rng: &mut Rng) {
    match value {
        Value::Array(items) => {
            items.retain(|_| rng.u8(..) > 20);
            items.iter_mut().for_each(|item| lose_entries(item, rng));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| lose_entries(field, rng)),
        _ => {}
    }
}

fn lose_fields(value: &mut Value, rng: &mut Rng) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| lose_fields(item, rng)),
        Value::Object(fields) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            for name in names {
                match rng.u8(..) {
                    0..=4 => {
                        fields.remove(&name);
                    }
                    5..=8 => {
                        fields.insert(name, Value::Null);
                    }
                    _ => {
                        if let Some(field) = fields.get_mut(&name) {
                            lose_fields(field, rng);
                        }
                    }
                }
            }
        }
        _ => {}
    }
}
