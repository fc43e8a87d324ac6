//! The last lines of each log stream of the tasks that ended, kept while all lines pass by.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use arrow::array::RecordBatch;
use casefile_evidence::Timestamp;

use super::super::matcher::Line;
use super::TailLine;
use crate::tables::{flag, int, rows, text};

/// Lines of a stream.
const LINES: usize = 100;
/// Bytes of a stream.
const BYTES: usize = 16 << 10;
/// Characters of a line.
const CHARACTERS: usize = 1000;
/// Tasks whose lines are kept, in the order of their ids, which is the order in which a verdict lists rows.
const TASKS: usize = 200;
/// Streams whose lines are kept.
const STREAMS: usize = 1000;

/// The tasks of which something ended badly, each with its essential containers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ended(BTreeMap<String, BTreeSet<String>>);

impl Ended {
    /// From the views `task_ends` and `latest_containers`: tasks that ended, and tasks that run on without a container
    /// that failed.
    pub(crate) fn from_views(ends: &[RecordBatch], containers: &[RecordBatch]) -> Self {
        let mut tasks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (batch, row) in rows(ends) {
            tasks.extend(text(batch, "task_id", row).map(|id| (id, BTreeSet::new())));
        }
        for (batch, row) in rows(containers) {
            let stopped = text(batch, "last_status", row).as_deref() == Some("STOPPED");
            // A task that stopped as it should is no subject, and its sidecars are killed with 137 or 143.
            let failed = stopped && !matches!(int(batch, "exit_code", row), Some(0 | 137 | 143));
            let killed = text(batch, "reason", row).is_some_and(|reason| reason.starts_with("OutOfMemory"));
            if flag(batch, "judged", row) == Some(true) && (failed || killed) {
                tasks.extend(
                    text(batch, "task_id", row).filter(|id| !tasks.contains_key(id)).map(|id| (id, BTreeSet::new())),
                );
            }
        }
        while tasks.len() > TASKS {
            tasks.pop_last();
        }
        for (batch, row) in rows(containers) {
            let counts = flag(batch, "essential", row) != Some(false) && flag(batch, "added_by_aws", row) != Some(true);
            let task = text(batch, "task_id", row).and_then(|id| tasks.get_mut(&id));
            if let (true, Some(task)) = (counts, task) {
                task.extend(text(batch, "container", row));
            }
        }
        Self(tasks)
    }
}

/// A log stream of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stream {
    pub(crate) log_group: String,
    pub(crate) log_stream: String,
    pub(crate) container: Option<String>,
}

/// Where a line stands in its stream: by its time, its event's number, and which of the event's lines it is.
type Place = (Timestamp, i64, usize);

/// The last lines of one stream, in their order, whichever way they come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ring {
    lines: VecDeque<(Place, String)>,
    bytes: usize,
    /// The last line that was dropped: older lines are dropped too.
    dropped: Option<Place>,
}

impl Ring {
    fn push(&mut self, place: Place, line: &str) {
        if self.dropped.is_some_and(|dropped| place <= dropped) {
            return;
        }
        let line = cut(line);
        self.bytes += line.len();
        let at = self.lines.iter().rposition(|(other, _)| *other <= place).map_or(0, |before| before + 1);
        self.lines.insert(at, (place, line));
        while self.lines.len() > LINES || (self.bytes > BYTES && self.lines.len() > 1) {
            let Some((place, line)) = self.lines.pop_front() else { return };
            self.bytes -= line.len();
            self.dropped = Some(place);
        }
    }
}

/// The last lines of the streams of the tasks that ended; of no other task a line is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rings {
    ended: Ended,
    streams: BTreeMap<String, BTreeMap<Stream, Ring>>,
    count: usize,
}

impl Rings {
    pub(crate) fn new(ended: Ended) -> Self {
        Self { ended, ..Self::default() }
    }

    /// Whether a task is among those whose lines are kept.
    pub(crate) fn is_of(&self, task_id: &str) -> bool {
        self.ended.0.contains_key(task_id)
    }

