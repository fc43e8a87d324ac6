//! Batches of `log_events`: thousands of lines at a time.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{Partitions, cast, partition};
use arrow::datatypes::{DataType, Int32Type};
use casefile_evidence::Timestamp;

use super::matcher::{Line, Scanner};
use super::screen::NOTABLE;
use crate::error::AnalyzeError;
use crate::sandbox::as_of;

/// The columns that are read.
pub(crate) const LINE_COLUMNS: [&str; 9] =
    ["log_group", "log_stream", "timestamp", "seq", "container", "task_id", "ingestion_time", "observed_at", "message"];
/// Those of them that say who wrote the line. They are the same for many lines in a row.
pub(crate) const WRITER_COLUMNS: [&str; 4] = ["log_group", "log_stream", "container", "task_id"];

/// The columns of a batch.
struct Lines {
    /// [`WRITER_COLUMNS`], each as a dictionary.
    writers: [ArrayRef; 4],
    timestamp: TimestampMillisecondArray,
    seq: Int64Array,
    ingestion_time: TimestampMillisecondArray,
    message: StringArray,
    /// [`NOTABLE`]; every line is, where there is no screen.
    notable: BooleanBuffer,
}

impl Lines {
    fn of(batch: &RecordBatch) -> Result<Self, AnalyzeError> {
        fn column<T: Clone + 'static>(batch: &RecordBatch, name: &str) -> Result<T, AnalyzeError> {
            let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<T>());
            column.cloned().ok_or_else(|| AnalyzeError::internal(format!("log_events.{name} has another type")))
        }
        let writer = |name: &str| match batch.column_by_name(name) {
            Some(column) => cast(column, &dictionary()).map_err(AnalyzeError::internal),
            None => Err(AnalyzeError::internal(format!("log_events.{name} is not there"))),
        };
        let [group, stream, container, task] = WRITER_COLUMNS;
        Ok(Self {
            writers: [writer(group)?, writer(stream)?, writer(container)?, writer(task)?],
            timestamp: column(batch, "timestamp")?,
            seq: column(batch, "seq")?,
            ingestion_time: column(batch, "ingestion_time")?,
            message: column(batch, "message")?,
            notable: match batch.column_by_name(NOTABLE) {
                Some(_) => column::<BooleanArray>(batch, NOTABLE)?.values().clone(),
                None => BooleanBuffer::new_set(batch.num_rows()),
            },
        })
    }

    /// The rows, parted where the writer changes.
    fn by_writer(&self) -> Result<Partitions, AnalyzeError> {
        let keys =
            |writer: &ArrayRef| Some(Arc::new(writer.as_dictionary_opt::<Int32Type>()?.keys().clone()) as ArrayRef);
        let keys: Vec<ArrayRef> = self.writers.iter().filter_map(keys).collect();
        partition(&keys).map_err(AnalyzeError::internal)
    }

    fn line(&self, row: usize) -> Line<'_> {
        let [group, stream, container, task] = &self.writers;
        let writer = Line {
            log_group: name(group, row).unwrap_or_default(),
            log_stream: name(stream, row).unwrap_or_default(),
            container: name(container, row),
            task_id: name(task, row),
            timestamp: Timestamp(0),
            seq: 0,
            ingestion_time: None,
            message: "",
        };
        self.by(writer, row)
    }

    /// A row by the same writer as another line.
    fn by<'a>(&'a self, other: Line<'a>, row: usize) -> Line<'a> {
        Line {
            timestamp: Timestamp(self.timestamp.value(row)),
            seq: self.seq.value(row),
            ingestion_time: self.ingestion_time.is_valid(row).then(|| Timestamp(self.ingestion_time.value(row))),
            message: self.message.value(row),
            ..other
        }
    }
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn name(column: &ArrayRef, row: usize) -> Option<&str> {
    let column = column.as_dictionary_opt::<Int32Type>()?;
    let names = column.values().as_string_opt::<i32>()?;
    column.key(row).filter(|name| *name < names.len()).map(|name| names.value(name))
}

