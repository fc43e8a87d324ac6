//! Amazon CloudWatch Logs.

use casefile_evidence::Timestamp;
use serde_json::Value;

use super::{Asked, OnDocument, Pages, all, text};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::Operation;

/// The most streams that DescribeLogStreams gives at once.
const STREAMS: i32 = 50;
/// The most events that GetLogEvents gives at once; a page also ends at 1 MB.
const EVENTS: i32 = 10_000;

/// Where the reading of a log stream begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogCursor {
    /// Events from this moment on (`startTime`, inclusive); all of them where left out. It is sent with
    /// a token too, so that every request says what it covers.
    pub from: Option<Timestamp>,
    /// Events after those that an earlier reading found: the token that it gave.
    pub token: Option<String>,
}

/// DescribeLogStreams to its end: the streams of a group, by name, with that prefix where one is given.
/// Finds their names.
///
/// `region` is the log driver's (`awslogs-region`), which may differ from the service's.
pub async fn describe_log_streams(
    aws: &Aws,
    region: &str,
    group: &str,
    prefix: Option<&str>,
    on: OnDocument<'_>,
) -> Asked<Vec<String>> {
    let mut names = Vec::new();
    let ask = |token| {
        exchange(aws.clock(), Operation::DescribeLogStreams, move |wire| {
            let call = aws.logs(region).describe_log_streams().log_group_name(group).limit(STREAMS);
            let call = call.set_log_stream_name_prefix(prefix.map(str::to_owned)).set_next_token(token);
            call.customize().interceptor(wire).send()
        })
    };
    let Asked { pages, error, .. } = all(on, ask, |page| {
        let streams = page.get("logStreams").and_then(Value::as_array).into_iter().flatten();
        names.extend(streams.filter_map(|stream| stream.get("logStreamName")?.as_str()).map(str::to_owned));
    })
    .await;
    Asked { pages, error, found: names }
}

/// GetLogEvents, from the oldest event on, to the end of the stream or `to` (`endTime`, exclusive).
/// Finds the token from which a later call goes on, [`LogCursor::token`]; the one given where nothing came.
///
/// The end is the token that was asked with coming back, not an empty page: those are normal in the middle
/// of a stream (CloudWatch Logs, GetLogEvents, "nextForwardToken"). A reading is therefore at least two
/// calls, and one that goes on from a token at least one.
pub async fn get_log_events(
    aws: &Aws,
    region: &str,
    group: &str,
    stream: &str,
    cursor: LogCursor,
    to: Option<Timestamp>,
    on: OnDocument<'_>,
) -> Asked<Option<String>> {
    let LogCursor { from, mut token } = cursor;
    let mut pages = Pages::default();
    loop {
        let asked_with = token.clone();
        let document = exchange(aws.clock(), Operation::GetLogEvents, |wire| {
            let call = aws.logs(region).get_log_events().log_group_name(group).log_stream_name(stream);
            let call = call.start_from_head(true).limit(EVENTS).set_next_token(asked_with);
            let call = call.set_start_time(from.map(Timestamp::as_millis)).set_end_time(to.map(Timestamp::as_millis));
            call.customize().interceptor(wire).send()
        })
        .await;
        match pages.take(document, on, |page| text(page, "nextForwardToken")).flatten() {
            Some(next) if token.as_ref() == Some(&next) => return pages.asked(token),
            Some(next) if pages.leads_on(&next) => token = Some(next),
            _ => return pages.asked(token),
        }
    }
}
