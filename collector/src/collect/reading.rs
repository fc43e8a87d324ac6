//! Which lines are asked for in a poll, and by which calls: a plan, made of values.
//!
//! FilterLogEvents reads up to a hundred streams of a group by one call, and its end is seen without another call;
//! GetLogEvents takes a call a stream, and one more to see the end. So FilterLogEvents always costs fewer calls, and
//! its next read goes back by a window of time, in which late lines are found. GetLogEvents is for where that cannot be:
//! FilterLogEvents is not allowed or does not work.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use crate::aws::ask::{Lines, LogCursor, LogGroup, STREAMS_AT_ONCE};

/// A stream that is to be read, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) group: LogGroup,
    pub(super) stream: String,
    /// FilterLogEvents cannot be used.
    pub(super) alone: bool,
    /// Where a read by GetLogEvents goes on.
    pub(super) unfinished: Option<LogCursor>,
    /// From when on lines are wanted: all of them where nothing is said.
    pub(super) from: Option<Timestamp>,
    /// It was never read: there may be a lot of it.
    pub(super) fresh: bool,
}

/// One read: calls that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) group: LogGroup,
    pub(super) lines: Lines,
    pub(super) cursor: LogCursor,
    /// Whether its streams were never read.
    pub(super) fresh: bool,
}

impl Reading {
    /// The streams that it reads.
    pub(super) fn streams(&self) -> &[String] {
        match &self.lines {
            Lines::Alone(stream) => std::slice::from_ref(stream),
            Lines::Together(streams) => streams,
        }
    }

    /// When it began: lines that had arrived by then are all in it.
    pub(super) fn began(&self) -> Timestamp {
        self.cursor.read.began
    }
}

/// With more new streams than this, a read is split into parts whose pages are asked for at the same time.
const STREAMS_OF_A_PART: usize = 10;
/// And into no more parts than this: each may end with a page that is not full.
const PARTS: usize = 4;

/// The reads of a poll. `reads` counts those of the collection.
pub(super) fn plan(wanted: Vec<Wanted>, began: Timestamp, reads: &mut i64) -> Vec<Reading> {
    let mut begin = |from| {
        *reads += 1;
        LogCursor::new(*reads, began, from)
    };
    let mut readings = Vec::new();
    // What begins at one moment is read together: no line of one stream is asked for that only another needs.
    let mut together: BTreeMap<(LogGroup, bool, Option<Timestamp>), Vec<String>> = BTreeMap::new();
    for stream in wanted {
        let Wanted { group, stream, alone, unfinished, from, fresh } = stream;
        if alone {
            let cursor = unfinished.unwrap_or_else(|| begin(from));
            readings.push(Reading { group, lines: Lines::Alone(stream), cursor, fresh });
        } else {
            together.entry((group, fresh, from)).or_default().push(stream);
        }
    }
    for ((group, fresh, from), mut streams) in together {
        streams.sort_unstable();
        let parts = if fresh { (streams.len() / STREAMS_OF_A_PART).clamp(1, PARTS) } else { 1 };
        let size = streams.len().div_ceil(parts).min(STREAMS_AT_ONCE);
        readings.extend(streams.chunks(size).map(|part| Reading {
            group: group.clone(),
            lines: Lines::Together(part.to_vec()),
            cursor: begin(from),
            fresh,
        }));
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Read;

    fn wanted(stream: &str) -> Wanted {
        Wanted {
            group: LogGroup::of("eu-west-1", "g"),
            stream: stream.to_owned(),
            alone: false,
            unfinished: None,
            from: Some(Timestamp(1000)),
            fresh: false,
        }
    }

    fn sizes(wanted: Vec<Wanted>) -> Vec<usize> {
        plan(wanted, Timestamp(5000), &mut 0).iter().map(|reading| reading.streams().len()).collect()
    }

    #[test]
    fn streams_of_a_group_are_read_together() {
        let many = |count: usize, fresh| (0..count).map(|n| Wanted { fresh, ..wanted(&format!("s{n}")) }).collect();
        assert_eq!(sizes(many(500, false)), [100; 5]);
        assert_eq!(sizes(many(40, true)), [10; 4]);
        assert_eq!(sizes(many(7, true)), [7]);
        assert_eq!(sizes(many(1000, true)), [100; 10]);
        let other = Wanted { group: LogGroup::of("eu-west-1", "h"), ..wanted("t") };
        assert_eq!(sizes(vec![wanted("a"), other, wanted("b")]), [2, 1]);
    }

    #[test]
    fn a_read_that_goes_on_began_when_it_began() {
        let cursor = LogCursor { read: Read::new(3, Timestamp(4000), None).next(), token: Some("f/1".to_owned()) };
        let goes_on = Wanted { alone: true, unfinished: Some(cursor.clone()), ..wanted("a") };
        let alone = Wanted { alone: true, ..wanted("b") };
        let readings = plan(vec![goes_on, alone], Timestamp(5000), &mut 7);
        assert_eq!(readings[0].cursor, cursor);
        assert_eq!((readings[0].began(), readings[1].began()), (Timestamp(4000), Timestamp(5000)));
        assert_eq!(readings[1].cursor.read.id, 8);
    }
}
