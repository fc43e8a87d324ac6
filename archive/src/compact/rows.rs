//! Tables of many bundles in few files: rows with the bundle that they are of.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use casefile_evidence::tables;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::entry::Entry;
use crate::error::ArchiveError;

/// The columns that say which bundle a row is of. They stand first, so that a later version can add columns at the end.
pub const COLUMNS: [&str; 4] = ["bundle", "service", "region", "date"];
/// The bytes at which a file is ended.
const FILE_BYTES: usize = 128 << 20;
/// The rows or bytes at which a row group is ended: this bounds the memory.
const GROUP_ROWS: usize = 1_000_000;
const GROUP_BYTES: usize = 32 << 20;

/// The columns of a table in the compacted copy: [`COLUMNS`], and its own apart from those that have these names.
pub fn compacted_schema(table: &tables::Table) -> SchemaRef {
    let of_bundle = COLUMNS.iter().map(|name| Arc::new(Field::new(*name, DataType::Utf8, false)));
    Arc::new(Schema::new(of_bundle.chain(kept(&table.schema).map(|(_, field)| field)).collect::<Vec<_>>()))
}

/// The columns of a table that the copy has, with their places.
fn kept(schema: &SchemaRef) -> impl Iterator<Item = (usize, Arc<Field>)> {
    let fields = schema.fields().iter().cloned().enumerate();
    fields.filter(|(_, field)| !COLUMNS.contains(&field.name().as_str()))
}

/// A batch of a table with the columns of the copy.
pub(crate) fn of_bundle(batch: &RecordBatch, entry: &Entry, schema: &SchemaRef) -> Result<RecordBatch, ArchiveError> {
    let values = [&entry.bundle, &entry.service, &entry.region, &entry.date];
    let constant = |value: &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, batch.num_rows())))
    };
    let own = kept(batch.schema_ref()).map(|(at, _)| Arc::clone(batch.column(at)));
    let columns = values.into_iter().map(constant).chain(own).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(ArchiveError::internal)
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) table: String,
    pub(crate) path: PathBuf,
    pub(crate) rows: u64,
}

/// Writes tables of many bundles into files of a folder.
pub(crate) struct Rows<'a> {
    folder: &'a Path,
    schemas: BTreeMap<&'static str, SchemaRef>,
    open: BTreeMap<&'static str, (ArrowWriter<File>, Part)>,
    parts: Vec<Part>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(folder: &'a Path) -> Self {
        let schemas = tables::all().iter().map(|table| (table.info.name, compacted_schema(table))).collect();
        Self { folder, schemas, open: BTreeMap::new(), parts: Vec::new() }
    }

    /// Adds rows of a table of a bundle. They stand in the order in which they come.
    pub(crate) fn add(&mut self, table: &'static str, batch: &RecordBatch, entry: &Entry) -> Result<(), ArchiveError> {
        let Some(schema) = self.schemas.get(table).filter(|_| batch.num_rows() > 0) else { return Ok(()) };
        let batch = of_bundle(batch, entry, schema)?;
        let (writer, part) = match self.open.entry(table) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(vacant) => {
                let path = self.folder.join(format!("{table}-{}.parquet", self.parts.len()));
                let file =
                    File::create_new(&path).map_err(|source| ArchiveError::File { path: path.clone(), source })?;
                let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties()))
                    .map_err(ArchiveError::internal)?;
                vacant.insert((writer, Part { table: table.to_owned(), path, rows: 0 }))
            }
        };
        let failed = |error: parquet::errors::ParquetError| ArchiveError::File {
            path: part.path.clone(),
            source: std::io::Error::other(error),
        };
        writer.write(&batch).map_err(failed)?;
        if writer.in_progress_size() > GROUP_BYTES || writer.in_progress_rows() >= GROUP_ROWS {
            writer.flush().map_err(failed)?;
        }
        part.rows += batch.num_rows() as u64;
        let is_full = writer.bytes_written() > FILE_BYTES;
        if is_full && let Some(open) = self.open.remove(table) {
            self.end(open)?;
        }
        Ok(())
    }

    fn end(&mut self, (writer, part): (ArrowWriter<File>, Part)) -> Result<(), ArchiveError> {
        writer
            .close()
            .map_err(|error| ArchiveError::File { path: part.path.clone(), source: std::io::Error::other(error) })?;
        self.parts.push(part);
        Ok(())
    }

    /// Ends the files that are open, and gives all of them.
    pub(crate) fn finish(mut self) -> Result<Vec<Part>, ArchiveError> {
        while let Some((_, open)) = self.open.pop_first() {
            self.end(open)?;
        }
        Ok(self.parts)
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("casefile compact 1".to_owned())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Athena, Spark, DuckDB and DataFusion read these alike (no unsigned numbers, no nanoseconds, no views).
    #[test]
    fn every_column_has_a_type_that_all_engines_read() {
        for table in tables::all() {
            let schema = compacted_schema(table);
            let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            for field in schema.fields() {
                let is_plain = matches!(
                    field.data_type(),
                    DataType::Utf8 | DataType::Int64 | DataType::Boolean | DataType::Timestamp(_, _)
                );
                assert!(is_plain, "{}.{} is {}", table.info.name, field.name(), field.data_type());
                let is_lower = field.name().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                assert!(is_lower, "{}.{}", table.info.name, field.name());
            }
            names.sort_unstable();
            let before = names.len();
            names.dedup();
            assert_eq!(names.len(), before, "{}: a name twice", table.info.name);
            assert!(!names.contains(&"month"), "{}: a partition's name", table.info.name);
        }
    }
}
