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

/// Reads lines to their end, and hands each page to `on`; the next one is asked for once that has taken it.
///
/// The end of GetLogEvents is the token that was asked with coming back, that of FilterLogEvents an absent
/// `nextToken`; an empty page is normal in the middle of both (CloudWatch Logs, "nextForwardToken", "nextToken").
/// So GetLogEvents is always one call more than there are pages, and FilterLogEvents is not.
///
/// Where FilterLogEvents ends with a page that is full, it is asked once more from its last moment on: there are endpoints
/// that end at their limit, whatever follows.
///
/// Finds where it goes on: of GetLogEvents at any time, of FilterLogEvents where it did not come to the end.
///
/// `region` is the log driver's (`awslogs-region`), which may differ from the service's.
pub async fn read_lines<F: Future<Output = ()>>(
    aws: &Aws,
    region: &str,
    group: &str,
    lines: &Lines,
    cursor: LogCursor,
    on: impl Fn(Document) -> F,
) -> Asked<LogCursor> {
    let LogCursor { mut from, mut token } = cursor;
    let mut pages = Pages::default();
    loop {
        let document = match lines {
            Lines::Alone(stream) => get(aws, region, group, stream, from, token.clone()).await,
            Lines::Together(streams) => filter(aws, region, group, streams, from, token.clone()).await,
        };
        let (mut passed, mut behind_full) = (None, None);
        let next = pages.take(document, &mut |document| passed = Some(document), |page| {
            let events = page.events.as_deref().unwrap_or_default();
            if i32::try_from(events.len()).is_ok_and(|events| events >= EVENTS) {
                behind_full = events.last().and_then(|event| event.timestamp).map(Timestamp);
            }
            text(&page.fields, if matches!(lines, Lines::Alone(_)) { "nextForwardToken" } else { "nextToken" })
        });
        if let Some(document) = passed {
            on(document).await;
        }
        let next = match (next, lines) {
            // Refused: it may go on from where it was.
            (None, _) | (Some(None), Lines::Alone(_)) => return pages.asked(LogCursor { from, token }),
            (Some(None), Lines::Together(_)) => match behind_full {
                Some(behind) => {
                    // A page full of one moment has all that can be had of it.
                    let on = if from < Some(behind) { behind } else { behind.plus_millis(1) };
                    if !pages.leads_on(&format!("from {on}")) {
                        return pages.asked(LogCursor { from, token });
                    }
                    (from, token) = (Some(on), None);
                    continue;
                }
                None => return pages.asked(LogCursor { from, token: None }),
            },
            (Some(Some(next)), Lines::Alone(_)) if token.as_ref() == Some(&next) => {
                return pages.asked(LogCursor { from, token });
            }
            (Some(Some(next)), _) => next,
        };
        if !pages.leads_on(&next) {
            return pages.asked(LogCursor { from, token });
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
