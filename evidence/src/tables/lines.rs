//! Log lines as the answers have them, and how a line that several answers have becomes one row.
//!
//! Reads of a log stream overlap: a line may arrive late, so each read begins before the end of the one before. Every
//! line of every answer is a row here. Where the sorted rows are merged, a line that an earlier read has too is left out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Int64Type, TimestampMillisecondType};

use super::log::LogEventRow;
use crate::error::WriteError;
use crate::name::Name;
use crate::row::Row;
use crate::table;
use crate::time::Timestamp;

table! {
    /// A log line of one answer.
    LineRow => "log_lines", version 1, sort 4 {
        /// The log group's name.
        log_group: Name,
        /// The stream's name.
        log_stream: Name,
        /// When the program wrote it, by its host's clock.
        timestamp: Timestamp,
        /// Its place among all lines of the collection, in the order in which the answers came.
        place: i64,
        /// The read that it came with; null for a row of `log_events`, whose number is its place.
        read: Option<i64>,
        /// Equal for equal messages, by a key of this collection alone, from before redaction.
        hash: i64,
        /// The container that wrote it; null where the stream's name does not say.
        container: Option<Name>,
        /// The task that wrote it.
        task_id: Option<Name>,
        /// When CloudWatch had it.
        ingestion_time: Option<Timestamp>,
        /// When the answer was observed.
        observed_at: Timestamp,
        /// The snapshot of the answer.
        snapshot: i64,
        /// The redacted line.
        message: String,
    }
}

impl From<LogEventRow> for LineRow {
    fn from(row: LogEventRow) -> Self {
        let LogEventRow { log_group, log_stream, timestamp, seq, container, task_id, .. } = row;
        let LogEventRow { ingestion_time, observed_at, snapshot, message, .. } = row;
        Self {
            log_group,
            log_stream,
            timestamp,
            place: seq,
            read: None,
            hash: 0,
            container,
            task_id,
            ingestion_time,
            observed_at,
            snapshot,
            message,
        }
    }
}

impl LineRow {
    /// The row of `log_events`, with its number within the stream.
    fn numbered(self, seq: i64) -> LogEventRow {
        let Self { log_group, log_stream, timestamp, container, task_id, .. } = self;
        let Self { ingestion_time, observed_at, snapshot, message, .. } = self;
        LogEventRow {
            log_group,
            log_stream,
            timestamp,
            seq,
            container,
            task_id,
            ingestion_time,
            observed_at,
            snapshot,
            message,
        }
    }
}

/// How often equal lines were written in one millisecond, by the reads that came so far. One read has each line once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copies {
    written: u32,
    read: i64,
    of_read: u32,
}

impl Copies {
    /// Takes the next of the equal lines, in the order in which they came. Gives whether it is one that no read had before.
    pub fn is_new(&mut self, read: i64) -> bool {
        if self.read != read {
            (self.read, self.of_read) = (read, 0);
        }
        self.of_read += 1;
        let is_new = self.of_read > self.written;
        self.written = self.written.max(self.of_read);
        is_new
    }
}

/// Numbers the lines of each stream, each line once. They come in the order of the table.
#[derive(Default)]
struct Numbering {
    log_group: String,
    log_stream: String,
    timestamp: Timestamp,
    /// The lines of this millisecond, by hash and arrival.
    copies: HashMap<(i64, Option<i64>), Copies>,
    next: i64,
}

impl Numbering {
    fn begin_stream(&mut self, log_group: &str, log_stream: &str) {
        if self.log_group != log_group || self.log_stream != log_stream {
            (self.log_group, self.log_stream) = (log_group.to_owned(), log_stream.to_owned());
            self.copies.clear();
            self.next = 0;
        }
    }

