//! Lines that the rule has not seen yet: reads overlap, and it is shown each line once.
//!
//! What is kept in the bundle is decided where its runs are merged. This is for whoever watches the lines as they come: it
//! remembers no more than the next read has again.

use std::collections::HashMap;

use casefile_evidence::{Copies, LineRow, Name, Timestamp};

/// A line of a stream: when it was written, when it arrived, its hash.
type Line = (Timestamp, Option<Timestamp>, i64);

#[derive(Default)]
pub(super) struct Fresh {
    /// Lines from before this moment do not come again.
    since: Option<Timestamp>,
    streams: HashMap<(Name, Name), HashMap<Line, Copies>>,
}

impl Fresh {
    /// Before the first read: the second one reads lines from this moment on again.
    pub(super) fn begin(&mut self, since: Timestamp) {
        self.since.get_or_insert(since);
    }

    /// Whether no read had the line before.
    pub(super) fn is_new(&mut self, line: &LineRow) -> bool {
        let Some(read) = line.read.filter(|_| Some(line.timestamp) >= self.since) else { return true };
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