    /// Whether no line needs to be looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.ended.0.is_empty()
    }

    /// Takes an event, as a person reads it.
    pub(crate) fn take(&mut self, line: &Line<'_>, text: &str) {
        let Some(task_id) = line.task_id.filter(|id| self.is_of(id)) else { return };
        let stream = Stream {
            log_group: line.log_group.to_owned(),
            log_stream: line.log_stream.to_owned(),
            container: line.container.map(str::to_owned),
        };
        if !self.streams.contains_key(task_id) {
            self.streams.insert(task_id.to_owned(), BTreeMap::new());
        }
        let Some(streams) = self.streams.get_mut(task_id) else { return };
        if !streams.contains_key(&stream) {
            if self.count >= STREAMS {
                return;
            }
            self.count += 1;
        }
        let ring = streams.entry(stream).or_default();
        let lines = text.lines().count();
        // Of an event of more lines than are kept, the last.
        for (number, text) in text.lines().enumerate().skip(lines.saturating_sub(LINES + 1)) {
            ring.push((line.timestamp, line.seq, number), text.trim_end());
        }
    }

    /// The last lines of a container of a task, and whether there were earlier ones. Without `container`: those of the
    /// essential container that wrote last. A stream whose container is not known counts for every container.
    pub(crate) fn last(&self, task_id: &str, container: Option<&str>) -> Option<(&Stream, (Vec<TailLine>, bool))> {
        let essential = self.ended.0.get(task_id)?;
        let is_it = |stream: &Stream| match (&stream.container, container) {
            (None, _) => true,
            (Some(of), Some(wanted)) => of == wanted,
            (Some(of), None) => essential.contains(of),
        };
        let streams = self.streams.get(task_id)?.iter().filter(|(stream, _)| is_it(stream));
        let known = |stream: &Stream| stream.container.is_some();
        // Of equals the first by name: `max_by_key` gives the last.
        let (stream, ring) = streams.rev().max_by_key(|(stream, ring)| {
            (known(stream) && container.is_some(), ring.lines.back().map(|((at, ..), _)| *at))
        })?;
        let line = |((at, ..), line): &(Place, String)| TailLine { at: *at, line: line.clone() };
        Some((stream, (ring.lines.iter().map(line).collect(), ring.dropped.is_some())))
    }
}

/// The first characters of a line, with an ellipsis where it has more.
fn cut(line: &str) -> String {
    match line.char_indices().nth(CHARACTERS) {
        None => line.to_owned(),
        Some(_) => line.chars().take(CHARACTERS - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: i64, task_id: &str) -> Line<'_> {
        Line {
            log_group: "g",
            log_stream: "s",
            container: Some("app"),
            task_id: Some(task_id),
            timestamp: Timestamp(seq / 2),
            seq,
            ingestion_time: None,
            message: "",
        }
    }

    fn of(lines: impl Iterator<Item = i64>, text: &str) -> Rings {
        let mut rings = Rings::new(Ended([("t".to_owned(), BTreeSet::new())].into()));
        for seq in lines {
            rings.take(&line(seq, "t"), &format!("{seq} {text}"));
            rings.take(&line(seq, "another"), text);
        }
        rings
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_same_in_whichever_order_lines_come() {
        for text in ["x".to_owned(), "long ".repeat(1000), "one\ntwo\n".repeat(300)] {
            let rings = of(0..1000, &text);
            let ring = rings.streams.get("t").and_then(|streams| streams.values().next()).unwrap();
            assert!(ring.lines.len() <= LINES && ring.bytes <= BYTES, "{} {}", ring.lines.len(), ring.bytes);
            assert!(ring.lines.iter().all(|(_, line)| line.chars().count() <= CHARACTERS));
            assert_eq!(rings.streams.len(), 1, "of another task nothing is kept");
            let last = |rings: &Rings| rings.last("t", Some("app")).unwrap().1;
            assert_eq!(last(&rings), last(&of((0..1000).rev(), &text)));
            assert_eq!(last(&rings), last(&of((0..500).map(|n| n * 2).chain((0..500).map(|n| n * 2 + 1)), &text)));
        }
    }

    #[test]
    fn streams_are_bounded() {
        let mut rings = Rings::new(Ended([("t".to_owned(), BTreeSet::new())].into()));
        for number in 0..2 * STREAMS {
            rings.take(&Line { log_stream: &number.to_string(), ..line(1, "t") }, "x");
        }
        assert_eq!(rings.streams.values().map(BTreeMap::len).sum::<usize>(), STREAMS);
    }

    #[test]
    fn a_long_line_says_that_it_goes_on() {
        assert_eq!(cut(&"é".repeat(1000)), "é".repeat(1000));
        let long = cut(&"é".repeat(1001));
        assert!(long.ends_with("é…") && long.chars().count() == CHARACTERS);
    }
}
