//! Amazon CloudWatch Logs.

use aws_sdk_cloudwatchlogs::types::OrderBy;
use casefile_evidence::Timestamp;
use serde_json::{Map, Value};

use super::{Asked, OnDocument, Pages, all, text};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::Operation;
use crate::normalise::is_older;

/// The most that DescribeLogStreams and DescribeLogGroups give at once.
const STREAMS: i32 = 50;
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
        exchange(aws, region, Operation::DescribeLogStreams, move |wire| {
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

/// DescribeLogGroups for one group: how long it keeps its lines. It ends at the group itself; others may
/// begin with its name. Finds whether the group is there.
pub async fn describe_log_group(aws: &Aws, region: &str, group: &str, on: OnDocument<'_>) -> Asked<bool> {
    let mut pages = Pages::default();
    let (mut token, mut found) = (None, false);
    loop {
        let asked_with = token.take();
        let document = exchange(aws, region, Operation::DescribeLogGroups, |wire| {
            let call = aws.logs(region).describe_log_groups().log_group_name_prefix(group).limit(STREAMS);
            call.set_next_token(asked_with).customize().interceptor(wire).send()
        })
        .await;
        let next = pages.take(document, on, |page| {
            let page = &page.fields;
            found = objects(page, "logGroups").any(|it| text(it, "logGroupName").as_deref() == Some(group));
            text(page, "nextToken")
        });
        match next.flatten() {
            Some(next) if !found && pages.leads_on(&next) => token = Some(next),
            _ => return pages.asked(found),
        }
    }
}

/// DescribeLogStreams, those with the newest events first, until they are older than `since`: the streams of
/// a group that may hold lines from then on. Finds their names.
pub async fn describe_newest_log_streams(
    aws: &Aws,
    region: &str,
    group: &str,
    since: Timestamp,
    on: OnDocument<'_>,
) -> Asked<Vec<String>> {
    let mut pages = Pages::default();
    let (mut token, mut names) = (None, Vec::new());
    loop {
        let asked_with = token.take();
        let document = exchange(aws, region, Operation::DescribeLogStreams, |wire| {
            let call = aws.logs(region).describe_log_streams().log_group_name(group).limit(STREAMS);
            let call = call.order_by(OrderBy::LastEventTime).descending(true).set_next_token(asked_with);
            call.customize().interceptor(wire).send()
        })
        .await;
        let mut older = false;
        let next = pages.take(document, on, |page| {
            let page = &page.fields;
            for stream in objects(page, "logStreams") {
                older = is_older(stream, since);
                names.extend(text(stream, "logStreamName").filter(|_| !older));
            }
            text(page, "nextToken")
        });
        match next.flatten() {
            Some(next) if !older && pages.leads_on(&next) => token = Some(next),
            _ => return pages.asked(names),
        }
    }
}

fn objects<'v>(page: &'v Map<String, Value>, key: &str) -> impl Iterator<Item = &'v Map<String, Value>> {
    page.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}
