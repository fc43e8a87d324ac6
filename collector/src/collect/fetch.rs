//! Several readings of lines at once: their pages are fetched, parsed and redacted side by side, and taken up one
//! after the other.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Collection;
use super::reading::Reading;
use crate::aws::Aws;
use crate::aws::ask::{self, Asked, Lines, LogCursor};
use crate::document::{Document, Operation};
use crate::normalise::{Redacted, Redaction};
use crate::redact::Counts;

/// Reads at once, at least: while one page is taken up, the next one comes.
const LEAST: usize = 2;
/// And at most. Each holds a page, so this bounds the memory.
const MOST: usize = 4;
/// Where answers take less time than this, the processor is what bounds the reads, and not the way to AWS.
const FAR: Duration = Duration::from_millis(100);
/// Pages that wait to be taken up.
const WAITING: usize = 1;

type Page = (Redacted, Counts);

/// What a reading came to.
pub(super) struct Fetched {
    pub(super) reading: Reading,
    pub(super) asked: Asked<LogCursor>,
}

impl Collection<'_> {
    /// Fetches readings, and takes their pages up. It ends early where the budget is used up; of what it gave up by
    /// then nothing is given.
    pub(super) async fn fetch(&mut self, readings: Vec<Reading>) -> Vec<Fetched> {
        let (sink, mut pages) = mpsc::channel::<Page>(WAITING);
        let mut waiting: VecDeque<Reading> = readings.into();
        let mut under_way = JoinSet::new();
        let mut fetched = Vec::new();
        while !(waiting.is_empty() && under_way.is_empty()) {
            if self.is_over_budget() || self.failed.is_some() {
                break;
            }
            while under_way.len() < self.at_once(&waiting)
                && let Some(reading) = waiting.pop_front()
            {
                if self.silent.contains(reading.group.region()) {
                    self.put_off(reading);
                    continue;
                }
                let (aws, redaction, sink) = (self.parts.aws.clone(), self.parts.assembly.redaction(), sink.clone());
                under_way.spawn(async move {
                    let asked = fetch(&aws, &reading, &redaction, &sink).await;
                    Fetched { reading, asked }
                });
            }
            tokio::select! {
                biased;
                page = pages.recv() => self.take_page(page),
                Some(done) = under_way.join_next() => match done {
                    Ok(done) => {
                        self.hear(done.reading.group.region(), done.asked.error.as_ref());
                        fetched.push(done);
                    }
                    // A task that panicked was reported where it did; its streams are gaps.
                    Err(error) => tracing::error!(%error, "a reading of lines broke"),
                },
            }
        }
        under_way.abort_all();
        drop(sink);
        if !self.is_over_budget() {
            while let Some(page) = pages.recv().await {
                self.take_page(Some(page));
            }
        }
        fetched
    }

    /// As many reads as it takes to use the quota, however long an answer takes.
    fn at_once(&self, waiting: &VecDeque<Reading>) -> usize {
        let Some(next) = waiting.front() else { return LEAST };
        let operation = match next.lines {
            Lines::Together(_) => Operation::FilterLogEvents,
            Lines::Alone(_) => Operation::GetLogEvents,
        };
        at_once(self.parts.aws.rate(operation, next.group.region()), self.latency)
    }

    /// Leaves a reading to the next poll.
    fn put_off(&mut self, reading: Reading) {
        // One of GetLogEvents goes on from where its stream was left.
        if matches!(reading.lines, Lines::Together(_)) {
            self.unfinished.push(reading);
        }
    }

    fn take_page(&mut self, page: Option<Page>) {
        if let Some((document, counts)) = page {
            let took = document.document().call.as_ref().map_or(0, |call| call.milliseconds);
            // The last few answers count.
            self.latency = (self.latency * 3 + Duration::from_millis(took)) / 4;
            self.parts.assembly.count(counts);
            self.take_redacted(document);
        }
    }
}

async fn fetch(aws: &Aws, reading: &Reading, redaction: &Redaction, sink: &mpsc::Sender<Page>) -> Asked<LogCursor> {
    let Reading { group, lines, cursor, .. } = reading;
    ask::read_lines(aws, group, lines, cursor.clone(), |document: Document| async move {
        // Nobody takes it where the collection was given up: then it is not missed either.
        let _ = sink.send(redaction.redact(document)).await;
    })
    .await
}

/// `rate`: calls a second that may be made. `latency`: how long an answer takes.
fn at_once(rate: f64, latency: Duration) -> usize {
    if latency < FAR {
        return LEAST;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float that is too large saturates")]
    let needed = (rate * latency.as_secs_f64()).ceil() as usize;
    needed.clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farther_aws_is_the_more_is_read_at_once() {
        let reads = |rate, millis| at_once(rate, Duration::from_millis(millis));
        assert_eq!([reads(5.0, 0), reads(1e6, 20), reads(5.0, 300), reads(5.0, 500), reads(5.0, 700)], [2, 2, 2, 3, 4]);
        assert_eq!(reads(12.5, 60_000), 4);
    }
}
