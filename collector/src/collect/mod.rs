//! The polling loop: asks AWS, assembles snapshots, stops when its caller's rule says so.
//!
//! The collector does not know what a check is: it takes a [`StopRule`].

mod ask;
mod fetch;
mod fresh;
mod insights;
mod logs;
mod parts;
mod reading;
mod stop;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use casefile_evidence::{AnyRow, Timestamp};

use crate::aws::ask::{LogCursor, LogGroup};
use crate::blocking::blocking;
use crate::document::{Document, Outcome};
use crate::normalise::{Assembly, Redacted};
use crate::seal;
pub use crate::seal::Maker;
use fresh::Fresh;
use reading::Reading;

pub use crate::stop_reason::StopReason;
pub use parts::{CollectError, LogBudget, Named, OVERTIME, Pace, Parts, Progress};
pub use stop::{Polled, SettledRule, Stop, StopRule};

/// A collection under way.
pub struct Collection<'a> {
    parts: Parts<'a>,
    tails: BTreeMap<(String, String), Tail>,
    /// Readings of lines that an error ended, and that go on from where they are.
    unfinished: Vec<Reading>,
    /// When each log group was last read through Logs Insights.
    queried: BTreeMap<LogGroup, Timestamp>,
    /// Reads that were begun.
    reads: i64,
    fresh: Fresh,
    /// How long an answer with log lines takes.
    latency: Duration,
    /// Log groups in which FilterLogEvents is refused.
    unfiltered: BTreeSet<LogGroup>,
    /// Regions whose CloudWatch Logs gave no answer in this poll: asking on there would only take the time.
    silent: BTreeSet<String>,
    log_bytes: u64,
    described: BTreeSet<String>,
    /// Log groups that were asked for their retention.
    groups: BTreeSet<String>,
    errors: BTreeMap<String, String>,
    failed: Option<CollectError>,
    log_lines: u64,
    polls: i64,
    last: Option<Timestamp>,
    /// Whether AWS answered anything at all in the last poll.
    reached: bool,
    /// Whether AWS ever answered anything.
    answered: bool,
}

/// What a collection came to.
pub struct Collected {
    /// What was assembled, for sealing.
    pub assembly: Assembly,
    /// Why it stopped.
    pub reason: StopReason,
    /// Whether AWS ever answered anything but errors.
    pub answered: bool,
}

/// How far a log stream was read.
#[derive(Debug, Default)]
struct Tail {
    exists: bool,
    /// From when on it is read; all of it where nothing is said.
    from: Option<Timestamp>,
    /// FilterLogEvents does not do for it.
    alone: bool,
    /// Where a read by GetLogEvents goes on that an error ended.
    unfinished: Option<LogCursor>,
    /// When the newest reading was begun that came to its end.
    read_to: Option<Timestamp>,
    /// Its task has stopped, everything that it can have logged has arrived and was read.
    ended: bool,
    /// Its last read had more than a page.
    busy: bool,
    /// It was said that its lines are not read any more.
    cut: bool,
}

impl Tail {
    /// Reads no further back than this; and once more, where that is further than it was read before.
    fn begins_at(&mut self, since: Timestamp) {
        if self.from.map_or(self.read_to.is_none(), |from| since < from) {
            (self.from, self.read_to, self.unfinished, self.ended) = (Some(since), None, None, false);
        }
    }
}

impl<'a> Collection<'a> {
    /// Prepares a collection; nothing is asked yet.
    pub fn new(parts: Parts<'a>) -> Self {
        Self {
            parts,
            tails: BTreeMap::new(),
            unfinished: Vec::new(),
            queried: BTreeMap::new(),
            reads: 0,
            fresh: Fresh::default(),
            latency: Duration::ZERO,
            unfiltered: BTreeSet::new(),
            silent: BTreeSet::new(),
            log_bytes: 0,
            described: BTreeSet::new(),
            groups: BTreeSet::new(),
            errors: BTreeMap::new(),
            failed: None,
            log_lines: 0,
            polls: 0,
            last: None,
            reached: true,
            answered: false,
        }
    }

    /// Polls until the rule, the timeout or `interrupt` ends it, and hands the assembled state back for
    /// sealing. Interrupted, it ends at once with what was taken up so far.
    ///
    /// It may be cancelled: the rows that were pushed stay in the writer.
    ///
    /// # Errors
    /// Where there is nothing to collect from, or something cannot be written.
    pub async fn run(
        mut self,
        interrupt: impl Future<Output = ()>,
        progress: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<Collected, CollectError> {
        let mut interrupt = std::pin::pin!(interrupt);
        let reason = self.until_stopped(interrupt.as_mut(), progress).await?;
        self.parts.assembly.finish();
        self.flush();
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(Collected { assembly: self.parts.assembly, reason, answered: self.answered }),
        }
    }

