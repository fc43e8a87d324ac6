//! Which lines are asked for in a poll, and by which calls: a plan, made of values.
//!
//! FilterLogEvents reads up to a hundred streams of a group by one call, and its end is seen without another call;
//! GetLogEvents takes a call a stream, and one more to see the end. So FilterLogEvents always costs fewer calls, and
//! its next reading goes back by a window of time, in which late lines are found; what comes again is known again.
//! GetLogEvents is for where that cannot be: FilterLogEvents is not allowed or does not work.
//!
//! Where a stream had more lines within the window than are remembered, it is read again from those on that are. That
//! what arrived before them late was not asked for is told by its coverage.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use crate::aws::ask::{Lines, LogCursor, STREAMS_AT_ONCE};

/// A stream that is to be read, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) region: String,
    pub(super) group: String,
    pub(super) stream: String,
    /// FilterLogEvents cannot be used.
    pub(super) alone: bool,
    /// From where GetLogEvents goes on, and when that reading was begun.
    pub(super) token: Option<(String, Timestamp)>,
    /// From when on lines are wanted: all of them where nothing is said.
    pub(super) from: Option<Timestamp>,
    /// Lines up to this moment are not remembered: read again, they would count twice.
    pub(super) forgotten_to: Option<Timestamp>,
    /// It was never read: there may be a lot of it.
    pub(super) fresh: bool,
}

/// One reading: calls that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) region: String,
    pub(super) group: String,
    pub(super) lines: Lines,
    pub(super) cursor: LogCursor,
    /// When it was begun: lines that had arrived by then are all in it.
    pub(super) began: Timestamp,
}

impl Reading {
    /// The streams that it reads.
    pub(super) fn streams(&self) -> &[String] {
        match &self.lines {
            Lines::Alone(stream) => std::slice::from_ref(stream),
            Lines::Together(streams) => streams,
        }
    }
}

/// A reading of so many new streams is split, so that pages come side by side.
const STREAMS_OF_A_PART: usize = 10;
/// And into no more parts than this: each may end with a page that is not full.
const PARTS: usize = 4;

/// The readings of a poll.
pub(super) fn plan(wanted: Vec<Wanted>, began: Timestamp) -> Vec<Reading> {
    let mut readings = Vec::new();
    // What begins at one moment is read together: no line of one stream is asked for that only another needs.
    let mut together: BTreeMap<(String, String, bool, Option<Timestamp>), Vec<String>> = BTreeMap::new();
    for stream in wanted {
        let from = stream.from.max(stream.forgotten_to.map(|forgotten| forgotten.plus_millis(1)));
        if !stream.alone {
            let key = (stream.region, stream.group, stream.fresh, from);
            together.entry(key).or_default().push(stream.stream);
            continue;
        }
        let (token, began) = stream.token.map_or((None, began), |(token, began)| (Some(token), began));
        readings.push(Reading {
            region: stream.region,
            group: stream.group,
            lines: Lines::Alone(stream.stream),
            cursor: LogCursor { from, token },
            began,
        });
    }
    for ((region, group, fresh, from), mut streams) in together {
        streams.sort_unstable();
        let parts = if fresh { (streams.len() / STREAMS_OF_A_PART).clamp(1, PARTS) } else { 1 };
        let size = streams.len().div_ceil(parts).min(STREAMS_AT_ONCE);
        readings.extend(streams.chunks(size).map(|part| Reading {
            region: region.clone(),
            group: group.clone(),
            lines: Lines::Together(part.to_vec()),
            cursor: LogCursor { from, token: None },
            began,
        }));
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(stream: &str) -> Wanted {
        Wanted {
            region: "eu-west-1".to_owned(),
            group: "g".to_owned(),
            stream: stream.to_owned(),
            alone: false,
            token: None,
            from: Some(Timestamp(1000)),
            forgotten_to: None,
            fresh: false,
        }
    }

    fn sizes(wanted: Vec<Wanted>) -> Vec<usize> {
        plan(wanted, Timestamp(5000)).iter().map(|reading| reading.streams().len()).collect()
    }

    #[test]
    fn streams_of_a_group_are_read_together() {
        let many = |count: usize, fresh| (0..count).map(|n| Wanted { fresh, ..wanted(&format!("s{n}")) }).collect();
        assert_eq!(sizes(many(500, false)), [100; 5]);
        assert_eq!(sizes(many(40, true)), [10; 4]);
        assert_eq!(sizes(many(7, true)), [7]);
        assert_eq!(sizes(many(1000, true)), [100; 10]);
        let other = Wanted { group: "h".to_owned(), ..wanted("t") };
        assert_eq!(sizes(vec![wanted("a"), other, wanted("b")]), [2, 1]);
    }

    #[test]
    fn what_was_forgotten_is_not_asked_for_again() {
        let busy = Wanted { forgotten_to: Some(Timestamp(1500)), ..wanted("busy") };
        let calm = Wanted { forgotten_to: Some(Timestamp(999)), ..wanted("calm") };
        let alone = Wanted { alone: true, stream: "alone".to_owned(), ..busy.clone() };
        let readings = plan(vec![busy, calm, alone], Timestamp(5000));
        let from = |reading: &Reading| (reading.streams()[0].clone(), reading.cursor.from);
        let from: Vec<_> = readings.iter().map(from).collect();
        let at = |stream: &str, from| (stream.to_owned(), Some(Timestamp(from)));
        assert_eq!(from, [at("alone", 1501), at("calm", 1000), at("busy", 1501)]);
    }

    #[test]
    fn a_reading_that_goes_on_began_when_it_began() {
        let token = Some(("f/1".to_owned(), Timestamp(4000)));
        let reading = plan(vec![Wanted { alone: true, token, ..wanted("a") }], Timestamp(5000)).remove(0);
        assert_eq!((reading.cursor.token.as_deref(), reading.began), (Some("f/1"), Timestamp(4000)));
    }
}
