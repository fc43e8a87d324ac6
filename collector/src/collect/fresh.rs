//! Lines that the rule has not seen yet: reads overlap, and it is shown each line once.
//!
//! The bundle does not depend on this: its duplicates are removed where its sorted runs are merged. This serves the rule
//! that decides when to stop, and remembers only those lines that the next read returns again.

use std::collections::{HashMap, HashSet};

use casefile_evidence::{Copies, LineRow, Name, Timestamp};

/// A line of a stream: when it was written, when it arrived, its hash.
type Line = (Timestamp, Option<Timestamp>, i64);

#[derive(Default)]
pub(super) struct Fresh {
    /// Where the second read starts. Only the last read of a collection, for very late lines, starts earlier.
    since: Option<Timestamp>,
    /// Reads of streams that were never read: all of their lines are new.
    first: HashSet<i64>,
    streams: HashMap<(Name, Name), HashMap<Line, Copies>>,
}

impl Fresh {
    /// Before the first read: the second one reads lines from this moment on again.
    pub(super) fn begin(&mut self, since: Timestamp) {
        self.since.get_or_insert(since);
    }

    /// A read that begins, of streams that were never read.
    pub(super) fn first_read(&mut self, id: i64) {
        self.first.insert(id);
    }

    /// Whether no read had the line before. A line from before `since` counts as new only in the first read of its stream.
    pub(super) fn is_new(&mut self, line: &LineRow) -> bool {
        let Some(read) = line.read else { return true };
        if Some(line.timestamp) < self.since {
            return self.first.contains(&read);
        }
        let lines = self.streams.entry((line.log_group.clone(), line.log_stream.clone())).or_default();
        lines.entry((line.timestamp, line.ingestion_time, line.hash)).or_default().is_new(read)
    }

    /// After a poll: the next one reads lines from this moment on again.
    pub(super) fn forget(&mut self, since: Timestamp) {
        self.since = Some(since);
        self.streams.retain(|_, lines| {
            lines.retain(|(at, ..), _| *at >= since);
            lines.shrink_to_fit();
            !lines.is_empty()
        });
    }
}
