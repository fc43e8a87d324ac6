//! How far the log streams are known: the union of the reads that came to their end.

use std::collections::BTreeMap;
use std::ops::Range;

use casefile_evidence::tables::LogGroupRow;
use casefile_evidence::{Name, Timestamp};
use rangemap::RangeSet;

use super::bare::BarePages;
use super::ledger::Place;
use crate::document::Read;
use crate::normalise::topology::is_arn;

/// How far before the present a repeated read of a stream starts at the earliest, in milliseconds. A line that arrives
/// with an older timestamp is not found any more.
pub const LOOKED_BACK_MS: i64 = 120_000;
/// The shortest time for which a log group can keep its lines (PutRetentionPolicy, `retentionInDays`).
const SHORTEST_RETENTION_DAYS: i64 = 1;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The names that every row of a stream has.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) log_group: Name,
    pub(crate) log_stream: Name,
    pub(crate) container: Option<Name>,
    pub(crate) task_id: Option<Name>,
}

impl Names {
    pub(crate) fn new(log_group: &str, log_stream: &str, place: &Place) -> Self {
        let name = |text: &Option<String>| text.as_deref().map(Name::from);
        let (container, task_id) = (name(&place.container), name(&place.task_id));
        Self { log_group: log_group.into(), log_stream: log_stream.into(), container, task_id }
    }

    fn are_of(&self, place: &Place) -> bool {
        self.container.as_deref() == place.container.as_deref() && self.task_id.as_deref() == place.task_id.as_deref()
    }
}

/// How far a stream is known.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    names: Option<Names>,
    /// Milliseconds whose lines had all arrived, and were asked for, when a read that came to its end began.
    whole: RangeSet<i64>,
    /// How long a line took to arrive, at most, by its own time: hours where its program tells another zone's.
    pub(crate) lag_ms: i64,
    pub(crate) newest: Option<Timestamp>,
    /// Before which moment its lines were asked for, where not all were.
    pub(crate) until: Option<Timestamp>,
    /// When it was read first.
    first_read: Option<Timestamp>,
    /// From when on its log group still kept lines when it was read first, where that is known.
    pub(crate) kept_from: Option<Timestamp>,
}

impl Stream {
    /// The names of its rows. Who writes to it may be known later only.
    pub(crate) fn names(&mut self, log_group: &str, log_stream: &str, place: &Place) -> Names {
        let known = self.names.take().filter(|names| names.are_of(place));
        let names = known.unwrap_or_else(|| Names::new(log_group, log_stream, place));
        self.names.insert(names).clone()
    }

    /// From when on it is known with this read, once that is at its end: it adds to what was read before where it begins
    /// within that.
    pub(crate) fn covered_from(&self, read: &Read) -> Option<Timestamp> {
        let Timestamp(from) = read.from?;
        let touches = |range: &&Range<i64>| range.start <= from && from <= range.end;
        let known = self.whole.iter().find(touches).map_or(from, |range| range.start);
        (known > i64::MIN).then_some(Timestamp(known))
    }

    /// The read is at its end. Lines take no longer to arrive than `grace_ms`; where they are stamped so far back that no
    /// later read finds them, as long as they were seen to take. `ended`: nothing more can come.
    pub(crate) fn add(&mut self, read: &Read, grace_ms: i64, ended: bool) {
        let grace_ms = if self.lag_ms > LOOKED_BACK_MS { grace_ms.max(self.lag_ms) } else { grace_ms };
        let arrived = if ended { Timestamp(i64::MAX) } else { read.began.plus_millis(grace_ms.saturating_neg()) };
        let (from, to) =
            (read.from.map_or(i64::MIN, |from| from.0), self.until.map_or(arrived, |at| at.min(arrived)).0);
        if from < to {
            self.whole.insert(from..to);
        }
    }
}

/// GetLogEvents and FilterLogEvents read no log group of another class (CloudWatch Logs, "Log classes").
pub(crate) const READABLE: &str = "STANDARD";

/// The query whose results `Assembly::query_results` takes up with all that a line has.
pub(crate) const QUERY: &str = "fields @timestamp, @ingestionTime, @log, @logStream, @message";

/// The error and the remedy of a log group of a class whose lines are not read.
pub(crate) fn of_class(log_group: &str, class: &str) -> (String, String) {
    (
        format!("log group {log_group} is of the class {class}: GetLogEvents and FilterLogEvents do not read it"),
        format!(
            "send the container's logs to a log group of the class {READABLE}: the class of {log_group} cannot be changed. Or \
             query it with Logs Insights, as casefile collect does unless [collect] logs_insights is false: aws logs start-query \
             --log-group-{} {log_group} --query-string '{QUERY}' ...; save what aws logs get-query-results prints beside the other \
             evidence, and use casefile import",
            if is_arn(log_group) { "identifiers" } else { "name" }
        ),
    )
}

