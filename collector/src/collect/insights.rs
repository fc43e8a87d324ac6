//! Log groups whose lines only Logs Insights reads.

use std::collections::BTreeMap;
use std::sync::Mutex;

use casefile_evidence::Timestamp;

use super::Collection;
use super::logs::{CLOCKS_MS, EXTRA_BACK_MS};
use crate::aws::ask::{self, LineQuery, LogGroup};
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
            let since = self.parts.assembly.logs_since().plus_millis(-EXTRA_BACK_MS);
            let back = if closing { LOOKED_BACK_MS } else { self.parts.assembly.ingestion_grace_ms() + CLOCKS_MS };
            // A stream that was never read is read from the rollout's beginning on.
            let read =
                |stream: &&ExpectedStream| self.tails.get(&key(stream)).is_some_and(|tail| tail.read_to.is_some());
            let (again, new): (Vec<_>, Vec<_>) = streams.into_iter().partition(read);
            let later = queried.map_or(since, |at| at.plus_millis(-back).max(since));
            let mut whole = true;
            for (from, streams) in [(since, new), (later, again)] {
                for streams in streams.chunks(STREAMS) {
                    whole &= self.query(&group, streams, from, observed_at).await;
                }
            }
            if whole {
                self.queried.insert(group, observed_at);
            }
        }
    }

    /// Queries streams, in halves of the time where a query finds more than it gives. Says whether all was read.
    async fn query(&mut self, group: &LogGroup, streams: &[&ExpectedStream], from: Timestamp, to: Timestamp) -> bool {
        let whole_seconds = |at: Timestamp| at.plus_millis(-at.as_millis().rem_euclid(1000));
        let mut waiting = vec![LineQuery {
            group: group.clone(),
            streams: streams.iter().map(|stream| stream.log_stream.clone()).collect(),
            from: whole_seconds(from),
            to: whole_seconds(to),
        }];
        let aws = self.parts.aws.clone();
        let mut whole = true;
        while let Some(query) = waiting.pop() {
            if query.to <= query.from || self.failed.is_some() || self.is_over_budget() {
                continue;
            }
            self.reads += 1;
            let read = Read::new(self.reads, to, Some(query.from));
            let documents = Mutex::new(Vec::new());
            let take = |document| {
                documents.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(document);
                std::future::ready(())
            };
            let asked = ask::query_lines(&aws, &query, read, take).await;
            for document in documents.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
                self.take(document);
            }
            self.hear(group.region(), asked.error.as_ref());
            whole &= asked.error.is_none();
            if asked.found
                && let Some(halves) = query.halves()
            {
                waiting.extend(halves);
            }
        }
        if whole {
            for stream in streams {
                self.tails.entry(key(stream)).or_default().read_to = Some(to);
            }
        }
        whole
    }
}

fn key(stream: &ExpectedStream) -> (String, String) {
    (stream.log_group.clone(), stream.log_stream.clone())
}
