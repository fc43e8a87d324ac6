//! What is known of the log streams that were read, and of what may be remembered of all of them.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use super::bare::BarePages;
use super::memory::{Chain, Retain, Stream};

/// So many lines of a stream are remembered at least.
const LEAST: usize = 256;
/// And, whatever the others leave, at most.
const MOST: usize = 131_072;

/// The shortest time for which a log group can keep its lines (PutRetentionPolicy, `retentionInDays`).
const SHORTEST_RETENTION_DAYS: i64 = 1;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The streams that were read.
#[derive(Debug)]
pub(super) struct Logs {
    retain: Retain,
    pub(super) streams: BTreeMap<(String, String), Stream>,
    /// The pages that readings of several streams go on with, by what was asked and the token.
    pub(super) filters: BTreeMap<(String, String), Chain>,
    /// How many lines are remembered, of all streams that are not taken out.
    pub(super) remembered: usize,
    /// How many chains there were.
    pub(super) chains: u64,
    /// How long each log group keeps its lines, in days; `None` for ever. One that is not here may keep them for the shortest
    /// time that there is.
    pub(super) retention: BTreeMap<String, Option<i64>>,
    /// The bare pages of GetLogEvents, by stream.
    pub(super) bare: BTreeMap<(String, String), BarePages>,
    /// When a stream begins, by DescribeLogStreams.
    pub(super) begins: BTreeMap<(String, String), Timestamp>,
    /// Up to when DescribeLogStreams says that a stream has lines.
    pub(super) claims: BTreeMap<(String, String), Timestamp>,
}

impl Logs {
    pub(super) fn new(retain: Retain) -> Self {
        Self {
            retain,
            streams: BTreeMap::new(),
            filters: BTreeMap::new(),
            remembered: 0,
            chains: 0,
            retention: BTreeMap::new(),
            bare: BTreeMap::new(),
            begins: BTreeMap::new(),
            claims: BTreeMap::new(),
        }
    }

    /// How many lines of a stream are remembered, while it is taken out, and for how many milliseconds; `None`: all of
    /// them. What the others leave is free to take; where they leave nothing, each has its share.
    pub(super) fn most(&self) -> Option<(usize, i64)> {
        match self.retain {
            Retain::Trailing { lines, millis } => {
                let share = lines / self.streams.len().max(1);
                Some((share.max(lines.saturating_sub(self.remembered)).clamp(LEAST, MOST), millis))
            }
            Retain::All => None,
        }
    }

    /// Forgets every line.
    pub(super) fn forget(&mut self) {
        self.streams.values_mut().for_each(Stream::forget_all);
        self.remembered = 0;
    }

    /// Notes a reading of a stream; gives the moment before which its log group kept nothing then.
    pub(super) fn read_at(&mut self, log_group: &str, log_stream: &str, observed_at: Timestamp) -> Option<Timestamp> {
        let days = self.retention.get(log_group).copied().flatten();
        let stream = self.streams.entry((log_group.to_owned(), log_stream.to_owned())).or_default();
        let first_read = *stream.first_read.get_or_insert(observed_at);
        stream.kept_from = days.map(|days| first_read.plus_millis(days.saturating_mul(DAY_MS).saturating_neg()));
        stream.kept_from
    }

    /// Before which moment the log group of a stream may have kept nothing when it was read first, where nobody says how
    /// long it keeps lines.
    pub(super) fn may_be_kept_from(&self, log_group: &str, log_stream: &str) -> Option<Timestamp> {
        if self.retention.contains_key(log_group) {
            return None;
        }
        let stream = self.streams.get(&(log_group.to_owned(), log_stream.to_owned()))?;
        Some(stream.first_read?.plus_millis(-SHORTEST_RETENTION_DAYS * DAY_MS))
    }

    /// The newest line that was read of a stream; the moment before which its lines were asked for.
    pub(super) fn reached(&self, log_group: &str, log_stream: &str) -> (Option<Timestamp>, Option<Timestamp>) {
        let stream = self.streams.get(&(log_group.to_owned(), log_stream.to_owned()));
        stream.map_or((None, None), |stream| (stream.newest, stream.until))
    }

    /// From when on the log group of a stream kept lines when it was read first.
    pub(super) fn kept_from(&self, log_group: &str, log_stream: &str) -> Option<Timestamp> {
        self.streams.get(&(log_group.to_owned(), log_stream.to_owned()))?.kept_from
    }
}
