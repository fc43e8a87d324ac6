//! Parts of one line, put together.
//!
//! A log driver cuts a line that is longer than its buffer into several events. With awslogs their length and
//! their time tell; with FireLens their records do.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use super::matcher::Line;
use super::readable::{Event, Part};

/// How long a line may be. A longer one is matched in pieces.
const LINE_BYTES: usize = 1 << 20;
const LINE_PARTS: usize = 64;
/// How many lines may be open at a time.
const OPEN: usize = 256;
/// By how many milliseconds the parts of a line differ in time.
const APART_MS: i64 = 1;

/// The fields of a log event besides its text, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) log_group: String,
    pub(super) log_stream: String,
    pub(super) container: Option<String>,
    pub(super) task_id: Option<String>,
    pub(super) timestamp: Timestamp,
    pub(super) seq: i64,
    pub(super) ingestion_time: Option<Timestamp>,
}

impl Written {
    pub(super) fn of(line: &Line<'_>) -> Self {
        Self {
            log_group: line.log_group.to_owned(),
            log_stream: line.log_stream.to_owned(),
            container: line.container.map(str::to_owned),
            task_id: line.task_id.map(str::to_owned),
            timestamp: line.timestamp,
            seq: line.seq,
            ingestion_time: line.ingestion_time,
        }
    }

    pub(super) fn line<'a>(&'a self, message: &'a str) -> Line<'a> {
        Line {
            log_group: &self.log_group,
            log_stream: &self.log_stream,
            container: self.container.as_deref(),
            task_id: self.task_id.as_deref(),
            timestamp: self.timestamp,
            seq: self.seq,
            ingestion_time: self.ingestion_time,
            message,
        }
    }
}

/// A line that was put together, as far as its parts are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) written: Written,
    pub(super) text: String,
    /// The starts of parts that may be separate lines: only their length and time suggest that they are parts.
    pub(super) starts: Vec<usize>,
    pub(super) record: Option<String>,
    /// Whether a part is missing.
    pub(super) broken: bool,
    parts: usize,
    /// Which part comes next, where the records count them.
    next: Option<u64>,
}

/// The lines whose ends have not come, by group, stream and the router's id of the line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parts(BTreeMap<(String, String, String), Joined>);

impl Parts {
    /// Whether no line is open.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an event needs to be looked at here.
    pub(super) fn concerns(&self, event: &Event<'_>) -> bool {
        !self.0.is_empty() || event.part != Part::Whole
    }

    /// Takes an event. Lines that end by it are added to `done`, in their order; `false` where the event is no part.
    pub(super) fn take(&mut self, line: &Line<'_>, event: &Event<'_>, done: &mut Vec<Joined>) -> bool {
        let (id, ordinal, last) = match &event.part {
            Part::Whole => (String::new(), None, true),
            Part::Full => (String::new(), None, false),
            Part::Named { id, ordinal, last } => (id.clone(), *ordinal, *last),
        };
        let named = matches!(event.part, Part::Named { .. });
        let key = (line.log_group.to_owned(), line.log_stream.to_owned(), id);
        let open = self.0.get(&key);
        // A part of another moment is of another line; and the end of this one never came.
        let apart = |open: &Joined| (line.timestamp.millis_since(open.written.timestamp)).abs() > APART_MS;
        if !named && open.is_some_and(apart) {
            done.extend(self.0.remove(&key).map(Joined::broken));
        }
        if !self.0.contains_key(&key) {
            if event.part == Part::Whole {
                return false;
            }
            while self.0.len() >= OPEN {
                done.extend(self.0.pop_first().map(|(_, joined)| joined.broken()));
            }
        }
        let joined = self.0.entry(key.clone()).or_insert_with(|| Joined {
            written: Written::of(line),
            text: String::new(),
            starts: Vec::new(),
            record: event.record.map(str::to_owned),
            broken: false,
            parts: 0,
            next: ordinal.map(|_| 1),
        });
        if !named {
            joined.starts.push(joined.text.len());
        }
        // The newline of a record ends its line, and parts have none.
        joined.text.push_str(event.text.trim_end_matches(['\n', '\r']));
        joined.parts += 1;
        joined.broken |= joined.next != ordinal;
        joined.next = ordinal.map(|ordinal| ordinal.saturating_add(1));
        let full = joined.parts >= LINE_PARTS || joined.text.len() >= LINE_BYTES;
        if last {
            done.extend(self.0.remove(&key));
        } else if full {
            done.extend(self.0.remove(&key).map(Joined::broken));
        }
        true
    }

    /// Every line that is still open: no more of it will come.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = Joined> + use<> {
        std::mem::take(&mut self.0).into_values().map(Joined::broken)
    }
}

impl Joined {
    fn broken(self) -> Self {
        Self { broken: true, ..self }
    }
}
