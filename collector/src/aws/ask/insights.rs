//! CloudWatch Logs Insights: the lines of log groups that no other operation reads (log class INFREQUENT_ACCESS).

use std::time::Duration;

use casefile_evidence::Timestamp;
use serde_json::Value;

use super::{Asked, LogGroup, OnDocument, Pages, text};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::line_query::{self, ROWS};
use crate::document::{Operation, Read};

/// From one look at a running query to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// A query that still runs then is given up: a poll waits for it.
const LOOKS: u32 = 60;

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queried {
    /// It found all lines.
    Whole,
    /// There may be more lines than it gives.
    Full,
    /// It did not come to its end.
    Failed,
}

/// A query of the lines of streams, and the moments between which they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineQuery {
    /// The log group.
    pub group: LogGroup,
    /// Its streams.
    pub streams: Vec<String>,
    /// From this moment on, in whole seconds.
    pub from: Timestamp,
    /// Up to this moment, in whole seconds.
    pub to: Timestamp,
}

impl LineQuery {
    /// The two halves of its time. `None` where it is too short.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let seconds = self.to.millis_since(self.from) / 1000;
        let middle = self.from.plus_millis(seconds / 2 * 1000);
        let half = |from, to| Self { from, to, ..self.clone() };
        (seconds > 1).then(|| [half(self.from, middle), half(middle, self.to)])
    }
}

/// StartQuery, and GetQueryResults until the query has ended. Hands both answers to `on`; of GetQueryResults the last one.
///
/// It may be cancelled: a query that runs goes on at AWS, and its results are lost.
pub async fn query_lines(aws: &Aws, query: &LineQuery, read: Read, on: OnDocument<'_>) -> Asked<Queried> {
    let LineQuery { group, from, to, .. } = query;
    let mut pages = Pages::default();
    let started = exchange(aws, group.region(), Operation::StartQuery, |wire| {
        let call = aws.logs(group.region()).start_query().limit(ROWS.into());
        let call = call.query_string(line_query::of_streams(&query.streams));
        let call = call.start_time(from.as_millis() / 1000).end_time(to.as_millis() / 1000);
        let call = call.set_log_group_name(group.name());
        let call = call.set_log_group_identifiers(group.identifier().map(|arn| vec![arn]));
        call.customize().interceptor(wire).send()
    })
    .await;
    let id = pages.take(started, on, |answer| text(&answer.fields, "queryId")).flatten();
    let Some(id) = id else { return pages.asked(Queried::Failed) };
    let mut looks = 0;
    loop {
        looks += 1;
        let mut document = exchange(aws, group.region(), Operation::GetQueryResults, |wire| {
            let call = aws.logs(group.region()).get_query_results().query_id(&id);
            call.customize().interceptor(wire).send()
        })
        .await;
        let status = document.response().and_then(|answer| answer.get("status")).and_then(Value::as_str);
        let runs = matches!(status, Some("Running" | "Scheduled" | "Unknown"));
        if runs && looks < LOOKS {
            aws.clock().sleep(PAUSE).await;
            continue;
        }
        let has_token = document.response().is_some_and(|answer| text(answer, "nextToken").is_some());
        let queried = match status {
            Some("Complete") if document.events().len() < ROWS.into() && !has_token => Queried::Whole,
            Some("Complete") => Queried::Full,
            _ => Queried::Failed,
        };
        document.read = Some(Read { last: queried == Queried::Whole, ..read });
        pages.take(document, on, |_| ());
        return pages.asked(queried);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_halved_down_to_a_second() {
        let query = LineQuery {
            group: LogGroup::of("eu-west-1", "g"),
            streams: Vec::new(),
            from: Timestamp(10_000),
            to: Timestamp(13_000),
        };
        let halves = query.halves().map(|halves| halves.map(|half| (half.from, half.to)));
        assert_eq!(halves, Some([(Timestamp(10_000), Timestamp(11_000)), (Timestamp(11_000), Timestamp(13_000))]));
        assert_eq!(LineQuery { to: Timestamp(11_000), ..query }.halves(), None);
    }
}
