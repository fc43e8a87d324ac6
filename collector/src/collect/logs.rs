//! The logs of one poll: which groups and streams are asked for, and how far each is read.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;

use super::{Collection, Tail};
use crate::aws::ask::{self, LogCursor};
use crate::normalise::ExpectedStream;

/// Lines of an extra log group are read from so long before the deployment's creation.
const EXTRA_BACK_MS: i64 = 60 * 1000;

impl Collection<'_> {
    /// Groups first, then streams, then lines: the order in which an import takes them up.
    pub(super) async fn logs(&mut self, observed_at: Timestamp, closing: bool) {
        let judged = self.parts.assembly.judged();
        let streams = self.parts.assembly.seen().expected_streams(&judged);
        let groups = self.parts.assembly.log_groups();
        let started = || streams.iter().filter(|stream| stream.started);
        let mut regions: BTreeMap<String, Option<String>> = groups.iter().cloned().collect();
        regions.extend(started().map(|stream| (stream.log_group.clone(), stream.log_region.clone())));
        for (group, region) in regions {
            self.ask_retention(group, region).await;
        }
        for stream in started() {
            self.find_stream(stream).await;
        }
        let extra = self.extra_streams(&groups, &streams).await;
        for stream in streams.iter().chain(&extra) {
            self.read_stream(stream, observed_at, closing).await;
        }
    }

    fn region_of(&self, region: Option<&String>) -> String {
        region.cloned().unwrap_or_else(|| self.parts.aws.region().to_owned())
    }

    /// How long a group keeps its lines is asked once, whatever the answer is.
    async fn ask_retention(&mut self, group: String, region: Option<String>) {
        if !self.groups.insert(group.clone()) {
            return;
        }
        let (aws, region) = (self.parts.aws.clone(), self.region_of(region.as_ref()));
        ask::describe_log_group(&aws, &region, &group, &mut |document| self.take(document)).await;
    }

    fn tail(&mut self, stream: &ExpectedStream) -> &mut Tail {
        self.tails.entry((stream.log_group.clone(), stream.log_stream.clone())).or_default()
    }

    async fn find_stream(&mut self, stream: &ExpectedStream) {
        if self.tail(stream).exists {
            return;
        }
        let (aws, region) = (self.parts.aws.clone(), self.region_of(stream.log_region.as_ref()));
        let asked =
            ask::describe_log_streams(&aws, &region, &stream.log_group, Some(&stream.log_stream), &mut |document| {
                self.take(document);
            })
            .await;
        // Where the list is refused, reading may be allowed all the same.
        let refused = asked.error.is_some();
        self.tail(stream).exists = refused || asked.found.contains(&stream.log_stream);
    }

    /// The streams of the extra log groups that may hold lines of the deployment's time, but for those that
    /// are read anyway.
    async fn extra_streams(
        &mut self,
        groups: &[(String, Option<String>)],
        expected: &[ExpectedStream],
    ) -> Vec<ExpectedStream> {
        let since = self.parts.assembly.logs_since();
        let known: BTreeSet<(&str, &str)> =
            expected.iter().map(|stream| (stream.log_group.as_str(), stream.log_stream.as_str())).collect();
        let mut extra = Vec::new();
        for (group, log_region) in groups {
            let (aws, region) = (self.parts.aws.clone(), self.region_of(log_region.as_ref()));
            let asked = ask::describe_newest_log_streams(&aws, &region, group, since, &mut |document| {
                self.take(document);
            })
            .await;
            // Two pages of a list that changes meanwhile may both have a stream.
            let found: BTreeSet<String> = asked.found.into_iter().collect();
            for log_stream in found.into_iter().filter(|name| !known.contains(&(group.as_str(), name.as_str()))) {
                let seen = self.parts.assembly.seen();
                let (container, task_id) = seen.writer_of(group, &log_stream);
                let task = task_id.as_ref().and_then(|id| seen.tasks.get(id));
                let stream = ExpectedStream {
                    log_group: group.clone(),
                    log_region: log_region.clone(),
                    started: true,
                    stopped_at: task.and_then(|task| task.stopped_at),
                    log_stream,
                    container,
                    task_id,
                };
                let tail = self.tail(&stream);
                if !tail.exists {
                    tail.exists = true;
                    tail.from.get_or_insert(since.plus_millis(-EXTRA_BACK_MS));
                }
                extra.push(stream);
            }
        }
        extra
    }

    async fn read_stream(&mut self, stream: &ExpectedStream, observed_at: Timestamp, closing: bool) {
        let tail = self.tail(stream);
        if !tail.exists || tail.ended {
            return;
        }
        let cursor = LogCursor { from: tail.from, token: tail.token.clone() };
        let read = self.read(stream, cursor).await;
        let Some(read) = read else {
            self.tail(stream).exists = false;
            return;
        };
        self.tail(stream).token = read;
        let grace = self.parts.assembly.ingestion_grace_ms();
        let ended = stream.stopped_at.is_some_and(|at| observed_at >= at.plus_millis(grace));
        if !(ended || closing) {
            return;
        }
        // A line that arrived late stands before the place that the token has reached.
        if let Some(from) = self.parts.assembly.remembered_from(&stream.log_group, &stream.log_stream) {
            let swept = self.read(stream, LogCursor { from: Some(from), token: None }).await;
            self.tail(stream).ended = ended && swept.is_some();
        } else {
            self.tail(stream).ended = ended;
        }
    }

    /// Reads a stream to its end; gives the token to go on from, or `None` where AWS refused.
    async fn read(&mut self, stream: &ExpectedStream, cursor: LogCursor) -> Option<Option<String>> {
        let (aws, region) = (self.parts.aws.clone(), self.region_of(stream.log_region.as_ref()));
        let (group, name) = (stream.log_group.clone(), stream.log_stream.clone());
        let asked =
            ask::get_log_events(&aws, &region, &group, &name, cursor, None, &mut |document| self.take(document)).await;
        asked.is_complete().then_some(asked.found)
    }
}
