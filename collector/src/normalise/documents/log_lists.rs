//! Log groups and the lists of their streams.

use casefile_evidence::Timestamp;
use serde_json::{Map, Value};

use crate::document::Document;
use crate::normalise::coverage::{Key, Page, Place};
use crate::normalise::fields::Fields;
use crate::normalise::{Assembly, rows};

/// `lastEventTimestamp` may be behind by an hour (DescribeLogStreams).
const LAG_MS: i64 = 60 * 60 * 1000;

/// Whether a stream, as it is listed, can hold no line of `since` or later.
pub(crate) fn is_older(stream: &Map<String, Value>, since: Timestamp) -> bool {
    let moment = |key: &str| match stream.get(key)? {
        Value::String(text) => Timestamp::parse(text).ok(),
        value => value.as_i64().map(Timestamp),
    };
    // A stream without events has had none yet, as far as the list knows.
    let sign = moment("lastEventTimestamp").or_else(|| moment("creationTime"));
    sign.is_some_and(|sign| sign < since.plus_millis(-LAG_MS))
}

impl Assembly {
    pub(super) fn described_groups(&mut self, document: &Document) {
        // One group is asked for: by a prefix, with which others may begin, or by its ARN.
        let identifiers = document.request.as_ref().and_then(|request| request.get("logGroupIdentifiers")?.get(0));
        let asked = document.requested("logGroupNamePrefix").or_else(|| identifiers?.as_str());
        let asked = asked.map(|asked| self.topology.log_group(asked));
        let place = Place { log_group: asked.clone(), ..Place::default() };
        let key = Key::of("log_groups", document);
        let Some(answer) = document.response() else {
            return self.coverage.ledger.page(key, document, Page { place, ..Page::default() });
        };
        let last = document.is_last_page();
        let answer = Fields::new(answer, &document.origin, "DescribeLogGroups");
        let items = answer.list("logGroups", &mut self.remarks);
        let mut found = false;
        for item in &items {
            let Some(name) = item.id("logGroupName", &mut self.remarks) else { continue };
            let arn = item.text("logGroupArn", &mut self.remarks).or_else(|| item.text("arn", &mut self.remarks));
            let log_group = self.topology.log_group(arn.as_deref().unwrap_or(&name));
            if asked.as_ref().is_some_and(|asked| *asked != log_group) {
                continue;
            }
            found = true;
            let row = rows::log_group(*item, log_group, self.current, &mut self.remarks);
            let class = item.text("logGroupClass", &mut self.remarks);
            self.coverage.logs.described(&row, class);
            if self.output.is_new("log_groups", &row.log_group) {
                self.output.push(row);
            }
        }
        let page = Page {
            rows: items.len(),
            last: last || found && asked.is_some(),
            covered_to: Some(self.current.observed_at),
            place,
            ..Page::default()
        };
        self.coverage.ledger.page(key, document, page);
    }

    pub(super) fn log_streams(&mut self, document: &Document) {
        let requested = self.topology.requested_group(document);
        let prefix = document.requested("logStreamNamePrefix");
        let (container, task_id) = match requested.as_deref().zip(prefix) {
            Some((group, prefix)) => self.topology.writer_of(group, prefix),
            None => (None, None),
        };
        let place = Place { log_group: requested.clone(), log_stream: prefix.map(str::to_owned), container, task_id };
        let key = Key::of("log_streams", document);
        // All streams of a chosen group are read: if they cannot be listed, its lines are not known either.
        let lines = Key { feeds: "log_events", ..key.clone() };
        let whole = prefix.is_none() && requested.as_deref().is_some_and(|group| self.topology.is_chosen_group(group));
        let Some(answer) = document.response() else {
            if whole {
                self.coverage.ledger.page(lines, document, Page { place: place.clone(), ..Page::default() });
            }
            return self.coverage.ledger.page(key, document, Page { place, ..Page::default() });
        };
        let newest_first = document.requested("orderBy") == Some("LastEventTime")
            && document.request.as_ref().and_then(|request| request.get("descending")) == Some(&Value::Bool(true));
        let listed = answer.get("logStreams").and_then(Value::as_array);
        let oldest = listed.and_then(|streams| streams.last()?.as_object());
        let ended = oldest.filter(|_| newest_first).and_then(|stream| {
            let since = self.topology.logs_since();
            is_older(stream, since).then_some(since)
        });
        let last = ended.is_some() || document.is_last_page();
        let answer = Fields::new(answer, &document.origin, "DescribeLogStreams");
        let items = answer.list("logStreams", &mut self.remarks);
        for item in &items {
            self.log_stream(*item, document, requested.as_deref());
        }
        let covered_to = Some(self.current.observed_at);
        let covered_from = ended;
        if whole && self.coverage.ledger.knows(&lines) {
            let page = Page { last, covered_from, covered_to, place: place.clone(), ..Page::default() };
            self.coverage.ledger.page(lines, document, page);
        }
        let page = Page { rows: items.len(), last, covered_from, covered_to, place, ..Page::default() };
        self.coverage.ledger.page(key, document, page);
    }

    fn log_stream(&mut self, item: Fields<'_>, document: &Document, requested: Option<&str>) {
        let remarks = &mut self.remarks;
        let Some(log_stream) = item.id("logStreamName", remarks) else { return };
        let arn = item.text("arn", remarks);
        let named = arn.as_deref().filter(|arn| arn.contains(":log-group:")).map(|arn| self.topology.log_group(arn));
        let remarks = &mut self.remarks;
        let Some(log_group) = requested.map(str::to_owned).or(named) else {
            remarks.add(&document.origin, format!("stream {log_stream} names no log group; it was left out"));
            return;
        };
        let (first, last) = (item.millis("firstEventTimestamp", remarks), item.millis("lastEventTimestamp", remarks));
        self.coverage.logs.listed((&log_group, &log_stream), first, last);
        // Each poll lists all streams again.
        if self.output.is_new("log_streams", &format!("{log_group} {log_stream}")) {
            let writer = self.topology.writer_of(&log_group, &log_stream);
            self.output.push(rows::log_stream(item, (log_group, log_stream), writer, self.current, remarks));
        }
    }
}
