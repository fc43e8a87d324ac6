//! Which lines are asked for in a poll, and by which calls: a plan, made of values.
//!
//! FilterLogEvents reads up to a hundred streams of a group by one call, and its end is seen without another call;
//! GetLogEvents takes a call a stream, and one more to see the end. So FilterLogEvents always costs fewer calls, and
//! its next reading goes back by a window of time, in which late lines are found; what comes again is known again.
//! GetLogEvents is for where that cannot be: FilterLogEvents is not allowed or does not work, or a stream had more
//! lines within the window than are remembered.

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
    /// From where GetLogEvents goes on.
    pub(super) token: Option<String>,
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
        let remembered = stream.forgotten_to.is_none_or(|forgotten| stream.from.is_some_and(|from| from > forgotten));
        if !stream.alone && remembered {
            let key = (stream.region, stream.group, stream.fresh, stream.from);
            together.entry(key).or_default().push(stream.stream);
            continue;
        }
        let from = stream.from.max(stream.forgotten_to.map(|forgotten| forgotten.plus_millis(1)));
        // A token passes over what arrives late: it is for what cannot be read again.
        let token = stream.token.filter(|_| stream.fresh || !remembered);
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
        let readings = plan(vec![busy, calm], Timestamp(5000));
        assert_eq!(readings[0].lines, Lines::Alone("busy".to_owned()));
        assert_eq!(readings[0].cursor, LogCursor { from: Some(Timestamp(1501)), token: None });
        assert_eq!(readings[1].lines, Lines::Together(vec!["calm".to_owned()]));
        assert_eq!(readings[1].cursor.from, Some(Timestamp(1000)));
    }

    #[test]
    fn a_token_is_gone_on_from_where_it_must_be() {
        let alone = Wanted { alone: true, token: Some("f/1".to_owned()), ..wanted("a") };
        let token = |wanted: Wanted| plan(vec![wanted], Timestamp(5000)).remove(0).cursor.token;
        assert_eq!(token(Wanted { fresh: true, ..alone.clone() }).as_deref(), Some("f/1"));
        assert_eq!(token(Wanted { forgotten_to: Some(Timestamp(2000)), ..alone.clone() }).as_deref(), Some("f/1"));
        assert_eq!(token(alone), None, "what was read is read again, for late lines");
    }
}
