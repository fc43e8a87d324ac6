//! Reading a bundle that was found sound.

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{self, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;

use crate::archive::{self, Unpacked};
use crate::bag::Digest;
use crate::error::{OpenError, ReadError};
use crate::files::Bag;
use crate::manifest::Manifest;
use crate::pages::Groups;
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
        RowGroups::of(self.file(table)?, table, columns, &[])?.all()
    }

    /// As [`Bundle::columns`], to be read a row group at a time. Those of `names` come as dictionaries of texts: where many rows
    /// have the same few names, each is read once.
    ///
    /// # Errors
    /// As [`Bundle::columns`].
    pub fn row_groups(&self, table: &str, columns: &[usize], names: &[usize]) -> Result<RowGroups, ReadError> {
        RowGroups::of(self.file(table)?, table, Some(columns), names)
    }

    fn file(&self, table: &str) -> Result<TableFile, ReadError> {
        let file = &self.manifest.tables.get(table).ok_or_else(|| no_such_table(table))?.file;
        Ok(match self.unpacked.as_ref().map(|unpacked| unpacked.bag()) {
            Some(bag @ Bag::Memory(_)) => {
                TableFile::Memory(bag.read(&format!("data/{file}")).map_err(|source| self.unreadable(source))?)
            }
            _ => TableFile::Path(self.data_folder()?.join(file)),
        })
    }
}

/// Where the file of a table is.
#[derive(Debug)]
enum TableFile {
    Path(PathBuf),
    Memory(Bytes),
}

/// The batches of a table's file, which its reader has checked against its seal.
///
/// # Errors
/// As [`Bundle::batches`].
pub fn read_table(
    path: PathBuf,
    table: &str,
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<>, ReadError> {
    RowGroups::of(TableFile::Path(path), table, None, &[])?.all()
}

/// As [`read_table`], of a file in memory.
///
/// # Errors
/// As [`Bundle::batches`].
pub fn read_table_in_memory(
    file: Bytes,
    table: &str,
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<>, ReadError> {
    RowGroups::of(TableFile::Memory(file), table, None, &[])?.all()
}

fn open(path: &Path) -> Result<File, ReadError> {
    File::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })
}

/// Columns of a table, to be read a row group at a time, by any number of threads.
#[derive(Debug)]
pub struct RowGroups {
    file: TableFile,
    table: String,
    footer: ArrowReaderMetadata,
    /// The table's schema, with those columns as dictionaries that are names.
    schema: Schema,
    wanted: Vec<usize>,
    /// Those of them that the file has.
    read: BTreeSet<usize>,
}

impl RowGroups {
    fn of(file: TableFile, table: &str, columns: Option<&[usize]>, names: &[usize]) -> Result<Self, ReadError> {
        let schema = &tables::by_name(table).ok_or_else(|| no_such_table(table))?.schema;
        let unreadable = |source| ReadError::Parquet { table: table.to_owned(), source };
        let footer = match &file {
            TableFile::Path(path) => ArrowReaderMetadata::load(&open(path)?, ArrowReaderOptions::default()),
            TableFile::Memory(bytes) => ArrowReaderMetadata::load(bytes, ArrowReaderOptions::default()),
        };
        let footer = footer.map_err(unreadable)?;
        if schema_difference(footer.schema(), schema).is_some() {
            return Err(mismatch(table, footer.schema()));
        }
        let stored = footer.schema().fields().len();
        let (footer, schema) = match names {
            [] => (footer, schema.as_ref().clone()),
            names => {
                let options = ArrowReaderOptions::new().with_schema(Arc::new(with_names(footer.schema(), names)));
                let metadata = Arc::clone(footer.metadata());
                let footer = ArrowReaderMetadata::try_new(metadata, options).map_err(unreadable)?;
                (footer, with_names(schema, names))
            }
        };
        let wanted: Vec<usize> = columns.map_or_else(|| (0..schema.fields().len()).collect(), <[usize]>::to_vec);
        let read = wanted.iter().copied().filter(|column| *column < stored).collect();
        Ok(Self { file, table: table.to_owned(), footer, schema, wanted, read })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.footer.metadata().num_row_groups()
    }

    /// About how many bytes a batch takes. All columns of the file count, also those that are not read.
    pub fn batch_bytes(&self) -> usize {
        let groups = self.footer.metadata().row_groups();
        let bytes: i64 = groups.iter().map(RowGroupMetaData::total_byte_size).sum();
        let rows: i64 = groups.iter().map(RowGroupMetaData::num_rows).sum();
        usize::try_from(bytes / rows.max(1)).unwrap_or_default().saturating_mul(BATCH_ROWS)
    }

    /// The batches of one row group, in its order.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn batches(
        &self,
        group: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + Send + use<>, ReadError> {
        self.read(group..group + 1)
    }

    fn all(&self) -> Result<Batches, ReadError> {
        self.read(0..self.count())
    }

    fn read(&self, groups: Range<usize>) -> Result<Batches, ReadError> {
        match &self.file {
            // Opened anew: copies of a file handle share their position, and several threads may read.
            TableFile::Path(path) => self.read_from(open(path)?, groups),
            TableFile::Memory(bytes) => self.read_from(bytes.clone(), groups),
        }
    }

    fn read_from(&self, file: impl ChunkReader + 'static, groups: Range<usize>) -> Result<Batches, ReadError> {
        let (table, wanted, read) = (self.table.clone(), self.wanted.clone(), self.read.clone());
        let unreadable = |source| ReadError::Parquet { table: table.clone(), source };
        let stored_columns = self.footer.parquet_schema();
        // A mask reads columns in the file's order: theirs among those that are read.
        let mask = ProjectionMask::roots(stored_columns, read.iter().copied());
        let levels = parquet_to_arrow_field_levels(stored_columns, mask, Some(self.footer.schema().fields()));
        let groups = Groups { file: Arc::new(file), metadata: Arc::clone(self.footer.metadata()), groups };
        // The reader allocates room for a batch.
        let rows = arrow_reader::RowGroups::num_rows(&groups).clamp(1, BATCH_ROWS);
        let reader = levels
            .and_then(|levels| ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, rows, None))
            .map_err(unreadable)?;
        let schema = Arc::new(self.schema.project(&wanted).map_err(unreadable_arrow(&table))?);
        Ok(Box::new(reader.map(move |batch| {
            let batch = batch.map_err(unreadable_arrow(&table))?;
            let column = |wanted: (&usize, &Arc<Field>)| match read.contains(wanted.0) {
                true => Arc::clone(batch.column(read.range(..wanted.0).count())),
                false => new_null_array(wanted.1.data_type(), batch.num_rows()),
            };
            let columns = wanted.iter().zip(schema.fields()).map(column).collect();
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &rows).map_err(unreadable_arrow(&table))
        })))
    }
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
