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
    /// So much at least that lines which may take so long to arrive can be looked for.
    pub(super) fn at_least(self, grace_ms: i64) -> Self {
        match self {
            Self::Trailing { lines, millis } => {
                Self::Trailing { lines, millis: millis.max(grace_ms.saturating_add(Self::CLOCKS_MS)) }
            }
            Self::All => Self::All,
        }
    }

    /// How far back the collector reads again before it takes a stream for finished, in milliseconds.
    pub const COLLECTOR_MS: i64 = 120_000;
    /// A reading goes back so far behind the last one, besides the time that lines may take to arrive: clocks differ.
    pub const CLOCKS_MS: i64 = 5_000;
    /// What the collector retains, and so may read again.
    pub const COLLECTOR: Self = Self::Trailing { lines: 400_000, millis: Self::COLLECTOR_MS };
}

/// Pages that continue each other. What comes again in another chain came before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chain {
    /// Chains are numbered from 1 on.
    pub(super) number: u64,
    /// From when on it reads; `None`: from the oldest line.
    pub(super) from: Option<Timestamp>,
    /// When it was begun: what arrives later may stand before the place that it has reached.
    began: Option<Timestamp>,
    /// Whether it came to its end. It may go on, with what is behind that.
    ended: bool,
}

impl Chain {
    pub(super) fn new(number: u64, from: Option<Timestamp>, began: Timestamp) -> Self {
        Self { number, from, began: Some(began), ended: false }
    }

    /// The same reading, where some of it comes once more.
    pub(super) fn again(self, number: u64) -> Self {
        Self { number, ..self }
    }
}

