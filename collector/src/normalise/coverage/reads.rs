//! The reads of pages that do not say which read they belong to: recordings of before, and files of the AWS CLI.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;
use serde_json::Value;

use crate::document::{Document, LogEvent, Operation, Read};

/// The reads that pages may go on with.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    count: i64,
    /// When those began that pages say.
    told: BTreeMap<i64, Timestamp>,
    /// Two collections that are put together count from 1 each: those of the second one.
    others: BTreeMap<(i64, Timestamp), i64>,
    /// Reads whose next page has not come yet, by their request (without its token) and the token of that page.
    open: BTreeMap<(String, String), Read>,
}

impl Reads {
    /// The number of a read among all that are taken up.
    pub(crate) fn number(&mut self, read: &Read) -> i64 {
        if *self.told.entry(read.id).or_insert(read.began) == read.began {
            return read.id;
        }
        let next = i64::try_from(self.others.len()).map_or(i64::MAX, |others| i64::MIN + others);
        *self.others.entry((read.id, read.began)).or_insert(next)
    }

    /// The read that a page belongs to. `asked`: the request without its page token, so that it is equal for all pages.
    pub(crate) fn of(&mut self, document: &Document, asked: &str, events: &[LogEvent], now: Timestamp) -> Read {
        let of_stream = document.operation == Operation::GetLogEvents;
        let token = document.requested("nextToken").map(str::to_owned);
        let key = if of_stream { "nextForwardToken" } else { "nextToken" };
        let next = document.response().and_then(|answer| answer.get(key)).and_then(Value::as_str).map(str::to_owned);
        let known = token.clone().and_then(|token| self.open.remove(&(asked.to_owned(), token)));
        let mut read = match known {
            // Behind the end it has what came since.
            Some(read) if read.last => Read { began: now, ..read.next() },
            Some(read) => read.next(),
            None => {
                self.count += 1;
                Read::new(-self.count, now, begins(document, token.is_some(), events, now))
            }
        };
        // GetLogEvents gives the same token again at the end.
        read.last = if of_stream && !document.assumed { next == token } else { document.is_last_page() };
        if let Some(next) = next {
            self.open.insert((asked.to_owned(), next), read);
        }
        read
    }
}

/// From when on a read has the lines that begins with this page. What stands before a page that no known one leads to was
/// not seen; nor what is older than the newest page, which comes first without `startFromHead`.
fn begins(document: &Document, behind: bool, events: &[LogEvent], now: Timestamp) -> Option<Timestamp> {
    let head = document.request.as_ref().and_then(|request| request.get("startFromHead")).and_then(Value::as_bool);
    let newest = document.operation == Operation::GetLogEvents && head != Some(true) && !document.assumed;
    let first = events.first().and_then(|event| event.timestamp).map_or(now, Timestamp);
    (behind || newest).then_some(first).max(document.requested_at("startTime"))
}