    async fn until_stopped(
        &mut self,
        mut interrupt: Pin<&mut impl Future<Output = ()>>,
        progress: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<StopReason, CollectError> {
        let began = self.parts.clock.now();
        let mut closing = None;
        loop {
            let (started, before) = (self.parts.clock.now(), self.last);
            let clock = Arc::clone(&self.parts.clock);
            let Pace { timeout, overtime, .. } = self.parts.pace;
            let left = timeout.saturating_sub(elapsed(began, started));
            let deadline = async move {
                clock.sleep(left).await;
                tokio::time::sleep(overtime).await;
            };
            let cut = tokio::select! {
                biased;
                () = &mut interrupt => Some(StopReason::Interrupted),
                () = self.poll(closing.is_some()) => None,
                () = deadline => Some(closing.unwrap_or(StopReason::Timeout)),
            };
            if self.last == before {
                // It was cut before its first answer: what was not asked is told all the same.
                self.begin_snapshot(self.parts.aws.now());
            }
            self.end_poll();
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if let Some(reason) = cut.or(closing) {
                progress(&self.progress(began));
                return Ok(reason);
            }
            let stop = self.stop(began).await;
            let awaited = stop.is_none().then(|| self.parts.rule.awaited()).flatten();
            let told = stop.as_ref().and_then(|stop| stop.told.clone());
            progress(&Progress { awaited, told, ..self.progress(began) });
            if let Some(Stop { reason, not_before, .. }) = stop {
                if !self.reached {
                    return Ok(reason);
                }
                // One more look: the state that is judged, and the lines that came late.
                tokio::select! {
                    biased;
                    () = &mut interrupt => return Ok(StopReason::Interrupted),
                    () = self.wait(not_before, began) => {}
                }
                closing = Some(reason);
                continue;
            }
            let rest = self.parts.pace.poll.saturating_sub(elapsed(started, self.parts.clock.now()));
            let left = self.parts.pace.timeout.saturating_sub(elapsed(began, self.parts.clock.now()));
            tokio::select! {
                biased;
                () = &mut interrupt => return Ok(StopReason::Interrupted),
                () = self.parts.clock.sleep(rest.min(left)) => {}
            }
        }
    }

    /// Waits until that moment, or until the time is up. It may be cancelled: nothing is lost.
    fn wait(&self, not_before: Option<Timestamp>, began: Timestamp) -> impl Future<Output = ()> + use<> {
        let (aws, clock) = (self.parts.aws.clone(), Arc::clone(&self.parts.clock));
        let timeout = self.parts.pace.timeout;
        async move {
            while let Some(not_before) = not_before {
                let left = timeout.saturating_sub(elapsed(began, clock.now()));
                let rest = elapsed(aws.now(), not_before).min(left);
                if rest.is_zero() {
                    return;
                }
                clock.sleep(rest).await;
            }
        }
    }

    async fn stop(&mut self, began: Timestamp) -> Option<Stop> {
        let target = self.parts.assembly.target("collecting");
        let (now, elapsed) = (self.parts.aws.now(), elapsed(began, self.parts.clock.now()));
        let polled = Polled { target, topology: self.parts.assembly.topology(), now };
        let stop = self.parts.rule.after_poll(polled).await;
        stop.or_else(|| (elapsed >= self.parts.pace.timeout).then(|| StopReason::Timeout.into()))
    }

    fn end_poll(&mut self) {
        self.parts.assembly.end_snapshot();
        self.flush();
        // Where something could not be written, the last checkpoint is of the last whole poll, and stays.
        if self.failed.is_none()
            && let Err(error) =
                blocking(|| seal::checkpoint(&self.parts.assembly, self.parts.writer, &self.parts.maker))
        {
            self.failed.get_or_insert(error.into());
        }
    }

    /// How it goes, after a poll.
    fn progress(&mut self, began: Timestamp) -> Progress {
        let gaps = self.parts.assembly.coverage().sources().filter(|source| source.status != "complete").count();
        let judged = self.parts.assembly.topology().judged().rollout.deployment;
        let judged = judged.and_then(|id| self.parts.assembly.topology().deployments.get(&id));
        Progress {
            poll: self.polls,
            rollout_state: judged.and_then(|judged| judged.rollout_state.clone()),
            tasks: judged.and_then(|judged| judged.running.zip(judged.desired)),
            log_lines: self.log_lines,
            gaps,
            errors: std::mem::take(&mut self.errors),
            awaited: None,
            told: None,
            elapsed: elapsed(began, self.parts.clock.now()),
            timeout: self.parts.pace.timeout,
        }
    }

    /// Takes up one answer: redaction comes first, whatever is done with it.
    fn take(&mut self, document: Document) {
        let document = self.parts.assembly.redact(document);
        self.take_redacted(document);
    }

    fn take_redacted(&mut self, document: Redacted) {
        if self.failed.is_some() {
            return;
        }
        match &document.document().outcome {
            Outcome::Error(error) => {
                self.errors.insert(document.document().operation.name().to_owned(), error.code.clone());
            }
            Outcome::Response(_) => self.answered = true,
        }
        if let Some(record) = self.parts.record.as_deref_mut()
            && let Err(error) = record.write(document.document())
        {
            self.failed = Some(error.into());
        }
        self.parts.assembly.take(document);
        self.flush();
    }

    fn flush(&mut self) {
        for row in self.parts.assembly.drain() {
            match &row {
                AnyRow::Line(line) if !self.fresh.is_new(line) => {}
                AnyRow::Line(line) => {
                    self.log_lines += 1;
                    self.log_bytes += line.message.len() as u64;
                    self.parts.rule.observe(&row);
                }
                _ => self.parts.rule.observe(&row),
            }
            if let Err(error) = self.parts.writer.push(row) {
                self.failed.get_or_insert(error.into());
                return;
            }
        }
    }
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(to.millis_since(from)).unwrap_or(0))
}
