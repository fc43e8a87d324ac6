//! Which tasks, and so which lines, a signature is about; and when a line was really written.

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Judged;
use casefile_evidence::tables::TargetRow;

use crate::signature::{Found, Match, Place, StreamLines};
use crate::tables::{Task, Tasks};
use crate::verdict::coverage::Coverage;

/// The evidence that a signature is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) tasks: &'a Tasks,
    pub(crate) target: &'a TargetRow,
    pub(crate) coverage: &'a Coverage<'a>,
    /// The rollout that is judged.
    pub(crate) judged: &'a Judged,
    /// Whether the collection has ended: nothing more will come.
    pub(crate) ended: bool,
    /// Whether the desired count is 0: then no task can log anything.
    pub(crate) wants_none: bool,
}

impl<'a> Scene<'a> {
    pub(super) fn task_of(&self, place: &Place) -> Option<&'a Task> {
        self.tasks.get(place.task_id.as_deref()?)
    }

    /// The lines of a place that count, of those that were kept, in their order.
    pub(super) fn lines<'f>(&self, place: &Place, found: &'f Found) -> Vec<&'f Match> {
        let mut lines: Vec<&Match> = found.lines().filter(|line| self.counts(place, line)).collect();
        lines.sort();
        lines
    }

    /// How many lines of a place count.
    pub(super) fn count(&self, place: &Place, found: &Found) -> u64 {
        found.count_of(|line| self.counts(place, line))
    }

    /// The stream shows which task wrote a line. A line without a known task counts if it is not older than the
    /// rollout.
    /// Where nothing was deployed, this holds for every line.
    fn counts(&self, place: &Place, line: &Match) -> bool {
        let by_time = self.judged.nothing_deployed || self.task_of(place).is_none();
        let since = self.judged.evidence_from.filter(|_| by_time);
        since.is_none_or(|since| self.written_at(place, line) >= since)
    }

    /// When a line was written, as far as the clocks agree: not after it was taken in, and not before its task
    /// was created. A wrong clock must not make a line early or late.
    pub(super) fn written_at(&self, place: &Place, line: &Match) -> Timestamp {
        let mut at = line.timestamp;
        let task = self.task_of(place);
        let since = task.map_or(self.target.deployment_created_at, |task| task.created_at);
        if since.is_some_and(|since| at < since) {
            // Older than the stream or than the judged window: only possible with a clock that is behind.
            at = at.plus_millis(self.clock_behind_ms(place));
        }
        if let Some(created_at) = task.and_then(|task| task.created_at) {
            at = at.max(created_at);
        }
        line.ingestion_time.map_or(at, |ingested| at.min(ingested))
    }

    /// By how many milliseconds the clock of a place is behind: it tells another zone's time.
    pub(super) fn clock_behind_ms(&self, place: &Place) -> i64 {
        self.coverage.stream(&place.log_group, &place.log_stream).map_or(0, StreamLines::clock_behind_ms)
    }
}
