//! Amazon CloudWatch Logs.

use aws_sdk_cloudwatchlogs::types::OrderBy;
use casefile_evidence::Timestamp;
use serde_json::{Map, Value};

use super::{Asked, OnDocument, Pages, all, text};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::Operation;
use crate::normalise::{is_arn, is_older, log_group_parameter, log_group_region};

/// A log group as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogGroup {
    region: String,
    group: String,
}

impl LogGroup {
    /// A name, which is of the region of the connection, or an ARN.
    pub fn new(aws: &Aws, group: &str) -> Self {
        let region = log_group_region(group).unwrap_or(aws.region()).to_owned();
        Self { region, group: group.to_owned() }
    }

    #[cfg(test)]
    pub(crate) fn of(region: &str, group: &str) -> Self {
        Self { region: region.to_owned(), group: group.to_owned() }
    }

    /// The region that it is in, which may differ from the service's (`awslogs-region`).
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The name or ARN.
    pub fn as_str(&self) -> &str {
        &self.group
    }

    /// What AWS takes as `logGroupName`.
    pub(super) fn name(&self) -> Option<String> {
        (!is_arn(&self.group)).then(|| self.group.clone())
    }

    /// What AWS takes as `logGroupIdentifier`.
    pub(super) fn identifier(&self) -> Option<String> {
        is_arn(&self.group).then(|| self.group.clone())
    }

    /// What a request for the lines of one of its streams says.
    pub(crate) fn request(&self, log_stream: &str) -> Map<String, Value> {
        [(log_group_parameter(&self.group), self.as_str()), ("logStreamName", log_stream)]
            .map(|(key, value)| (key.to_owned(), Value::from(value)))
            .into_iter()
            .collect()
    }

    fn is_described_by(&self, item: &Map<String, Value>) -> bool {
        let named = if is_arn(&self.group) { "logGroupArn" } else { "logGroupName" };
        text(item, named).as_deref() == Some(&self.group)
    }
}

/// The most that DescribeLogStreams and DescribeLogGroups give at once.
const STREAMS: i32 = 50;

/// DescribeLogStreams to its end: the streams of a group, by name, with that prefix where one is given.
/// Finds their names.
pub async fn describe_log_streams(
    aws: &Aws,
    group: &LogGroup,
    prefix: Option<&str>,
    on: OnDocument<'_>,
) -> Asked<Vec<String>> {
    let mut names = Vec::new();
    let ask = |token| {
        exchange(aws, group.region(), Operation::DescribeLogStreams, move |wire| {
            let call = aws.logs(group.region()).describe_log_streams().limit(STREAMS);
            let call = call.set_log_group_name(group.name()).set_log_group_identifier(group.identifier());
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
pub async fn describe_log_group(aws: &Aws, group: &LogGroup, on: OnDocument<'_>) -> Asked<bool> {
    let mut pages = Pages::default();
    let (mut token, mut found) = (None, false);
    loop {
        let asked_with = token.take();
        let document = exchange(aws, group.region(), Operation::DescribeLogGroups, |wire| {
            let call = aws.logs(group.region()).describe_log_groups().set_next_token(asked_with);
            // One that is named by its ARN may be of another account, which CloudWatch shows to a monitoring account.
            let call = match group.identifier() {
                Some(arn) => call.log_group_identifiers(arn).include_linked_accounts(true),
                None => call.set_log_group_name_prefix(group.name()).limit(STREAMS),
            };
            call.customize().interceptor(wire).send()
        })
        .await;
        let next = pages.take(document, on, |page| {
            let page = &page.fields;
            found = objects(page, "logGroups").any(|it| group.is_described_by(it));
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
    group: &LogGroup,
    since: Timestamp,
    on: OnDocument<'_>,
) -> Asked<Vec<String>> {
    let mut pages = Pages::default();
    let (mut token, mut names) = (None, Vec::new());
    loop {
        let asked_with = token.take();
        let document = exchange(aws, group.region(), Operation::DescribeLogStreams, |wire| {
            let call = aws.logs(group.region()).describe_log_streams().limit(STREAMS);
            let call = call.set_log_group_name(group.name()).set_log_group_identifier(group.identifier());
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
