//! Reading a bundle that was found sound.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::reader::ChunkReader;

use crate::archive::{self, Unpacked};
use crate::bag::Digest;
use crate::error::{OpenError, ReadError};
use crate::files::Bag;
use crate::manifest::Manifest;
use crate::pages::AllGroups;
use crate::row::Row;
use crate::schema::schema_difference;
use crate::tables;
use crate::verify::{sound, verify};

/// Rows of a batch.
const BATCH_ROWS: usize = 4096;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ReadError>> + Send>;

/// A sealed bundle whose every file was checked against its seal.
#[derive(Debug, Clone)]
pub struct Bundle {
    root: PathBuf,
    digest: Digest,
    manifest: Manifest,
    /// The files of an archive, as long as anybody reads them.
    unpacked: Option<Arc<Unpacked>>,
}

impl Bundle {
    /// Opens a bundle, checking all of it first.
    ///
    /// # Errors
    /// [`OpenError`]: it is not what was sealed, or no bundle, or not there.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        if path.is_file() && archive::is_archive(path) {
            return Self::unpacked(archive::unpack(path)?, path);
        }
        let (digest, manifest) = verify(path)?;
        Ok(Self { root: path.to_owned(), digest, manifest, unpacked: None })
    }

    /// As [`Bundle::open`], of a bundle that is one file and in memory. `name` stands for its path.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn in_memory(file: &[u8], name: &Path) -> Result<Self, OpenError> {
        Self::unpacked(archive::unpack_in_memory(file, name)?, name)
    }

    fn unpacked(unpacked: Unpacked, path: &Path) -> Result<Self, OpenError> {
        let (digest, manifest) = sound(unpacked.bag(), path)?;
        Ok(Self { root: path.to_owned(), digest, manifest, unpacked: Some(Arc::new(unpacked)) })
    }

    /// Where it stands.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that its tables are in. Those of an archive are written to one, which lasts as long as the bundle.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn data_folder(&self) -> Result<PathBuf, ReadError> {
        let folder = match &self.unpacked {
            Some(unpacked) => unpacked.folder().map_err(|source| self.unreadable(source))?,
            None => &self.root,
        };
        Ok(folder.join("data"))
    }

    fn unreadable(&self, source: std::io::Error) -> ReadError {
        ReadError::Io { path: self.root.clone(), source }
    }

    /// The sha256 of its `tagmanifest-sha256.txt`, which fixes every byte of it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether it has a table: one of an older version may lack it.
    pub fn has_table(&self, table: &str) -> bool {
        self.manifest.tables.contains_key(table)
    }

    /// Every row of a table, in its order. For tables of tens of thousands of rows; log lines are
    /// read with [`Bundle::batches`].
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub fn rows<R: Row>(&self) -> Result<Vec<R>, ReadError> {
        self.row_batches()?.try_fold(Vec::new(), |mut rows, batch| {
            rows.extend(batch?);
            Ok(rows)
        })
    }

    /// The rows of a table, in its order, a few thousand at a time.
    ///
    /// # Errors
    /// As [`Bundle::rows`].
    pub fn row_batches<R: Row>(&self) -> Result<impl Iterator<Item = Result<Vec<R>, ReadError>> + use<R>, ReadError> {
        let batches = self.batches(R::TABLE)?;
        Ok(batches.map(|batch| {
            let batch = batch?;
            R::from_batch(&batch).ok_or_else(|| mismatch(R::TABLE, batch.schema_ref()))
        }))
    }

    /// The batches of a table, in its order, a few thousand rows at a time.
    ///
    /// # Errors
    /// Where the table cannot be opened, or has not exactly the schema of its version.
    pub fn batches(
        &self,
        table: &str,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<>, ReadError> {
        self.columns(table, None)
    }

    /// As [`Bundle::batches`], with just these columns, in this order; all of them where none are named.
    ///
    /// # Errors
    /// As [`Bundle::batches`], and for a column that the table does not have.
    pub fn columns(
        &self,
        table: &str,
        columns: Option<&[usize]>,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<>, ReadError> {
        self.read(table, columns, &[])
    }

    /// As [`Bundle::columns`]. Those of `names` come as dictionaries of texts: where many rows have the same few names, each
    /// is read once.
    ///
    /// # Errors
    /// As [`Bundle::columns`].
    pub fn columns_with_names(
        &self,
        table: &str,
        columns: &[usize],
        names: &[usize],
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<>, ReadError> {
        self.read(table, Some(columns), names)
    }

    fn read(&self, table: &str, columns: Option<&[usize]>, names: &[usize]) -> Result<Batches, ReadError> {
        let file = &self.manifest.tables.get(table).ok_or_else(|| no_such_table(table))?.file;
        let batches: Batches = match self.unpacked.as_ref().map(|unpacked| unpacked.bag()) {
            Some(bag @ Bag::Memory(_)) => {
                let bytes = bag.read(&format!("data/{file}")).map_err(|source| self.unreadable(source))?;
                Box::new(read_columns(bytes, table, columns, names)?)
            }
            _ => Box::new(read_columns(open(self.data_folder()?.join(file))?, table, columns, names)?),
        };
        Ok(batches)
    }
}

/// The batches of a table's file, which its reader has checked against its seal.
///
/// # Errors
/// As [`Bundle::batches`].
pub fn read_table(
    path: PathBuf,
    table: &str,
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<>, ReadError> {
    read_columns(open(path)?, table, None, &[])
}

/// As [`read_table`], of a file in memory.
///
/// # Errors
/// As [`Bundle::batches`].
pub fn read_table_in_memory(
    file: Bytes,
    table: &str,
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<>, ReadError> {
    read_columns(file, table, None, &[])
}

fn open(path: PathBuf) -> Result<File, ReadError> {
    File::open(&path).map_err(|source| ReadError::Io { path, source })
}

fn read_columns<F: ChunkReader + 'static>(
    file: F,
    table: &str,
    columns: Option<&[usize]>,
    names: &[usize],
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<F>, ReadError> {
    let schema = &tables::by_name(table).ok_or_else(|| no_such_table(table))?.schema;
    let unreadable = |source| ReadError::Parquet { table: table.to_owned(), source };
    let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()).map_err(unreadable)?;
    if schema_difference(footer.schema(), schema).is_some() {
        return Err(mismatch(table, footer.schema()));
    }
    let stored = footer.schema().fields().len();
    let (footer, schema) = match names {
        [] => (footer, Arc::clone(schema)),
        names => {
            let options = ArrowReaderOptions::new().with_schema(Arc::new(with_names(footer.schema(), names)));
            let metadata = Arc::clone(footer.metadata());
            (ArrowReaderMetadata::try_new(metadata, options).map_err(unreadable)?, Arc::new(with_names(schema, names)))
        }
    };
    let stored_columns = footer.parquet_schema();
    let wanted: Vec<usize> = columns.map_or_else(|| (0..schema.fields().len()).collect(), <[usize]>::to_vec);
    // A mask reads columns in the file's order: theirs among those that are read.
    let read: BTreeSet<usize> = wanted.iter().copied().filter(|column| *column < stored).collect();
    let mask = ProjectionMask::roots(stored_columns, read.iter().copied());
    let levels = parquet_to_arrow_field_levels(stored_columns, mask, Some(footer.schema().fields()));
    let groups = AllGroups { file: Arc::new(file), metadata: Arc::clone(footer.metadata()) };
    // The reader allocates room for a batch.
    let rows = groups.num_rows().clamp(1, BATCH_ROWS);
    let reader = levels
        .and_then(|levels| ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, rows, None))
        .map_err(unreadable)?;
    let (table, schema) = (table.to_owned(), Arc::new(schema.project(&wanted).map_err(unreadable_arrow(table))?));
    Ok(reader.map(move |batch| {
        let batch = batch.map_err(unreadable_arrow(&table))?;
        let column = |wanted: (&usize, &Arc<Field>)| match read.contains(wanted.0) {
            true => Arc::clone(batch.column(read.range(..wanted.0).count())),
            false => new_null_array(wanted.1.data_type(), batch.num_rows()),
        };
        let columns = wanted.iter().zip(schema.fields()).map(column).collect();
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &rows).map_err(unreadable_arrow(&table))
    }))
}

/// A schema in which these columns are dictionaries of texts.
fn with_names(schema: &Schema, names: &[usize]) -> Schema {
    let field = |(place, field): (usize, &Arc<Field>)| match names.contains(&place) {
        true => {
            let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(dictionary))
        }
        false => Arc::clone(field),
    };
    Schema::new(schema.fields().iter().enumerate().map(field).collect::<Vec<_>>())
}

fn no_such_table(table: &str) -> ReadError {
    ReadError::Schema { table: table.to_owned(), difference: "there is no such table".to_owned() }
}

fn unreadable_arrow(table: &str) -> impl Fn(ArrowError) -> ReadError + use<> {
    let table = table.to_owned();
    move |source| ReadError::Arrow { table: table.clone(), source }
}

fn mismatch(table: &str, found: &Schema) -> ReadError {
    let difference = tables::by_name(table)
        .and_then(|expected| schema_difference(found, &expected.schema))
        .unwrap_or_else(|| "a batch differs from the file's schema".to_owned());
    ReadError::Schema { table: table.to_owned(), difference }
}
