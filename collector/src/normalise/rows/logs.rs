//! Rows of log groups, log streams and log lines.

use casefile_evidence::tables::{LogGroupRow, LogStreamRow};
use casefile_evidence::{LineRow, Timestamp};

use crate::document::{LogEvent, Read};
use crate::normalise::coverage::Names;
use crate::normalise::fields::Fields;
use crate::normalise::{Current, Remarks};

pub(crate) fn log_group(item: Fields<'_>, log_group: String, at: Current, remarks: &mut Remarks) -> LogGroupRow {
    LogGroupRow {
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        retention_days: item.int("retentionInDays", remarks).filter(|days| *days > 0),
        created_at: item.millis("creationTime", remarks),
        raw: item.raw(&[]),
        log_group,
    }
}

/// `writer`: the container and the task that write it, as far as they are known.
pub(crate) fn log_stream(
    item: Fields<'_>,
    (log_group, log_stream): (String, String),
    (container, task_id): (Option<String>, Option<String>),
    at: Current,
    remarks: &mut Remarks,
) -> LogStreamRow {
    LogStreamRow {
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        container,
        task_id,
        created_at: item.millis("creationTime", remarks),
        first_event_at: item.millis("firstEventTimestamp", remarks),
        last_event_at: item.millis("lastEventTimestamp", remarks),
        last_ingestion_at: item.millis("lastIngestionTime", remarks),
        raw: item.raw(&[]),
        log_group,
        log_stream,
    }
}

/// The `place`th line.
pub(crate) fn line(
    event: LogEvent,
    origin: &str,
    names: &Names,
    read: Read,
    place: i64,
    at: Current,
    remarks: &mut Remarks,
) -> Option<LineRow> {
    let Current { snapshot, observed_at, .. } = at;
    let (mut message, mut ingestion_time) = (event.message, event.ingestion_time.map(Timestamp));
    let mut timestamp = event.timestamp.map(Timestamp);
    if let Some(rest) = event.rest.as_deref() {
        // What has another type than the API's may be readable all the same.
        let rest = Fields::of(rest, origin, "events", remarks)?;
        message = message.or_else(|| rest.text("message", remarks));
        ingestion_time = ingestion_time.or_else(|| rest.millis("ingestionTime", remarks));
        timestamp = timestamp.or_else(|| rest.millis("timestamp", remarks));
    }
    let timestamp = timestamp.unwrap_or_else(|| {
        let remark = "a log event has no timestamp; the time it arrived stands for it".to_owned();
        remarks.add(origin, remark);
        ingestion_time.unwrap_or(observed_at)
    });
    let Names { log_group, log_stream, container, task_id } = names.clone();
    Some(LineRow {
        log_group,
        log_stream,
        timestamp,
        place,
        read: Some(read.id),
        hash: event.hash,
        container,
        task_id,
        ingestion_time,
        observed_at,
        snapshot,
        message: message.unwrap_or_default(),
    })
}