    /// The number of the next line of the stream; `None` where it was there before.
    fn number(&mut self, timestamp: Timestamp, read: i64, hash: i64, ingested: Option<i64>) -> Option<i64> {
        if self.timestamp != timestamp {
            self.timestamp = timestamp;
            self.copies.clear();
        }
        self.copies.entry((hash, ingested)).or_default().is_new(read).then(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

/// The rows of `log_events` of lines, which come in any order.
pub fn distinct(mut lines: Vec<LineRow>) -> Vec<LogEventRow> {
    lines.sort_unstable();
    let mut numbering = Numbering::default();
    let number = |line: LineRow| {
        numbering.begin_stream(&line.log_group, &line.log_stream);
        let seq = match line.read {
            Some(read) => numbering.number(line.timestamp, read, line.hash, line.ingestion_time.map(|at| at.0))?,
            None => line.place,
        };
        Some(line.numbered(seq))
    };
    lines.into_iter().filter_map(number).collect()
}

/// Batches of `log_events`, of batches of lines that are in order.
pub(crate) fn distinct_batches(
    rows: impl Iterator<Item = Result<RecordBatch, WriteError>>,
) -> impl Iterator<Item = Result<RecordBatch, WriteError>> {
    let mut numbering = Numbering::default();
    rows.map(move |batch| {
        let unreadable = || WriteError::io("sort", LineRow::TABLE)(std::io::ErrorKind::InvalidData.into());
        numbered(&batch?, &mut numbering).ok_or_else(unreadable)
    })
}

fn numbered(batch: &RecordBatch, numbering: &mut Numbering) -> Option<RecordBatch> {
    let column = |name: &str| batch.column_by_name(name);
    let texts = |name: &str| column(name)?.as_string_opt::<i32>();
    let numbers = |name: &str| column(name)?.as_primitive_opt::<Int64Type>();
    let times = |name: &str| column(name)?.as_primitive_opt::<TimestampMillisecondType>();
    let (groups, streams): (&StringArray, &StringArray) = (texts("log_group")?, texts("log_stream")?);
    let (written, ingested) = (times("timestamp")?, times("ingestion_time")?);
    let (places, reads, hashes): (&Int64Array, _, _) = (numbers("place")?, numbers("read")?, numbers("hash")?);
    let (mut kept, mut seq) = (Vec::with_capacity(batch.num_rows()), Vec::with_capacity(batch.num_rows()));
    for (row, index) in (0..batch.num_rows()).zip(0_u32..) {
        numbering.begin_stream(groups.value(row), streams.value(row));
        let number = if reads.is_null(row) {
            Some(places.value(row))
        } else {
            let ingested = ingested.is_valid(row).then(|| ingested.value(row));
            numbering.number(Timestamp(written.value(row)), reads.value(row), hashes.value(row), ingested)
        };
        if let Some(number) = number {
            kept.push(index);
            seq.push(number);
        }
    }
    let rows = if kept.len() == batch.num_rows() {
        batch.clone()
    } else {
        take_record_batch(batch, &UInt32Array::from(kept)).ok()?
    };
    let seq: ArrayRef = Arc::new(Int64Array::from(seq));
    let schema = LogEventRow::schema();
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "seq" => Some(Arc::clone(&seq)),
        name => rows.column_by_name(name).cloned(),
    });
    RecordBatch::try_new(LogEventRow::schema(), columns.collect::<Option<Vec<_>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::Columns;

    fn line(timestamp: i64, hash: i64, read: i64, place: i64) -> LineRow {
        let message = format!("{timestamp} {hash}");
        LineRow { timestamp: Timestamp(timestamp), hash, read: Some(read), place, message, ..LineRow::default() }
    }

    fn batch(lines: &[LineRow]) -> RecordBatch {
        let mut columns = <LineRow as Row>::Columns::default();
        lines.iter().for_each(|line| columns.append(line));
        RecordBatch::try_new(LineRow::schema(), columns.finish()).unwrap()
    }

    fn messages(rows: &[LogEventRow]) -> Vec<(i64, &str)> {
        rows.iter().map(|row| (row.seq, row.message.as_str())).collect()
    }

    #[test]
    fn what_a_later_read_has_again_is_left_out() {
        // The second read has a line that came late, and a third copy of a line.
        let first = [line(1, 7, 1, 0), line(2, 8, 1, 1), line(2, 8, 1, 2)];
        let second = [line(1, 9, 2, 3), line(1, 7, 2, 4), line(2, 8, 2, 5), line(2, 8, 2, 6), line(2, 8, 2, 7)];
        let rows = distinct([first.as_slice(), second.as_slice()].concat());
        assert_eq!(messages(&rows), [(0, "1 7"), (1, "1 9"), (2, "2 8"), (3, "2 8"), (4, "2 8")]);
    }

    #[test]
    fn rows_of_a_bundle_keep_their_numbers() {
        let row = |seq| LogEventRow { seq, message: "same".to_owned(), ..LogEventRow::default() };
        let rows = distinct(vec![row(9).into(), row(4).into()]);
        assert_eq!(rows, [row(4), row(9)]);
    }

    proptest! {
        /// A stream is written; each read has its lines from a moment on, as far as they had arrived.
        #[test]
        fn each_line_once_however_reads_overlap(
            written in proptest::collection::vec((0_i64..6, 0_i64..3, 0_i64..8), 0..40),
            mut reads in proptest::collection::vec((0_i64..8, 0_i64..6), 1..6),
            size in 1_usize..7,
        ) {
            // Reads are made one after the other, and the last one has everything.
            reads.sort_unstable();
            reads.push((i64::MAX, 0));
            let mut in_order = written.clone();
            in_order.sort_unstable();
            let mut lines = Vec::new();
            for (number, (now, from)) in (1..).zip(reads) {
                for (timestamp, hash, arrival) in in_order.iter().filter(|line| line.2 <= now && line.0 >= from) {
                    // The arrival does not tell them apart here, so copies must be counted.
                    let _ = arrival;
                    lines.push(line(*timestamp, *hash, number, i64::try_from(lines.len()).unwrap()));
                }
            }
            let rows = distinct(lines.clone());
            let mut expected: Vec<String> = written.iter().map(|(at, hash, _)| format!("{at} {hash}")).collect();
            let mut got: Vec<String> = rows.iter().map(|row| row.message.clone()).collect();
            expected.sort_unstable();
            got.sort_unstable();
            prop_assert_eq!(got, expected);
            lines.sort_unstable();
            let batches = lines.chunks(size).map(|lines| Ok(batch(lines)));
            let of_batches: Vec<LogEventRow> =
                distinct_batches(batches).flat_map(|batch| LogEventRow::from_batch(&batch.unwrap()).unwrap()).collect();
            prop_assert_eq!(of_batches, rows);
        }
    }
}