impl Scanner {
    /// A batch of `log_events`, in the order of the table: the rows that had been observed at a moment. Its messages are
    /// searched here, unless that was done before ([`Screen::marked`](super::Screen::marked)).
    pub(crate) fn batch(&mut self, batch: &RecordBatch, moment: Option<Timestamp>) -> Result<(), AnalyzeError> {
        let batch = match &self.screen {
            Some(screen) if batch.column_by_name(NOTABLE).is_none() => screen.marked(batch)?,
            _ => batch.clone(),
        };
        let lines = match moment {
            Some(moment) => Lines::of(&as_of(&batch, moment)?)?,
            None => Lines::of(&batch)?,
        };
        let mut next = lines.notable.set_indices().peekable();
        for rows in lines.by_writer()?.ranges() {
            let first = lines.line(rows.start);
            self.comes_to(&first);
            self.matches.streams.take(&first, rows.clone().map(|row| lines.by(first, row)));
            let every_line_counts = first.task_id.is_some_and(|task| self.matches.tails.is_of(task));
            let mut row = rows.start;
            while row < rows.end {
                if !every_line_counts && !self.is_amid() {
                    while next.next_if(|notable| *notable < row).is_some() {}
                    match next.peek() {
                        Some(notable) if *notable < rows.end => row = *notable,
                        _ => break,
                    }
                }
                self.take(lines.by(first, row));
                row += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, Schema};
    use casefile_evidence::tables::LogEventRow;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::signature::{Ended, Looks, Matches, Pattern, Signature};
    use crate::tables::{batch, texts, to_batches};

    const SIGNATURES: &str = r#"
        [[signature]]
        id = "app.upgrade"
        title = "app.upgrade"
        expect = "success"
        within = "150s"
        pattern = 'Running upgrade \S* -> \w+'

        [[signature]]
        id = "app.failed"
        title = "app.failed"
        expect = "failure"
        pattern = '(?i)\bfatal|^(ERROR|panic):'

        [[signature]]
        id = "app.refused"
        title = "app.refused"
        expect = "failure"
        contains = 'refused "x"'

        [[signature]]
        id = "app.level"
        title = "app.level"
        expect = "failure"
        json = { level = "^(ERROR|FATAL)$", code = "^50[0-9]$" }
    "#;

    const PIECES: [&str; 26] = [
        "made 0007!",
        "made 0",
        "Running upgrade ",
        "a1 -> b2",
        "Run",
        "ning upgrade x -> y",
        "Fatal",
        "FAT",
        "al",
        "ERROR:",
        "panic",
        ":",
        "refused \"x\"",
        "\u{1b}[31m",
        "\\u001b[0m",
        "\u{fffd}[1m",
        r#"{"level":"ERROR","code":500}"#,
        r#"{"level":"\u0045RROR","code":503}"#,
        r#"{"level":"INFO","code":200}"#,
        r#"{"log":"Running upgrade a \u002d> b\n","source":"stdout"}"#,
        "Traceback (most recent call last):",
        "  File \"a\"",
        "ValueError: refused",
        " ",
        "\n",
        "é",
    ];

    #[derive(serde::Deserialize)]
    struct File {
        signature: Vec<Signature>,
    }

    /// The signatures, and `more` made ones, for more texts than one search finds. The last lines of task `t1` are kept.
    fn scanner(more: usize) -> Scanner {
        let file: File = toml::from_str(SIGNATURES).unwrap();
        let mut patterns: Vec<_> = file.signature.iter().map(|signature| signature.compile().unwrap()).collect();
        let made = |number| Pattern { looks: Looks::Text(format!("made {number:04}!")), ..patterns[1].clone() };
        patterns.extend((0..more).map(made).collect::<Vec<_>>());
        let mut scanner = Scanner::new(&patterns).unwrap().of_batches(&patterns);
        let ends = batch(vec![("task_id", false, texts([Some("t1")].into_iter()))]).unwrap();
        scanner.keep_tails(Ended::from_views(&[ends], &[]));
        scanner.bound(Timestamp(2));
        scanner
    }

    /// Lines of a few streams, in the order of the table. Some are as long as a part of a line.
    fn lines() -> impl Strategy<Value = Vec<LogEventRow>> {
        let message = prop_oneof![
            8 => prop::collection::vec(select(&PIECES[..]), 0..5).prop_map(|pieces| pieces.concat()),
            1 => Just("Running upgrade a -> b".to_owned() + &"x".repeat(16_384 - 22)),
        ];
        let line = (0..3_u8, 0..5_i64, 0..3_i64, message).prop_map(|(stream, at, seen, message)| LogEventRow {
            log_group: "g".into(),
            log_stream: format!("s{stream}").into(),
            timestamp: Timestamp(at),
            task_id: (stream > 0).then(|| format!("t{stream}").into()),
            container: (at > 0).then(|| "app".into()),
            ingestion_time: (at > 1).then_some(Timestamp(7)),
            observed_at: Timestamp(seen),
            message,
            ..Default::default()
        });
        prop::collection::vec(line, 0..60).prop_map(|mut lines| {
            lines.sort();
            lines.iter_mut().zip(0..).for_each(|(line, seq)| line.seq = seq);
            lines
        })
    }

    /// Batches as a reader gives them: parts of larger arrays, with the names as texts or as dictionaries.
    fn batches(lines: &[LogEventRow], rows: usize, with_names: bool) -> Vec<RecordBatch> {
        let whole = to_batches(lines).unwrap();
        let parts = whole.iter().flat_map(|batch| {
            let starts = (0..batch.num_rows()).step_by(rows);
            starts.map(|start| batch.slice(start, rows.min(batch.num_rows() - start)))
        });
        let dictionary = |batch: RecordBatch| {
            let column =
                |(field, column): (&Arc<Field>, &ArrayRef)| match WRITER_COLUMNS.contains(&field.name().as_str()) {
                    true if with_names => cast(column, &dictionary()).unwrap(),
                    _ => Arc::clone(column),
                };
            let schema = batch.schema();
            let columns: Vec<ArrayRef> = schema.fields().iter().zip(batch.columns()).map(column).collect();
            let fields = schema.fields().iter().zip(&columns);
            let fields: Vec<_> = fields
                .map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()))
                .collect();
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
        };
        parts.map(dictionary).collect()
    }

    proptest! {
        #[test]
        fn lines_that_are_passed_over_match_nothing(
            lines in lines(),
            rows in 1..70_usize,
            with_names in any::<bool>(),
            moment in prop::option::of(0..3_i64),
            more in select(&[0, 100, 1000][..]),
        ) {
            let moment = moment.map(Timestamp);
            let one_by_one: Matches = {
                let mut scanner = scanner(more);
                let is_seen = |line: &&LogEventRow| moment.is_none_or(|moment| line.observed_at <= moment);
                lines.iter().filter(is_seen).for_each(|line| scanner.row(line));
                scanner.into_matches()
            };
            let at_once = |mut scanner: Scanner| {
                batches(&lines, rows, with_names).iter().for_each(|batch| scanner.batch(batch, moment).unwrap());
                scanner.into_matches()
            };
            let screened = scanner(more);
            prop_assert!(screened.screen.is_some());
            let mut unscreened = screened.clone();
            unscreened.screen = None;
            prop_assert_eq!(&at_once(screened), &one_by_one);
            prop_assert_eq!(&at_once(unscreened), &one_by_one);
        }
    }
}
