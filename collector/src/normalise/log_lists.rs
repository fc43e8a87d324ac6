//! Log groups and the lists of their streams.

use casefile_evidence::Timestamp;
use casefile_evidence::tables::{LogGroupRow, LogStreamRow};
use serde_json::{Map, Value};

use super::Assembly;
use super::coverage::READABLE;
use super::fields::Fields;
use super::log_group_id::log_group_parameter;
use super::sources::{Key, Page, Place};
use crate::document::{Document, Operation};

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
    /// How long a line of a stream took to arrive, at most, in milliseconds.
    pub fn lag_ms(&self, log_group: &str, log_stream: &str) -> i64 {
        self.logs.stream(log_group, log_stream).map_or(0, |stream| stream.lag_ms)
    }

    /// Whether AWS says that a stream has newer lines than were read.
    pub fn has_more(&self, log_group: &str, log_stream: &str) -> bool {
        let newest = self.logs.stream(log_group, log_stream).and_then(|stream| stream.newest);
        let claimed = self.logs.claims.get(&(log_group.to_owned(), log_stream.to_owned()));
        claimed.is_some_and(|claimed| Some(*claimed) > newest)
    }

    /// Whether the lines of a log group can be read, as far as its class is known.
    pub fn is_readable(&self, log_group: &str) -> bool {
        !self.logs.unreadable.contains_key(log_group)
    }

    /// From when on lines count: from the creation of the judged rollout; where nothing was deployed, or no rollout is
    /// known yet, from the first snapshot.
    pub fn logs_since(&self) -> Timestamp {
        self.evidence_from(&self.judged()).unwrap_or_default()
    }

    pub(super) fn described_groups(&mut self, document: &Document) {
        // One group is asked for: by a prefix, with which others may begin, or by its ARN.
        let identifiers = document.request.as_ref().and_then(|request| request.get("logGroupIdentifiers")?.get(0));
        let asked = document.requested("logGroupNamePrefix").or_else(|| identifiers?.as_str());
        let asked = asked.map(|asked| self.log_group(asked));
        let place = Place { log_group: asked.clone(), ..Place::default() };
        let key = Key::of("log_groups", document);
        let Some(answer) = document.response() else {
            return self.ledger.page(key, document, Page { place, ..Page::default() });
        };
        let last = document.is_last_page();
        let answer = Fields::new(answer, &document.origin, "DescribeLogGroups");
        let items = answer.list("logGroups", &mut self.remarks);
        let mut found = false;
        for item in &items {
            let Some(name) = item.id("logGroupName", &mut self.remarks) else { continue };
            let arn = item.text("logGroupArn", &mut self.remarks).or_else(|| item.text("arn", &mut self.remarks));
            let log_group = self.log_group(arn.as_deref().unwrap_or(&name));
            if asked.as_ref().is_some_and(|asked| *asked != log_group) {
                continue;
            }
            found = true;
            let remarks = &mut self.remarks;
            let retention_days = item.int("retentionInDays", remarks).filter(|days| *days > 0);
            self.logs.retention.insert(log_group.clone(), retention_days);
            match item.text("logGroupClass", remarks) {
                Some(class) if class != READABLE => drop(self.logs.unreadable.insert(log_group.clone(), class)),
                _ => drop(self.logs.unreadable.remove(&log_group)),
            }
            if !self.is_new("log_groups", &log_group) {
                continue;
            }
            let row = LogGroupRow {
                snapshot: self.current.snapshot,
                observed_at: self.current.observed_at,
                retention_days,
                created_at: item.millis("creationTime", &mut self.remarks),
                raw: item.raw(&[]),
                log_group,
            };
            self.rows.push(row.into());
        }
        let page = Page {
            rows: items.len(),
            last: last || found && asked.is_some(),
            covered_to: Some(self.current.observed_at),
            place,
            ..Page::default()
        };
        self.ledger.page(key, document, page);
    }

    pub(super) fn log_streams(&mut self, document: &Document) {
        let requested = self.requested_group(document);
        let prefix = document.requested("logStreamNamePrefix");
        let (container, task_id) = match requested.as_deref().zip(prefix) {
            Some((group, prefix)) => self.seen.writer_of(group, prefix),
            None => (None, None),
        };
        let place = Place { log_group: requested.clone(), log_stream: prefix.map(str::to_owned), container, task_id };
        let key = Key::of("log_streams", document);
        // Whoever may not see the streams of a group that is read as a whole does not know its lines either.
        let lines = Key { feeds: "log_events", ..key.clone() };
        let whole = prefix.is_none() && requested.as_deref().is_some_and(|group| self.is_extra_group(group));
        let Some(answer) = document.response() else {
            if whole {
                self.ledger.page(lines, document, Page { place: place.clone(), ..Page::default() });
            }
            return self.ledger.page(key, document, Page { place, ..Page::default() });
        };
        let newest_first = document.requested("orderBy") == Some("LastEventTime")
            && document.request.as_ref().and_then(|request| request.get("descending")) == Some(&Value::Bool(true));
        let listed = answer.get("logStreams").and_then(Value::as_array);
        let oldest = listed.and_then(|streams| streams.last()?.as_object());
        let ended = oldest.filter(|_| newest_first).and_then(|stream| {
            let since = self.logs_since();
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
        if whole && self.ledger.knows(&lines) {
            let page = Page { last, covered_from, covered_to, place: place.clone(), ..Page::default() };
            self.ledger.page(lines, document, page);
        }
        let page = Page { rows: items.len(), last, covered_from, covered_to, place, ..Page::default() };
        self.ledger.page(key, document, page);
    }

    fn log_stream(&mut self, item: Fields<'_>, document: &Document, requested: Option<&str>) {
        let remarks = &mut self.remarks;
        let Some(log_stream) = item.id("logStreamName", remarks) else { return };
        let arn = item.text("arn", remarks);
        let named = arn.as_deref().filter(|arn| arn.contains(":log-group:")).map(|arn| self.log_group(arn));
        let remarks = &mut self.remarks;
        let Some(log_group) = requested.map(str::to_owned).or(named) else {
            remarks.add(&document.origin, format!("stream {log_stream} names no log group; it was left out"));
            return;
        };
        let last_event_at = item.millis("lastEventTimestamp", remarks);
        if let Some(claimed) = last_event_at {
            let claim = self.logs.claims.entry((log_group.clone(), log_stream.clone())).or_insert(claimed);
            *claim = claimed.max(*claim);
        }
        let first_event_at = item.millis("firstEventTimestamp", &mut self.remarks);
        if let Some(first) = first_event_at {
            self.logs.begins.insert((log_group.clone(), log_stream.clone()), first);
        }
        if !self.is_new("log_streams", &format!("{log_group} {log_stream}")) {
            return;
        }
        let (container, task_id) = self.seen.writer_of(&log_group, &log_stream);
        let remarks = &mut self.remarks;
        let row = LogStreamRow {
            snapshot: self.current.snapshot,
            observed_at: self.current.observed_at,
            container,
            task_id,
            created_at: item.millis("creationTime", remarks),
            first_event_at,
            last_event_at,
            last_ingestion_at: item.millis("lastIngestionTime", remarks),
            raw: item.raw(&[]),
            log_group,
            log_stream,
        };
        self.rows.push(row.into());
    }

    /// Log groups that should be read as a whole, and that no document tells of.
    pub(super) fn unread_groups(&self) -> Vec<(Key, String)> {
        let asked = |group: &str| {
            self.ledger.was_asked(|key| {
                let named = key.parameter("logGroupName").or_else(|| key.parameter("logGroupIdentifier"));
                ["log_streams", "log_events"].contains(&key.feeds)
                    && named.is_some_and(|named| self.log_group(&named) == group)
            })
        };
        let unread = self.log_groups().into_iter().filter(|group| !asked(group));
        unread
            .map(|group| {
                (Key::by(Operation::FilterLogEvents, &serde_json::json!({ log_group_parameter(&group): group })), group)
            })
            .collect()
    }
}
