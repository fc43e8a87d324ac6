//! The lines of log streams: GetLogEvents for one, FilterLogEvents for up to a hundred of a group.

use std::future::Future;

use casefile_evidence::Timestamp;

use super::{Asked, Pages, text};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::{Document, Operation};

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

/// Where a reading begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogCursor {
    /// Events from this moment on (`startTime`, inclusive); all of them where left out. It is sent with
    /// a token too, so that every request says what it covers.
    pub from: Option<Timestamp>,
    /// Events after those that an earlier reading found: the token that it gave.
    pub token: Option<String>,
}

/// How far a reading came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// From where it goes on: of GetLogEvents at any time, of FilterLogEvents where it did not come to the end.
    pub token: Option<String>,
    /// The end came with a page that was full: an endpoint that stops at its limit looks the same.
    pub full: bool,
}

/// Reads lines to their end, and hands each page to `on`; the next one is asked for once that has taken it.
///
/// The end of GetLogEvents is the token that was asked with coming back, that of FilterLogEvents an absent
/// `nextToken`; an empty page is normal in the middle of both (CloudWatch Logs, "nextForwardToken", "nextToken").
/// So GetLogEvents is always one call more than there are pages, and FilterLogEvents is not.
///
/// `region` is the log driver's (`awslogs-region`), which may differ from the service's.
pub async fn read_lines<F: Future<Output = ()>>(
    aws: &Aws,
    region: &str,
    group: &str,
    lines: &Lines,
    cursor: LogCursor,
    on: impl Fn(Document) -> F,
) -> Asked<Read> {
    let LogCursor { from, mut token } = cursor;
    let mut pages = Pages::default();
    loop {
        let document = match lines {
            Lines::Alone(stream) => get(aws, region, group, stream, from, token.clone()).await,
            Lines::Together(streams) => filter(aws, region, group, streams, from, token.clone()).await,
        };
        let (mut passed, mut full) = (None, false);
        let next = pages.take(document, &mut |document| passed = Some(document), |page| {
            let events = page.get("events").and_then(|events| events.as_array()).map_or(0, Vec::len);
            full = i32::try_from(events).is_ok_and(|events| events >= EVENTS);
            text(page, if matches!(lines, Lines::Alone(_)) { "nextForwardToken" } else { "nextToken" })
        });
        if let Some(document) = passed {
            on(document).await;
        }
        let next = match (next, lines) {
            // Refused: it may go on from where it was.
            (None, _) => return pages.asked(Read { token, full: false }),
            (Some(None), Lines::Alone(_)) => return pages.asked(Read { token, full: false }),
            (Some(None), Lines::Together(_)) => return pages.asked(Read { token: None, full }),
            (Some(Some(next)), Lines::Alone(_)) if token.as_ref() == Some(&next) => {
                return pages.asked(Read { token, full: false });
            }
            (Some(Some(next)), _) => next,
        };
        if !pages.leads_on(&next) {
            return pages.asked(Read { token, full: false });
        }
        token = Some(next);
    }
}

async fn get(
    aws: &Aws,
    region: &str,
    group: &str,
    stream: &str,
    from: Option<Timestamp>,
    token: Option<String>,
) -> Document {
    exchange(aws, region, Operation::GetLogEvents, |wire| {
        let call = aws.logs(region).get_log_events().log_group_name(group).log_stream_name(stream);
        let call = call.start_from_head(true).limit(EVENTS).set_next_token(token);
        call.set_start_time(from.map(Timestamp::as_millis)).customize().interceptor(wire).send()
    })
    .await
}

async fn filter(
    aws: &Aws,
    region: &str,
    group: &str,
    streams: &[String],
    from: Option<Timestamp>,
    token: Option<String>,
) -> Document {
    exchange(aws, region, Operation::FilterLogEvents, |wire| {
        let call = aws.logs(region).filter_log_events().log_group_name(group).limit(EVENTS);
        let call = call.set_log_stream_names(Some(streams.to_vec())).set_next_token(token);
        call.set_start_time(from.map(Timestamp::as_millis)).customize().interceptor(wire).send()
    })
    .await
}