/// How a chain adds to what was read before.
enum Adds {
    /// It begins within that.
    Within,
    /// It begins later, or there is nothing before it.
    Anew,
    /// It ends before that.
    Before,
}

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
    /// The chain under way.
    pub(super) chain: Chain,
    /// The token that GetLogEvents goes on with, and the chain that it is of.
    pub(super) token: Option<(String, Chain)>,
    /// From when on it is known, as of the newest chain that came to its end.
    covered_from: Option<Timestamp>,
    /// When the newest chain was begun that came to its end.
    whole_began: Option<Timestamp>,
    /// Lines from before this moment had all arrived, and were asked for, when that chain was begun.
    sound_to: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
    /// How long a line took to arrive, at most, by its own time: hours where its program tells another zone's.
    pub(super) lag_ms: i64,
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
    chain: u64,
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
            if line.chain != self.chain.number {
                (line.chain, line.came) = (self.chain.number, 0);
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

    /// Goes over to another chain, unless it goes on.
    pub(super) fn enter(&mut self, chain: Chain) {
        if self.chain.number != chain.number {
            self.chain = chain;
        }
    }

    /// From when on lines may still have to be known again: late ones are looked for behind the beginning of the
    /// newest chain that came to its end, however long the chain under way takes.
    pub(super) fn needed_from(&self, now: Timestamp, millis: i64) -> Timestamp {
        let since = [self.chain.began, self.whole_began].into_iter().flatten().fold(now, Timestamp::min);
        since.plus_millis(-millis)
    }

    /// Forgets the oldest lines, so that no more than `most` are left and none is older than `oldest`. What this chain
    /// has still to come by stays: it would be taken for new.
    pub(super) fn forget(&mut self, most: usize, oldest: Timestamp) {
        while let Some(line) = self.recent.first_entry() {
            let at = line.key().0;
            let passed = line.get().chain == self.chain.number || self.chain.from.is_some_and(|from| at < from);
            if !passed || at >= oldest && self.recent.len() <= most {
                break;
            }
            self.recent.pop_first();
            self.forgotten_to = self.forgotten_to.max(Some(at));
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.forgotten_to = self.forgotten_to.max(self.recent.last_key_value().map(|((at, _), _)| *at));
        self.recent.clear();
    }

    /// A chain adds to what was read before only where it begins within that: no later than the moment before which
    /// nothing could arrive any more.
    fn adds(&self) -> Adds {
        match (self.sound_to, self.until.zip(self.covered_from)) {
            (None, _) => Adds::Anew,
            (Some(_), Some((until, covered_from))) if until < covered_from => Adds::Before,
            (Some(sound_to), _) if self.chain.from.is_none_or(|from| from <= sound_to) => Adds::Within,
            _ => Adds::Anew,
        }
    }

    /// From when on the stream is known, once the chain is at its end.
    pub(super) fn covered_from(&self) -> Option<Timestamp> {
        match self.adds() {
            Adds::Within => self.covered_from.min(self.chain.from),
            Adds::Anew | Adds::Before => self.chain.from,
        }
    }

    /// Up to when the stream is known, once the chain is at its end: what arrives while it is read may stand before the
    /// place that it has reached. A chain that goes on is taken to find all that comes later.
    pub(super) fn covered_to(&self, now: Timestamp) -> Timestamp {
        self.chain.began.filter(|_| !self.chain.ended).map_or(now, |began| began.min(now))
    }

    /// The chain is at its end. Lines take no longer to arrive than `grace_ms`; where they are stamped so far back that a
    /// later reading does not reach them, as long as they were seen to take.
    pub(super) fn end(&mut self, grace_ms: i64) {
        let grace_ms = if self.lag_ms > Retain::COLLECTOR_MS { grace_ms.max(self.lag_ms) } else { grace_ms };
        let arrived = self.chain.began.map(|began| began.plus_millis(grace_ms.saturating_neg()));
        let sound_to = self.until.into_iter().chain(arrived).min();
        let adds = self.adds();
        match adds {
            // What was read of later is worth more.
            Adds::Before => {}
            Adds::Within => self.sound_to = self.sound_to.max(sound_to),
            Adds::Anew => self.sound_to = sound_to,
        }
        if !matches!(adds, Adds::Before) {
            self.covered_from = match adds {
                Adds::Within => self.covered_from.min(self.chain.from),
                _ => self.chain.from,
            };
            self.whole_began = self.chain.began;
        }
        self.chain.ended = true;
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
        stream.enter(Chain::new(1, None, Timestamp(100_000)));
        stream.end(GRACE);
        stream
    }

    #[test]
    fn a_chain_adds_where_it_begins_before_all_that_may_have_arrived_since() {
        for (from, known) in [(None, None), (at(90_000), None), (at(90_001), at(90_001)), (at(105_000), at(105_000))] {
            let mut stream = read();
            stream.enter(Chain::new(2, from, Timestamp(110_000)));
            assert_eq!(stream.covered_from(), known, "{from:?}");
            stream.end(GRACE);
            // What goes on with it changes nothing.
            stream.end(GRACE);
            assert_eq!(stream.covered_from(), known, "{from:?}");
        }
    }

    #[test]
    fn lines_that_are_stamped_hours_back_are_not_reached_by_a_later_reading() {
        // Two hours behind: what arrives now stands before all that is read again.
        let mut stream = Stream { lag_ms: 2 * 60 * 60 * 1000, ..Stream::default() };
        stream.enter(Chain::new(1, None, Timestamp(100_000)));
        stream.end(GRACE);
        stream.enter(Chain::new(2, at(85_000), Timestamp(110_000)));
        stream.end(GRACE);
        assert_eq!(stream.covered_from(), at(85_000));
    }

    #[test]
    fn a_chain_that_does_not_come_to_its_end_leaves_what_was_known() {
        let mut stream = read();
        stream.enter(Chain::new(2, at(105_000), Timestamp(110_000)));
        stream.enter(Chain::new(3, at(85_000), Timestamp(120_000)));
        stream.end(GRACE);
        assert_eq!(stream.covered_from(), None);
    }

    #[test]
    fn what_was_asked_up_to_a_moment_is_known_up_to_it() {
        let mut stream = Stream { until: at(50_000), ..Stream::default() };
        stream.enter(Chain::new(1, None, Timestamp(100_000)));
        stream.end(GRACE);
        stream.until = None;
        stream.enter(Chain::new(2, at(50_000), Timestamp(101_000)));
        assert_eq!(stream.covered_from(), None);
        stream.enter(Chain::new(3, at(50_001), Timestamp(101_000)));
        assert_eq!(stream.covered_from(), at(50_001));
    }

    #[test]
    fn what_lies_between_two_readings_is_not_known() {
        let mut stream = Stream::default();
        stream.enter(Chain::new(1, at(100_000), Timestamp(200_000)));
        stream.end(GRACE);
        stream.until = at(60_000);
        stream.enter(Chain::new(2, None, Timestamp(210_000)));
        stream.end(GRACE);
        stream.until = None;
        stream.enter(Chain::new(3, at(180_000), Timestamp(220_000)));
        stream.end(GRACE);
        assert_eq!(stream.covered_from(), at(100_000));
    }

    #[test]
    fn what_was_given_up_says_nothing_of_what_comes_later() {
        let mut stream = read();
        stream.until = at(300_000);
        stream.enter(Chain::new(2, at(250_000), Timestamp(280_000)));
        stream.end(GRACE);
        stream.until = None;
        stream.enter(Chain::new(3, at(270_001), Timestamp(290_000)));
        stream.end(GRACE);
        assert_eq!(stream.covered_from(), at(270_001));
    }

    #[test]
    fn a_chain_that_was_held_up_knows_what_there_was_when_it_began() {
        let mut stream = Stream::default();
        stream.enter(Chain::new(1, None, Timestamp(100_000)));
        assert_eq!(stream.covered_to(Timestamp(130_000)), Timestamp(100_000));
        stream.end(GRACE);
        assert_eq!(stream.covered_to(Timestamp(140_000)), Timestamp(140_000), "with its token it goes on");
    }
}
