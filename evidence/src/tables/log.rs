//! CloudWatch Logs.

use crate::name::Name;
use crate::table;
use crate::time::Timestamp;

table! {
    /// One log group that is read, as first seen (`DescribeLogGroups`).
    LogGroupRow => "log_groups", version 1, sort 1 {
        /// The log group: its name; its ARN, where it is not of the service's own account and region.
        log_group: String,
        /// The snapshot that first saw it.
        snapshot: i64,
        /// When it was first observed.
        observed_at: Timestamp,
        /// `retentionInDays`: older lines are gone; null where they are kept for ever.
        retention_days: Option<i64>,
        /// `creationTime`.
        created_at: Option<Timestamp>,
        /// The redacted JSON.
        raw: String,
    }
}

table! {
    /// One log stream that a container of the service writes to, as first seen.
    LogStreamRow => "log_streams", version 1, sort 2 {
        /// The log group: its name; its ARN, where it is not of the service's own account and region.
        log_group: String,
        /// The stream's name; `prefix/container/task-id` with the awslogs driver, `<prefix><container>-firelens-<task-id>` with awsfirelens.
        log_stream: String,
        /// The snapshot that first saw it.
        snapshot: i64,
        /// When it was first observed.
        observed_at: Timestamp,
        /// The container that writes to it; null where its name does not say.
        container: Option<String>,
        /// The task that writes to it; null where its name does not say.
        task_id: Option<String>,
        /// `creationTime`.
        created_at: Option<Timestamp>,
        /// `firstEventTimestamp`.
        first_event_at: Option<Timestamp>,
        /// `lastEventTimestamp`: may lag by an hour.
        last_event_at: Option<Timestamp>,
        /// `lastIngestionTime`.
        last_ingestion_at: Option<Timestamp>,
        /// The redacted JSON.
        raw: String,
    }
}

table! {
    /// One log line.
    LogEventRow => "log_events", version 1, sort 4 {
        /// The log group: its name; its ARN, where it is not of the service's own account and region.
        log_group: Name,
        /// The stream's name.
        log_stream: Name,
        /// When the program wrote it, by its host's clock.
        timestamp: Timestamp,
        /// Its number within the stream. It tells lines of one millisecond apart: they came in this order.
        seq: i64,
        /// The container that wrote it; null where the stream's name does not say.
        container: Option<Name>,
        /// The task that wrote it.
        task_id: Option<Name>,
        /// When CloudWatch had it.
        ingestion_time: Option<Timestamp>,
        /// When it was first observed.
        observed_at: Timestamp,
        /// The snapshot that first saw it.
        snapshot: i64,
        /// The redacted line.
        message: String,
    }
}
