//! One table of a bundle as a Parquet file: the same rows give the same bytes.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::bag::{Digest, HashingWriter};
use crate::batches::{Batches, Limits};
use crate::error::WriteError;
use crate::manifest::{FORMAT, TableEntry};
use crate::row::Row;
use crate::sort::{Sorted, Sorter};

/// Rows that are encoded at a time. Part of the format's determinism: the same rows make the same
/// batches, pages and row groups.
const LIMITS: Limits = Limits { rows: 4096, weight: 8 << 20 };
/// A row group ends once its encoded columns hold about this many bytes.
const ROW_GROUP_BYTES: usize = 24 << 20;
/// A row group never holds more rows than this.
const ROW_GROUP_ROWS: usize = 256 * 1024;

/// A table that is on disk.
pub(crate) struct WrittenTable {
    pub(crate) name: &'static str,
    pub(crate) entry: TableEntry,
    pub(crate) digest: Digest,
    pub(crate) length: u64,
}

/// Writes one table of the bundle. `stored` makes its rows of the sorted ones.
pub(crate) fn write_table<R: Row, W: Row, I: Iterator<Item = Result<RecordBatch, WriteError>> + Send>(
    sorter: Sorter<W>,
    data: &Path,
    stored: impl FnOnce(Sorted) -> I,
) -> Result<WrittenTable, WriteError> {
    let info = R::info();
    let file = format!("{}.parquet", R::TABLE);
    let path = data.join(&file);
    let rows = sorter.finish()?;
    let out = File::create(&path).map_err(WriteError::io("create", &path))?;
    let out = HashingWriter::new(out);
    let (out, count) = match rows {
        Sorted::Memory(_) => write_batches::<R, _>(stored(rows), out, properties::<R>()?)?,
        Sorted::Merge(_) => write_merged::<R, _>(stored(rows), out, properties::<R>()?)?,
    };
    let (out, digest, length) = out.finish();
    out.sync_all().map_err(WriteError::io("write", &path))?;
    let sort_key = info.columns[..info.sort_key].iter().map(|column| column.name.to_owned()).collect();
    Ok(WrittenTable {
        name: R::TABLE,
        entry: TableEntry { file, rows: count, version: R::VERSION, sort_key },
        digest,
        length,
    })
}

/// Fixed, so that the same rows give the same bytes whoever writes them.
fn properties<R: Row>() -> Result<WriterProperties, WriteError> {
    let info = R::info();
    let sorting = (0_i32..)
        .take(info.sort_key)
        .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
        .collect();
    let level = ZstdLevel::try_new(3).map_err(WriteError::table(R::TABLE))?;
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("casefile bundle format {FORMAT}"))
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_sorting_columns(Some(sorting));
    // Lines and documents hardly repeat: a dictionary of them costs memory and gains nothing.
    for column in info.columns.iter().filter(|column| matches!(column.name, "message" | "raw")) {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(column.name), false)
            .set_column_statistics_enabled(ColumnPath::from(column.name), EnabledStatistics::None);
    }
    Ok(properties.build())
}

/// Streams rows into a Parquet file; gives back what it wrote to, and how many rows there were.
fn write_batches<R: Row, W: Write + Send>(
    rows: impl Iterator<Item = Result<RecordBatch, WriteError>>,
    out: W,
    properties: WriterProperties,
) -> Result<(W, u64), WriteError> {
    let mut table = TableWriter::<W>::new::<R>(out, properties)?;
    Batches::<R, _>::of(rows, LIMITS).try_for_each(|batch| table.write(&batch?))?;
    table.finish()
}

/// As [`write_batches`], for rows that must be read and merged first: that is one thread's work, and encoding another's.
fn write_merged<R: Row, W: Write + Send>(
    rows: impl Iterator<Item = Result<RecordBatch, WriteError>> + Send,
    out: W,
    properties: WriterProperties,
) -> Result<(W, u64), WriteError> {
    let mut table = TableWriter::<W>::new::<R>(out, properties)?;
    let (sink, merged) = sync_channel::<Result<RecordBatch, WriteError>>(2);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for batch in Batches::<R, _>::of(rows, LIMITS) {
                let ends = batch.is_err();
                // Nobody takes it where writing failed.
                if sink.send(batch).is_err() || ends {
                    return;
                }
            }
        });
        merged.into_iter().try_for_each(|batch| table.write(&batch?))
    })?;
    table.finish()
}

/// A Parquet file that grows.
struct TableWriter<W: Write + Send> {
    table: &'static str,
    writer: ArrowWriter<W>,
    count: u64,
}

impl<W: Write + Send> TableWriter<W> {
    fn new<R: Row>(out: W, properties: WriterProperties) -> Result<Self, WriteError> {
        let writer = ArrowWriter::try_new(out, R::schema(), Some(properties)).map_err(WriteError::table(R::TABLE))?;
        Ok(Self { table: R::TABLE, writer, count: 0 })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        let failed = WriteError::table(self.table);
        self.count += batch.num_rows() as u64;
        self.writer.write(batch).map_err(&failed)?;
        if self.writer.in_progress_size() > ROW_GROUP_BYTES { self.writer.flush().map_err(&failed) } else { Ok(()) }
    }

    fn finish(self) -> Result<(W, u64), WriteError> {
        let out = self.writer.into_inner().map_err(WriteError::table(self.table))?;
        Ok((out, self.count))
    }
}
