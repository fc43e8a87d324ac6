//! The lines that matched, bounded: of each signature in each stream, the earliest on each side of every
//! moment at which a deployment was created.
//!
//! Many old lines of a stream must not hide a new one. Which deployment is judged may become known late, so
//! that each creation counts as a boundary.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use super::streams::Streams;
use super::tail::Rings;

/// Lines kept of one signature in one stream, on one side of a boundary; the rest is counted.
pub(crate) const KEPT: usize = 100;
/// The most creations of deployments that split the lines: AWS lists twenty deployments of a service in one answer.
const BOUNDARIES: usize = 32;

/// A line that matched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    pub(crate) timestamp: Timestamp,
    pub(crate) seq: i64,
    /// The line as a person reads it.
    pub(crate) message: String,
    pub(crate) ingestion_time: Option<Timestamp>,
    /// The whole event or stack trace that the line is of, where that is more than the line.
    pub(crate) lines: Option<String>,
}

impl Match {
    /// By its own clock, but not later than it was taken in.
    fn earliest(&self) -> Timestamp {
        self.ingestion_time.map_or(self.timestamp, |ingested| ingested.min(self.timestamp))
    }
}

/// Where a signature matched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The signature's place in the config.
    pub(crate) pattern: usize,
    pub(crate) log_group: String,
    pub(crate) log_stream: String,
    pub(crate) container: Option<String>,
    pub(crate) task_id: Option<String>,
}

/// The lines between two boundaries.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Side {
    count: u64,
    /// The earliest [`KEPT`], in their order.
    kept: Vec<Match>,
    last: Match,
}

/// The matches of one signature in one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// By how many boundaries are not later than the line's earliest moment, and than its ingestion: where
    /// the two differ, only the stream's clock tells on which side the line is.
    sides: BTreeMap<(usize, usize), Side>,
}

impl Found {
    /// Takes a line, and says on which side it is.
    fn take(&mut self, line: Match, boundaries: &[Timestamp]) -> (usize, usize) {
        let passed = |at: Timestamp| boundaries.partition_point(|boundary| *boundary <= at);
        let ingested = line.ingestion_time.unwrap_or(line.timestamp);
        let key = (passed(line.earliest()), passed(ingested));
        let Some(side) = self.sides.get_mut(&key) else {
            self.sides.insert(key, Side { count: 1, last: line.clone(), kept: vec![line] });
            return key;
        };
        side.count += 1;
        if side.kept.len() < KEPT || side.kept.last().is_some_and(|last| line < *last) {
            let place = side.kept.partition_point(|kept| *kept < line);
            side.kept.insert(place, line.clone());
            side.kept.truncate(KEPT);
        }
        if line > side.last {
            side.last = line;
        }
        key
    }

    /// The same lines, told apart by other boundaries, as far as they were kept.
    fn apart(self, boundaries: &[Timestamp]) -> Self {
        let mut apart = Self::default();
        for side in self.sides.into_values() {
            let rest = side.count.saturating_sub(side.kept.len() as u64);
            let latest = side.kept.into_iter().map(|line| apart.take(line, boundaries)).last();
            if rest > 0 {
                // Lines that were counted only are no earlier than the kept ones.
                apart.take(side.last, boundaries);
                if let Some(with) = latest.and_then(|key| apart.sides.get_mut(&key)) {
                    with.count += rest - 1;
                }
            }
        }
        apart
    }

    /// How many lines there were.
    pub(crate) fn count(&self) -> u64 {
        self.sides.values().map(|side| side.count).sum()
    }

    /// How many lines there were of those that count, as far as the kept ones tell.
    pub(crate) fn count_of(&self, counts: impl Fn(&Match) -> bool) -> u64 {
        let of = |side: &Side| {
            let counted = side.kept.iter().filter(|line| counts(line)).count() as u64;
            let kept = side.kept.len() as u64;
            match counted {
                0 => u64::from(side.count > kept && counts(&side.last)),
                // The lines that were counted only are no earlier than the kept ones.
                _ => side.count - (kept - counted),
            }
        };
        self.sides.values().map(of).sum()
    }

    /// The lines that were kept, and the last of each side.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Match> {
        self.sides.values().flat_map(|side| {
            let last = (side.kept.last() != Some(&side.last)).then_some(&side.last);
            side.kept.iter().chain(last)
        })
    }
}

/// All matches, and facts about the streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    pub(super) found: BTreeMap<Place, Found>,
    pub(crate) streams: Streams,
    /// The last lines of the tasks that ended badly.
    pub(crate) tails: Rings,
    /// When deployments were created, in order.
    boundaries: Vec<Timestamp>,
}

impl Matches {
    pub(crate) fn of(&self, pattern: usize) -> impl Iterator<Item = (&Place, &Found)> {
        self.found.iter().filter(move |(place, _)| place.pattern == pattern)
    }

    pub(super) fn take(&mut self, place: Place, line: Match) {
        self.found.entry(place).or_default().take(line, &self.boundaries);
    }

    /// A deployment was created at a moment: lines before it and since are kept apart.
    pub(super) fn bound(&mut self, at: Timestamp) {
        let Err(place) = self.boundaries.binary_search(&at) else { return };
        if self.boundaries.len() >= BOUNDARIES {
            return;
        }
        self.boundaries.insert(place, at);
        for found in self.found.values_mut() {
            *found = std::mem::take(found).apart(&self.boundaries);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: i64) -> Match {
        Match { timestamp: Timestamp(at), seq: at, message: String::new(), ingestion_time: None, lines: None }
    }

    fn of(lines: impl IntoIterator<Item = i64>, boundaries: &[Timestamp]) -> Found {
        let mut found = Found::default();
        for at in lines {
            found.take(line(at), boundaries);
        }
        found
    }

    #[test]
    fn old_lines_hide_no_new_one() {
        let moment = Timestamp(1000);
        let since = |found: &Found| {
            let lines: Vec<i64> = found.lines().filter(|line| line.timestamp >= moment).map(|line| line.seq).collect();
            (found.count_of(|line| line.timestamp >= moment), lines)
        };
        let lines = || (0..150).chain([1000, 1001]);
        assert_eq!(since(&of(lines(), &[moment])), (2, vec![1000, 1001]));
        assert_eq!(since(&of(lines().rev(), &[moment])), (2, vec![1000, 1001]), "in whichever order they come");
        let late = of(lines(), &[]).apart(&[moment]);
        assert_eq!(since(&late), (1, vec![1001]), "the last is kept where the moment becomes known late");
        assert_eq!(late.count(), 152);
        let exact = of((0..20).chain(1000..1150), &[]).apart(&[moment]);
        assert_eq!(since(&exact).0, 150, "what was kept reaches over the moment");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let found = of(0..1000, &[Timestamp(500)]);
        assert_eq!((found.count(), found.lines().count()), (1000, 2 * (KEPT + 1)));
        assert_eq!(found.lines().next().map(|line| line.seq), Some(0));
    }

    #[test]
    fn a_line_that_was_taken_in_before_is_old_whatever_its_clock_says() {
        let mut found = Found::default();
        found.take(Match { ingestion_time: Some(Timestamp(10)), ..line(2000) }, &[Timestamp(1000)]);
        found.take(Match { ingestion_time: Some(Timestamp(2000)), ..line(10) }, &[Timestamp(1000)]);
        assert_eq!(found.sides.keys().copied().collect::<Vec<_>>(), [(0, 0), (0, 1)]);
    }
}
