//! The logs of one poll: which groups and streams are asked for, and how far each is read.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;

use super::fetch::Fetched;
use super::reading::{Reading, Wanted, plan};
use super::{Collection, LogBudget, Tail};
use crate::aws::ask::{self, Lines, LogGroup};
use crate::document::{ApiError, Document, Operation, Outcome};
use crate::normalise::{ExpectedStream, LOOKED_BACK_MS};

/// Lines of an extra log group are read from so long before the deployment's creation.
pub(super) const EXTRA_BACK_MS: i64 = 60 * 1000;
/// A read goes back so far behind the last one, besides the time that lines may take to arrive: clocks differ.
pub(super) const CLOCKS_MS: i64 = 5_000;
/// From so many unknown streams of a group on, the group is listed.
const MANY: usize = 10;

impl Collection<'_> {
    /// Groups first, then streams, then lines: the order in which an import takes them up.
    pub(super) async fn logs(&mut self, observed_at: Timestamp, closing: bool) {
        self.silent.clear();
        let streams = self.parts.assembly.topology().expected_streams();
        let groups = self.parts.assembly.topology().chosen_log_groups();
        let started = || streams.iter().filter(|stream| stream.started);
        let mut all: BTreeSet<String> = groups.iter().cloned().collect();
        all.extend(started().map(|stream| stream.log_group.clone()));
        for group in all {
            self.ask_retention(group).await;
        }
        let assembly = &self.parts.assembly;
        let (streams, queried): (Vec<ExpectedStream>, Vec<ExpectedStream>) =
            streams.into_iter().partition(|stream| assembly.coverage().is_readable(&stream.log_group));
        let groups: Vec<_> = groups.into_iter().filter(|group| assembly.coverage().is_readable(group)).collect();
        let started = || streams.iter().filter(|stream| stream.started);
        let unknown: Vec<&ExpectedStream> = started().filter(|stream| !self.tail(stream).exists).collect();
        self.find_streams(&unknown).await;
        // What several tasks write to has the lines of earlier releases too. Where nothing was deployed, a task's older
        // lines are of the rollout that is no news.
        let old_too = self.parts.assembly.topology().judged().nothing_deployed;
        let since = self.parts.assembly.topology().logs_since();
        for stream in started().filter(|stream| old_too || stream.task_id.is_none()) {
            let back = if stream.task_id.is_none() { EXTRA_BACK_MS } else { 0 };
            self.tail(stream).begins_at(since.plus_millis(-back));
        }
        if closing {
            self.describe_again(&streams, &groups).await;
        }
        let extra = self.extra_streams(&groups, &streams).await;
        let all: Vec<ExpectedStream> = streams.iter().chain(&extra).cloned().collect();
        self.read_lines(&all, observed_at, closing).await;
        if self.parts.logs_insights {
            self.query_lines(&queried, observed_at, closing).await;
        }
    }

    /// Looks for streams: where a group has many, at its newest ones first, fifty a call; and then for what was not
    /// among them (the list may be an hour behind), one by one.
    async fn find_streams(&mut self, unknown: &[&ExpectedStream]) {
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for stream in unknown {
            *groups.entry(&stream.log_group).or_default() += 1;
        }
        let since = self.parts.assembly.topology().logs_since();
        for (group, _) in groups.into_iter().filter(|(_, streams)| *streams > MANY) {
            for log_stream in self.newest_streams(group, since).await {
                if let Some(stream) = unknown.iter().find(|it| it.log_group == group && it.log_stream == log_stream) {
                    self.tail(stream).exists = true;
                }
            }
        }
        for stream in unknown {
            self.find_stream(stream).await;
        }
    }

    /// At the end, AWS says once more up to when the streams have lines: what was read must reach there.
    async fn describe_again(&mut self, streams: &[ExpectedStream], listed: &[String]) {
        let read =
            streams.iter().filter(|stream| self.tails.get(&stream.place()).is_some_and(|tail| tail.read_to.is_some()));
        let groups: BTreeSet<&String> = read.map(|stream| &stream.log_group).collect();
        let since = self.parts.assembly.topology().logs_since();
        // The extra groups are listed in each poll.
        for group in groups.into_iter().filter(|group| !listed.contains(group)) {
            self.newest_streams(group, since).await;
        }
    }

    /// The streams of a group that have lines from that moment on.
    async fn newest_streams(&mut self, group: &str, since: Timestamp) -> BTreeSet<String> {
        let (aws, group) = (self.parts.aws.clone(), self.asked(group));
        if self.silent.contains(group.region()) {
            return BTreeSet::new();
        }
        let mut take = |document| self.take(document);
        let asked = ask::describe_newest_log_streams(&aws, &group, since, &mut take).await;
        self.hear(group.region(), asked.error.as_ref());
        // Two pages of a list that changes meanwhile may both have a stream.
        asked.found.into_iter().collect()
    }

    fn asked(&self, group: &str) -> LogGroup {
        LogGroup::new(&self.parts.aws, group)
    }

    /// How long a group keeps its lines is asked once, whatever the answer is.
    async fn ask_retention(&mut self, group: String) {
        let (aws, asked) = (self.parts.aws.clone(), self.asked(&group));
        if self.silent.contains(asked.region()) || !self.groups.insert(group) {
            return;
        }
        let found = ask::describe_log_group(&aws, &asked, &mut |document| self.take(document)).await;
        self.hear(asked.region(), found.error.as_ref());
    }

    /// Notes where nobody answers.
    pub(super) fn hear(&mut self, region: &str, error: Option<&ApiError>) {
        if error.is_some_and(ApiError::is_silence) {
            self.silent.insert(region.to_owned());
        }
    }

    fn tail(&mut self, stream: &ExpectedStream) -> &mut Tail {
        self.tails.entry((stream.log_group.clone(), stream.log_stream.clone())).or_default()
    }

    async fn find_stream(&mut self, stream: &ExpectedStream) {
        let (aws, group) = (self.parts.aws.clone(), self.asked(&stream.log_group));
        if self.tail(stream).exists || self.silent.contains(group.region()) {
            return;
        }
        let asked =
            ask::describe_log_streams(&aws, &group, Some(&stream.log_stream), &mut |document| self.take(document))
                .await;
        self.hear(group.region(), asked.error.as_ref());
        // Where the list is refused, reading may be allowed all the same. Else it is looked for again.
        let refused = asked.error.is_some_and(|error| error.is_denied());
        self.tail(stream).exists = refused || asked.found.contains(&stream.log_stream);
    }

    /// The streams of the extra log groups that may hold lines of the deployment's time, but for those that
    /// are read anyway.
    async fn extra_streams(&mut self, groups: &[String], expected: &[ExpectedStream]) -> Vec<ExpectedStream> {
        let since = self.parts.assembly.topology().logs_since();
        let known: BTreeSet<(&str, &str)> =
            expected.iter().map(|stream| (stream.log_group.as_str(), stream.log_stream.as_str())).collect();
        let mut extra = Vec::new();
        for group in groups {
            let found = self.newest_streams(group, since).await;
            for log_stream in found.into_iter().filter(|name| !known.contains(&(group.as_str(), name.as_str()))) {
                let seen = self.parts.assembly.topology();
                let (container, task_id) = seen.writer_of(group, &log_stream);
                let task = task_id.as_ref().and_then(|id| seen.tasks.get(id));
                let stream = ExpectedStream {
                    log_group: group.clone(),
                    started: true,
                    stopped_at: task.and_then(|task| task.stopped_at),
                    log_stream,
                    container,
                    task_id,
                };
                let tail = self.tail(&stream);
                tail.exists = true;
                tail.begins_at(since.plus_millis(-EXTRA_BACK_MS));
                extra.push(stream);
            }
        }
        extra
    }

    /// Reads what is new of the streams.
    async fn read_lines(&mut self, streams: &[ExpectedStream], observed_at: Timestamp, closing: bool) {
        if self.is_over_budget() {
            return self.say_cut(streams);
        }
        self.fresh.begin(self.comes_again_from(observed_at));
        let mut readings = std::mem::take(&mut self.unfinished);
        let busy: BTreeSet<(String, String)> = readings.iter().flat_map(keys).collect();
        let wanted = streams.iter().filter(|stream| !busy.contains(&stream.place()));
        let wanted = wanted.filter_map(|stream| self.wanted(stream, closing)).collect();
        readings.extend(plan(wanted, observed_at, &mut self.reads));
        let first = readings.iter().filter(|reading| reading.fresh).map(|reading| reading.cursor.read.id);
        first.for_each(|id| self.fresh.first_read(id));
        let fetched = self.fetch(readings).await;
        let again: BTreeSet<(String, String)> =
            fetched.into_iter().flat_map(|done| self.settle(done, observed_at)).collect();
        if self.is_over_budget() {
            return self.say_cut(streams);
        }
        if !again.is_empty() {
            // FilterLogEvents does not do; or a reading of an earlier poll has only now come to its end.
            let wanted = streams.iter().filter(|stream| again.contains(&stream.place()));
            let wanted = wanted.filter_map(|stream| self.wanted(stream, closing)).collect();
            let readings = plan(wanted, observed_at, &mut self.reads);
            for done in self.fetch(readings).await {
                self.settle(done, observed_at);
            }
        }
        for stream in streams {
            let over = self.is_over(stream, observed_at);
            let tail = self.tail(stream);
            tail.ended |= over && tail.read_to == Some(observed_at);
        }
        self.fresh.forget(self.comes_again_from(observed_at));
        if self.is_over_budget() {
            self.say_cut(streams);
        }
    }

    /// From when on the next poll reads lines again.
    fn comes_again_from(&self, observed_at: Timestamp) -> Timestamp {
        let began = self.unfinished.iter().map(Reading::began).chain(self.queried.values().copied());
        let began = began.fold(observed_at, Timestamp::min);
        began.plus_millis(-(self.parts.assembly.topology().ingestion_grace_ms() + CLOCKS_MS))
    }

    /// Whether a stream can get no more lines.
    fn is_over(&self, stream: &ExpectedStream, observed_at: Timestamp) -> bool {
        let grace = self.parts.assembly.topology().ingestion_grace_ms();
        // To what several write, a task that is still to come may.
        stream.task_id.is_some() && stream.stopped_at.is_some_and(|at| observed_at >= at.plus_millis(grace))
    }

    fn wanted(&mut self, stream: &ExpectedStream, closing: bool) -> Option<Wanted> {
        let group = self.asked(&stream.log_group);
        let unfiltered = self.unfiltered.contains(&group);
        let assembly = &self.parts.assembly;
        // Lines that were seen to take longer than they are given are looked for longer, too.
        let is_slow = assembly.coverage().lag_ms(&stream.log_group, &stream.log_stream)
            > assembly.topology().ingestion_grace_ms();
        let back = if is_slow { LOOKED_BACK_MS } else { assembly.topology().ingestion_grace_ms() + CLOCKS_MS };
        let claimed = closing && assembly.coverage().has_more(&stream.log_group, &stream.log_stream);
        let silent = self.silent.contains(group.region());
        let tail = self.tail(stream);
        // The last read looks for very late lines again, in the streams where that takes one page at most.
        let swept = closing && (claimed || !tail.busy && !tail.alone && !unfiltered);
        if !tail.exists || (tail.ended && !swept) || silent {
            return None;
        }
        let back = if swept { back.max(LOOKED_BACK_MS) } else { back };
        let back = tail.read_to.map(|read_to| read_to.plus_millis(-back));
        let from = if tail.read_to.is_some() { tail.from.max(back) } else { tail.from };
        let unfinished = tail.unfinished.clone();
        Some(Wanted {
            group,
            stream: stream.log_stream.clone(),
            alone: tail.alone || unfiltered,
            unfinished,
            from,
            fresh: tail.read_to.is_none(),
        })
    }

    /// Takes up how far a reading came; gives the streams that are to be read once more at once.
    fn settle(&mut self, Fetched { reading, asked }: Fetched, observed_at: Timestamp) -> Vec<(String, String)> {
        let streams: Vec<(String, String)> = keys(&reading).collect();
        let together = matches!(reading.lines, Lines::Together(_));
        match &asked.error {
            None => {
                for stream in &streams {
                    let tail = self.tails.entry(stream.clone()).or_default();
                    // One that was under way when older lines came to be wanted does not have them.
                    if tail.read_to.is_some() || reading.cursor.read.from <= tail.from {
                        tail.read_to = tail.read_to.max(Some(reading.began()));
                    }
                    tail.unfinished = None;
                    tail.busy = asked.pages > 1;
                    // The next time it may be read with the others.
                    tail.alone &= together;
                }
                if reading.began() < observed_at { streams } else { Vec::new() }
            }
            Some(error) if together && error.may_pass() => {
                self.unfinished.push(Reading { cursor: asked.found, ..reading });
                Vec::new()
            }
            Some(error) if together => {
                if error.is_denied() || asked.pages == 0 && error.is_unknown_operation() {
                    self.unfiltered.insert(reading.group.clone());
                } else {
                    streams.iter().for_each(|stream| self.tails.entry(stream.clone()).or_default().alone = true);
                }
                streams
            }
            Some(error) => {
                for stream in &streams {
                    let goes_on = error.may_pass() && asked.found.token.is_some();
                    let tail = self.tails.entry(stream.clone()).or_default();
                    tail.unfinished = goes_on.then(|| asked.found.clone());
                    // One that is not there would keep the others from being read.
                    tail.exists &= !error.is_not_found();
                }
                Vec::new()
            }
        }
    }

    pub(super) fn is_over_budget(&self) -> bool {
        let LogBudget { lines, bytes } = self.parts.budget;
        lines.is_some_and(|most| self.log_lines >= most) || bytes.is_some_and(|most| self.log_bytes >= most)
    }

    /// Says of each stream that is not read to its end that this is so, and why.
    pub(super) fn say_cut(&mut self, streams: &[ExpectedStream]) {
        self.unfinished.clear();
        let LogBudget { lines, bytes } = self.parts.budget;
        let (most, key) = match (lines, bytes) {
            (Some(lines), _) if self.log_lines >= lines => (format!("{lines} lines"), "max_lines"),
            (_, Some(bytes)) => (format!("{bytes} bytes"), "max_log_bytes"),
            _ => return,
        };
        for stream in streams {
            let tail = self.tail(stream);
            if !tail.exists || tail.ended || tail.cut {
                continue;
            }
            tail.cut = true;
            let message = format!("the collection has its {most} of logs; raise [collect] {key} for more");
            let request = self.asked(&stream.log_group).request(&stream.log_stream);
            self.take(Document {
                operation: Operation::GetLogEvents,
                request: Some(request),
                assumed: false,
                outcome: Outcome::Error(ApiError { code: ApiError::TRUNCATED.to_owned(), message }),
                call: None,
                read: None,
                origin: Operation::GetLogEvents.name().to_owned(),
            });
        }
    }
}

fn keys(reading: &Reading) -> impl Iterator<Item = (String, String)> {
    reading.streams().iter().map(|stream| (reading.group.as_str().to_owned(), stream.clone()))
}
