//! The lines of log streams: GetLogEvents for one, FilterLogEvents for up to a hundred of a group.

use std::future::Future;

use casefile_evidence::Timestamp;

use super::{Asked, LogGroup, Pages, text};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::{Document, Operation, Read};

/// The most events that GetLogEvents and FilterLogEvents give at once; a page also ends at 1 MB.
const EVENTS: i32 = 10_000;
/// The most streams that FilterLogEvents takes.
pub const STREAMS_AT_ONCE: usize = 100;

/// Which lines are read, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lines {
    /// One stream, by GetLogEvents.
    Alone(String),
    /// Streams of one group, by FilterLogEvents: at most [`STREAMS_AT_ONCE`].
    Together(Vec<String>),
}

/// Where a read begins, or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCursor {
    /// The read at its next page. Events are asked for from its beginning on (`startTime`, inclusive), with a token too, so
    /// that every request says what it covers.
    pub read: Read,
    /// Events after those that were found: the token that the page before gave.
    pub token: Option<String>,
}

impl LogCursor {
    /// The beginning of a read.
    pub const fn new(id: i64, began: Timestamp, from: Option<Timestamp>) -> Self {
        Self { read: Read::new(id, began, from), token: None }
    }
}

/// Reads lines to their end, and hands each page to `on`; the next one is asked for once that has taken it.
///
/// The end of GetLogEvents is the token that was asked with coming back, that of FilterLogEvents an absent
/// `nextToken`; an empty page is normal in the middle of both (CloudWatch Logs, "nextForwardToken", "nextToken").
/// So GetLogEvents is always one call more than there are pages, and FilterLogEvents is not.
///
/// Finds where it goes on, if it did not come to the end.
pub async fn read_lines<F: Future<Output = ()>>(
    aws: &Aws,
    group: &LogGroup,
    lines: &Lines,
    cursor: LogCursor,
    on: impl Fn(Document) -> F,
) -> Asked<LogCursor> {
    let LogCursor { mut read, mut token } = cursor;
    let key = if matches!(lines, Lines::Alone(_)) { "nextForwardToken" } else { "nextToken" };
    let mut pages = Pages::default();
    loop {
        let mut document = match lines {
            Lines::Alone(stream) => get(aws, group, stream, read.from, token.clone()).await,
            Lines::Together(streams) => filter(aws, group, streams, read.from, token.clone()).await,
        };
        let next = document.response().map(|page| text(page, key).filter(|next| token.as_ref() != Some(next)));
        document.read = Some(Read { last: next == Some(None), ..read });
        pages.count(&document);
        on(document).await;
        // Refused, or at its end.
        let Some(Some(next)) = next else { return pages.asked(LogCursor { read, token }) };
        (read, token) = (read.next(), Some(next.clone()));
        if !pages.leads_on(&next) {
            return pages.asked(LogCursor { read, token });
        }
    }
}

async fn get(aws: &Aws, group: &LogGroup, stream: &str, from: Option<Timestamp>, token: Option<String>) -> Document {
    exchange(aws, group.region(), Operation::GetLogEvents, |wire| {
        let call = aws.logs(group.region()).get_log_events().log_stream_name(stream);
        let call = call.set_log_group_name(group.name()).set_log_group_identifier(group.identifier());
        let call = call.start_from_head(true).limit(EVENTS).set_next_token(token);
        call.set_start_time(from.map(Timestamp::as_millis)).customize().interceptor(wire).send()
    })
    .await
}

async fn filter(
    aws: &Aws,
    group: &LogGroup,
    streams: &[String],
    from: Option<Timestamp>,
    token: Option<String>,
) -> Document {
    exchange(aws, group.region(), Operation::FilterLogEvents, |wire| {
        let call = aws.logs(group.region()).filter_log_events().limit(EVENTS);
        let call = call.set_log_group_name(group.name()).set_log_group_identifier(group.identifier());
        let call = call.set_log_stream_names(Some(streams.to_vec())).set_next_token(token);
        call.set_start_time(from.map(Timestamp::as_millis)).customize().interceptor(wire).send()
    })
    .await
}
