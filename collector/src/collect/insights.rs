//! Log groups whose lines only Logs Insights reads.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use super::Collection;
use super::logs::{CLOCKS_MS, EXTRA_BACK_MS};
use crate::aws::ask::{self, LineQuery, LogGroup, Queried};
use crate::document::Read;
use crate::normalise::{ExpectedStream, LOOKED_BACK_MS};

/// From one query of a group to the next: each costs by the bytes that it scans.
const EVERY_MS: i64 = 15_000;
/// The most streams that a query names.
const STREAMS: usize = 100;

impl Collection<'_> {
    /// Reads what is new of the streams of such groups. A query takes seconds, so a group is not asked in every poll.
    pub(super) async fn query_lines(&mut self, streams: &[ExpectedStream], observed_at: Timestamp, closing: bool) {
        let mut groups: BTreeMap<&str, Vec<&ExpectedStream>> = BTreeMap::new();
        for stream in streams.iter().filter(|stream| stream.started) {
            groups.entry(&stream.log_group).or_default().push(stream);
        }
        for (group, streams) in groups {
            let group = LogGroup::new(&self.parts.aws, group);
            let queried = self.queried.get(&group).copied();
            let due = queried.is_none_or(|at| observed_at.millis_since(at) >= EVERY_MS);
            if !(due || closing) || self.silent.contains(group.region()) || self.is_over_budget() {
                continue;
            }
            let since = self.parts.assembly.topology().logs_since().plus_millis(-EXTRA_BACK_MS);
            let back =
                if closing { LOOKED_BACK_MS } else { self.parts.assembly.topology().ingestion_grace_ms() + CLOCKS_MS };
            let read =
                |stream: &&ExpectedStream| self.tails.get(&stream.place()).is_some_and(|tail| tail.read_to.is_some());
            let (again, new): (Vec<_>, Vec<_>) = streams.into_iter().partition(read);
            let later = queried.map_or(since, |at| at.plus_millis(-back).max(since));
            // A one-off task may have begun long before the rollout.
            let tasks = &self.parts.assembly.topology().tasks;
            let created = new.iter().filter_map(|stream| tasks.get(stream.task_id.as_ref()?)?.created_at);
            let first = created.fold(since, Timestamp::min);
            let mut whole = true;
            for (from, streams, is_new) in [(first, new, true), (later, again, false)] {
                for streams in streams.chunks(STREAMS) {
                    whole &= self.query(&group, streams, (from, observed_at), is_new).await;
                }
            }
            if whole {
                self.queried.insert(group, observed_at);
            }
        }
        if self.is_over_budget() {
            self.say_cut(streams);
        }
    }

    /// Queries streams, in halves of the time where a query finds more than it gives. Says whether all was read.
    async fn query(
        &mut self,
        group: &LogGroup,
        streams: &[&ExpectedStream],
        (from, to): (Timestamp, Timestamp),
        is_new: bool,
    ) -> bool {
        let second = |at: Timestamp| at.plus_millis(-at.as_millis().rem_euclid(1000));
        let mut waiting = vec![LineQuery {
            group: group.clone(),
            streams: streams.iter().map(|stream| stream.log_stream.clone()).collect(),
            from: second(from),
            to: second(to.plus_millis(999)),
        }];
        let aws = self.parts.aws.clone();
        let mut whole = true;
        while let Some(query) = waiting.pop() {
            if self.failed.is_some() || self.is_over_budget() || self.silent.contains(group.region()) {
                return false;
            }
            self.reads += 1;
            if is_new {
                self.fresh.first_read(self.reads);
            }
            let read = Read::new(self.reads, to, Some(query.from));
            let asked = ask::query_lines(&aws, &query, read, &mut |document| self.take(document)).await;
            self.hear(group.region(), asked.error.as_ref());
            match (asked.found, query.halves()) {
                (Queried::Whole, _) => {}
                // The earlier half is the next one.
                (Queried::Full, Some([earlier, later])) => waiting.extend([later, earlier]),
                // Of one second there are more lines than a query gives; the source says so.
                (Queried::Full, None) => {}
                (Queried::Failed, _) => whole = false,
            }
        }
        if whole {
            for stream in streams {
                self.tails.entry(stream.place()).or_default().read_to = Some(to);
            }
        }
        whole
    }
}
