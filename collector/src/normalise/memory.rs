//! What is remembered of a log stream: enough to know a line again that comes twice, and bounded.

use std::collections::BTreeMap;

use casefile_evidence::{Name, Timestamp};

use super::sources::Place;

/// How many of the lines of a stream are remembered, to recognise them when they come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retain {
    /// The lines of the last `millis`, and no more than `lines` of them, all streams together: enough where what
    /// is read again starts within them, as the collector's own re-reading does (see [`super::Assembly::forgotten_to`]).
    Trailing {
        /// At most about so many lines.
        lines: usize,
        /// At most so old, counted from the snapshot's moment or, where that is earlier, from the beginning of the
        /// newest reading that came to its end.
        millis: i64,
    },
    /// Every line: for files of unknown making, which may overlap anywhere.
    All,
}

impl Retain {
    /// How far back the collector reads again before it takes a stream for finished, in milliseconds.
    pub const COLLECTOR_MS: i64 = 120_000;
    /// What the collector retains, and so may read again.
    pub const COLLECTOR: Self = Self::Trailing { lines: 400_000, millis: Self::COLLECTOR_MS };
}

/// A run of pages that continue each other. What comes again in another run came before.
pub(super) type Chain = u64;

/// The names that every row of a stream has.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) log_group: Name,
    pub(super) log_stream: Name,
    pub(super) container: Option<Name>,
    pub(super) task_id: Option<Name>,
}

impl Names {
    pub(super) fn are_of(&self, place: &Place) -> bool {
        self.container.as_deref() == place.container.as_deref() && self.task_id.as_deref() == place.task_id.as_deref()
    }
}

/// A stream while the lines of a page are taken up.
pub(super) struct Open {
    pub(super) key: (String, String),
    pub(super) stream: Stream,
    pub(super) names: Names,
    /// How many lines are remembered, and from when on; `None`: all of them.
    pub(super) kept: Option<(usize, Timestamp)>,
    /// Lines that were new.
    pub(super) rows: usize,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// As they were last.
    pub(super) names: Option<Names>,
    pub(super) next_seq: i64,
    pub(super) chain: Chain,
    /// From when on the chain reads; `None`: from the oldest line.
    pub(super) chain_from: Option<Timestamp>,
    pub(super) token: Option<String>,
    /// From when on it is known, as of the newest chain that came to its end.
    covered_from: Option<Timestamp>,
    /// When the chain was begun: what arrives later may stand before the place that it has reached.
    pub(super) began: Option<Timestamp>,
    /// Whether the chain came to its end. It may go on, with what is behind that.
    ended: bool,
    /// When the newest chain was begun that came to its end.
    whole_began: Option<Timestamp>,
    /// Lines from before this moment had all arrived, and were asked for, when that chain was begun.
    sound_to: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
    /// When it was read first.
    pub(super) first_read: Option<Timestamp>,
    /// From when on its log group still kept lines when it was read first, where that is known.
    pub(super) kept_from: Option<Timestamp>,
    /// Before which moment its lines were asked for, where not all were.
    pub(super) until: Option<Timestamp>,
    /// By moment, and hash of the rest.
    recent: BTreeMap<(Timestamp, u64), Remembered>,
    /// The newest line that is no longer remembered.
    pub(super) forgotten_to: Option<Timestamp>,
}

/// A line that is remembered, and how often it is there.
#[derive(Debug, Default)]
struct Remembered {
    times: u32,
    /// The newest chain that has it, and how often it came there.
    chain: Chain,
    came: u32,
}