/// The streams that were read.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    streams: BTreeMap<(String, String), Stream>,
    /// How long each log group keeps its lines, in days; `None` for ever. One that is not here may keep them for the shortest
    /// time that there is.
    pub(crate) retention: BTreeMap<String, Option<i64>>,
    /// Log groups of a class whose lines are not read ([`of_class`]).
    pub(crate) unreadable: BTreeMap<String, String>,
    /// The bare pages of GetLogEvents, by stream.
    pub(crate) bare: BTreeMap<(String, String), BarePages>,
    /// When a stream begins, by DescribeLogStreams.
    pub(crate) begins: BTreeMap<(String, String), Timestamp>,
    /// Up to when DescribeLogStreams says that a stream has lines.
    pub(crate) claims: BTreeMap<(String, String), Timestamp>,
}

impl Logs {
    /// Takes up how long a log group keeps its lines, and whether its class can be read.
    pub(crate) fn described(&mut self, group: &LogGroupRow, class: Option<String>) {
        self.retention.insert(group.log_group.clone(), group.retention_days);
        match class {
            Some(class) if class != READABLE => drop(self.unreadable.insert(group.log_group.clone(), class)),
            _ => drop(self.unreadable.remove(&group.log_group)),
        }
    }

    /// Takes up when the first and the last line of a stream were written, as it is listed.
    pub(crate) fn listed(
        &mut self,
        (log_group, log_stream): (&str, &str),
        first: Option<Timestamp>,
        last: Option<Timestamp>,
    ) {
        let place = || (log_group.to_owned(), log_stream.to_owned());
        if let Some(claimed) = last {
            let claim = self.claims.entry(place()).or_insert(claimed);
            *claim = claimed.max(*claim);
        }
        if let Some(first) = first {
            self.begins.insert(place(), first);
        }
    }

    /// A stream that is read at this moment.
    pub(crate) fn read(&mut self, log_group: &str, log_stream: &str, observed_at: Timestamp) -> &mut Stream {
        let days = self.retention.get(log_group).copied().flatten();
        let stream = self.streams.entry((log_group.to_owned(), log_stream.to_owned())).or_default();
        let first_read = *stream.first_read.get_or_insert(observed_at);
        stream.kept_from = days.map(|days| first_read.plus_millis(days.saturating_mul(DAY_MS).saturating_neg()));
        stream
    }

    pub(crate) fn stream(&self, log_group: &str, log_stream: &str) -> Option<&Stream> {
        self.streams.get(&(log_group.to_owned(), log_stream.to_owned()))
    }

    /// Before which moment the log group of a stream may have kept nothing when it was read first, where nobody says how
    /// long it keeps lines.
    pub(crate) fn may_be_kept_from(&self, log_group: &str, log_stream: &str) -> Option<Timestamp> {
        if self.retention.contains_key(log_group) {
            return None;
        }
        Some(self.stream(log_group, log_stream)?.first_read?.plus_millis(-SHORTEST_RETENTION_DAYS * DAY_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: i64 = 10_000;

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp(seconds * 1000))
    }

    fn read(from: Option<Timestamp>, began: i64) -> Read {
        Read { last: true, ..Read::new(1, Timestamp(began * 1000), from) }
    }

    /// A stream that was read to its end: from when on, and when the read began.
    fn stream(reads: &[(Option<Timestamp>, i64)]) -> Stream {
        let mut stream = Stream::default();
        reads.iter().for_each(|(from, began)| stream.add(&read(*from, *began), GRACE, false));
        stream
    }

    #[test]
    fn a_read_adds_where_it_begins_before_all_that_may_have_arrived_since() {
        for (from, known) in [(None, None), (at(90), None), (at(91), at(91)), (at(105), at(105))] {
            let mut stream = stream(&[(None, 100)]);
            assert_eq!(stream.covered_from(&read(from, 110)), known, "{from:?}");
            stream.add(&read(from, 110), GRACE, false);
            assert_eq!(stream.covered_from(&read(from, 110)), known, "{from:?}");
        }
    }

    #[test]
    fn lines_that_are_stamped_hours_back_are_not_reached_by_a_later_read() {
        // Two hours behind: what arrives now stands before all that is read again.
        let mut stream = Stream { lag_ms: 2 * 60 * 60 * 1000, ..Stream::default() };
        stream.add(&read(None, 100), GRACE, false);
        assert_eq!(stream.covered_from(&read(at(85), 110)), at(85));
    }

    #[test]
    fn what_was_asked_up_to_a_moment_is_known_up_to_it() {
        let mut stream = Stream { until: at(50), ..Stream::default() };
        stream.add(&read(None, 100), GRACE, false);
        assert_eq!(stream.covered_from(&read(at(50), 101)), None);
        assert_eq!(stream.covered_from(&read(at(51), 101)), at(51));
    }

    #[test]
    fn what_lies_between_two_reads_is_not_known() {
        let mut stream = stream(&[(at(100), 200)]);
        stream.until = at(60);
        stream.add(&read(None, 210), GRACE, false);
        assert_eq!(stream.covered_from(&read(at(180), 220)), at(100));
        assert_eq!(stream.covered_from(&read(at(70), 220)), at(70));
    }

    #[test]
    fn a_read_that_closes_a_gap_joins_what_lies_on_both_sides() {
        let mut stream = stream(&[(None, 100), (at(200), 300)]);
        assert_eq!(stream.covered_from(&read(at(250), 310)), at(200));
        stream.add(&read(at(80), 310), GRACE, false);
        assert_eq!(stream.covered_from(&read(at(250), 320)), None);
    }
}