impl Stream {
    /// The line's number, where it is new: what comes again in another chain came before. Lines older than `oldest` are
    /// not worth remembering.
    pub(super) fn number(
        &mut self,
        at: Timestamp,
        hash: impl FnOnce() -> u64,
        oldest: Option<Timestamp>,
    ) -> Option<i64> {
        self.newest = self.newest.max(Some(at));
        let unknown = self.recent.first_key_value().is_none_or(|((first, _), _)| *first > at);
        if unknown && oldest.is_some_and(|oldest| at < oldest) {
            self.forgotten_to = self.forgotten_to.max(Some(at));
        } else {
            let line = self.recent.entry((at, hash())).or_default();
            if line.chain != self.chain {
                (line.chain, line.came) = (self.chain, 0);
            }
            line.came += 1;
            if line.came <= line.times {
                return None;
            }
            line.times = line.came;
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        Some(seq)
    }

    /// How many lines are remembered.
    pub(super) fn remembered(&self) -> usize {
        self.recent.len()
    }

    /// Begins another chain, unless it goes on.
    pub(super) fn enter(&mut self, chain: Chain, from: Option<Timestamp>, now: Timestamp) {
        if self.chain != chain {
            (self.chain, self.chain_from, self.began, self.ended) = (chain, from, Some(now), false);
        }
    }

    /// From when on lines may still have to be known again: late ones are looked for behind the beginning of the
    /// newest chain that came to its end, however long the chain under way takes.
    pub(super) fn needed_from(&self, now: Timestamp, millis: i64) -> Timestamp {
        let since = [self.began, self.whole_began].into_iter().flatten().fold(now, Timestamp::min);
        since.plus_millis(-millis)
    }

    /// Forgets the oldest lines, so that no more than `most` are left and none is older than `oldest`. What this chain
    /// has still to come by stays: it would be taken for new.
    pub(super) fn forget(&mut self, most: usize, oldest: Timestamp) {
        while let Some(line) = self.recent.first_entry() {
            let at = line.key().0;
            let passed = line.get().chain == self.chain || self.chain_from.is_some_and(|from| at < from);
            if !passed || at >= oldest && self.recent.len() <= most {
                break;
            }
            self.recent.pop_first();
            self.forgotten_to = self.forgotten_to.max(Some(at));
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.recent.clear();
    }

    /// From when on the stream is known, once the chain is at its end. A chain adds to what was read before only where
    /// it begins within that: no later than the moment before which nothing could arrive any more.
    pub(super) fn covered_from(&self) -> Option<Timestamp> {
        match self.sound_to {
            Some(sound_to) if self.chain_from.is_none_or(|from| from <= sound_to) => {
                self.covered_from.min(self.chain_from)
            }
            _ => self.chain_from,
        }
    }

    /// Up to when the stream is known, once the chain is at its end: what arrives while it is read may stand before the
    /// place that it has reached. A chain that goes on is taken to find all that comes later.
    pub(super) fn covered_to(&self, now: Timestamp) -> Timestamp {
        self.began.filter(|_| !self.ended).map_or(now, |began| began.min(now))
    }

    /// The chain is at its end. Lines take no longer to arrive than `grace_ms`.
    pub(super) fn end(&mut self, grace_ms: i64) {
        self.covered_from = self.covered_from();
        self.ended = true;
        self.whole_began = self.began;
        let arrived = self.began.map(|began| began.plus_millis(grace_ms.saturating_neg()));
        self.sound_to = self.sound_to.max(self.until.into_iter().chain(arrived).min());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: i64 = 10_000;

    fn at(millis: i64) -> Option<Timestamp> {
        Some(Timestamp(millis))
    }

    /// A stream that a chain read from its beginning, which was begun at 100 s and came to its end.
    fn read() -> Stream {
        let mut stream = Stream::default();
        stream.enter(1, None, Timestamp(100_000));
        stream.end(GRACE);
        stream
    }

    #[test]
    fn a_chain_adds_where_it_begins_before_all_that_may_have_arrived_since() {
        for (from, known) in [(None, None), (at(90_000), None), (at(90_001), at(90_001)), (at(105_000), at(105_000))] {
            let mut stream = read();
            stream.enter(2, from, Timestamp(110_000));
            assert_eq!(stream.covered_from(), known, "{from:?}");
            stream.end(GRACE);
            // What goes on with it changes nothing.
            stream.end(GRACE);
            assert_eq!(stream.covered_from(), known, "{from:?}");
        }
    }

    #[test]
    fn a_chain_that_does_not_come_to_its_end_leaves_what_was_known() {
        let mut stream = read();
        stream.enter(2, at(105_000), Timestamp(110_000));
        stream.enter(3, at(85_000), Timestamp(120_000));
        stream.end(GRACE);
        assert_eq!(stream.covered_from(), None);
    }

    #[test]
    fn what_was_asked_up_to_a_moment_is_known_up_to_it() {
        let mut stream = Stream::default();
        stream.until = at(50_000);
        stream.enter(1, None, Timestamp(100_000));
        stream.end(GRACE);
        stream.until = None;
        stream.enter(2, at(50_000), Timestamp(101_000));
        assert_eq!(stream.covered_from(), None);
        stream.enter(3, at(50_001), Timestamp(101_000));
        assert_eq!(stream.covered_from(), at(50_001));
    }

    #[test]
    fn a_chain_that_was_held_up_knows_what_there_was_when_it_began() {
        let mut stream = Stream::default();
        stream.enter(1, None, Timestamp(100_000));
        assert_eq!(stream.covered_to(Timestamp(130_000)), Timestamp(100_000));
        stream.end(GRACE);
        assert_eq!(stream.covered_to(Timestamp(140_000)), Timestamp(140_000), "with its token it goes on");
    }
}
