//! Writing a bundle: tables stream to disk, then the bag is sealed and put in its place at once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::archive;
use crate::bag::{DECLARATION, DECLARATION_FILE, Digest, HashingWriter, INFO_FILE, Listing, PAYLOAD_FILE, TAG_FILE};
use crate::batches::{Batches, Limits};
use crate::checkpoint;
use crate::error::WriteError;
use crate::manifest::{FORMAT, Manifest, ManifestHead, TableEntry};
use crate::row::Row;
use crate::sort::{Sorted, Sorter};
use crate::tables::{AnyRow, Sorters};

/// Rows that are encoded at a time. Part of the format's determinism: the same rows make the same
/// batches, pages and row groups.
const LIMITS: Limits = Limits { rows: 4096, weight: 8 << 20 };
/// A row group ends once its encoded columns hold about this many bytes.
const ROW_GROUP_BYTES: usize = 24 << 20;
/// A row group never holds more rows than this.
const ROW_GROUP_ROWS: usize = 256 * 1024;
/// About how many bytes of each table are held before they are spilled.
pub(crate) const SORT_BUDGET: usize = 16 << 20;

/// A bundle in the making. Rows may come in any order.
///
/// Everything is written below `<path>.partial`; [`BundleWriter::seal`] renames it. A writer that is
/// dropped unsealed leaves the partial folder where it is.
pub struct BundleWriter {
    pub(crate) path: PathBuf,
    pub(crate) partial: PathBuf,
    pub(crate) tables: Sorters,
    /// Checkpoints that were written.
    pub(crate) checkpoints: u64,
    /// Held as long as this writer lives.
    pub(crate) lock: File,
}

/// What was sealed.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Where.
    pub path: PathBuf,
    /// The bundle's digest: the sha256 of its `tagmanifest-sha256.txt`.
    pub digest: Digest,
    /// What its manifest says.
    pub manifest: Manifest,
}

/// A table that is on disk.
pub(crate) struct WrittenTable {
    name: &'static str,
    entry: TableEntry,
    digest: Digest,
    length: u64,
}

impl BundleWriter {
    /// Begins a bundle that will stand at `path`.
    ///
    /// # Errors
    /// Where something stands at `path` or at `<path>.partial` already, or the folder cannot be made.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        if path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path: path.to_owned() });
        }
        let partial = partial_of(path);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(WriteError::io("create", parent))?;
        }
        match fs::create_dir(&partial) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                if checkpoint::is_in_use(&partial) {
                    return Err(WriteError::InUse { path: partial });
                }
                return Err(WriteError::PartialExists { path: partial });
            }
            made => made.map_err(WriteError::io("create", &partial))?,
        }
        for folder in ["data", "scratch"] {
            let folder = partial.join(folder);
            fs::create_dir(&folder).map_err(WriteError::io("create", &folder))?;
        }
        let lock = checkpoint::lock(&partial.join("scratch"))?;
        let tables = Sorters::new(&partial.join("scratch"), SORT_BUDGET);
        Ok(Self { path: path.to_owned(), partial, tables, checkpoints: 0, lock })
    }

    /// Adds a row to its table.
    ///
    /// # Errors
    /// Where rows had to be spilled to disk and could not be.
    pub fn push(&mut self, row: impl Into<AnyRow>) -> Result<(), WriteError> {
        self.tables.push(row.into())
    }

    /// Gives the bundle up and removes what was written of it.
    ///
    /// # Errors
    /// Where the partial folder cannot be removed.
    pub fn discard(self) -> Result<(), WriteError> {
        let Self { partial, tables, .. } = self;
        drop(tables);
        fs::remove_dir_all(&partial).map_err(WriteError::io("remove", &partial))
    }

    /// Writes the tables and the bag around them, and puts the bundle in its place.
    ///
    /// # Errors
    /// Where anything could not be written; the partial folder is then left.
    pub fn seal(self, head: &ManifestHead) -> Result<Sealed, WriteError> {
        let Self { path, partial, tables, lock, .. } = self;
        let data = partial.join("data");
        let written = tables.finish(&data)?;

        let manifest = manifest(head, &written);
        let mut text = serde_json::to_vec_pretty(&manifest).map_err(|source| WriteError::Manifest { source })?;
        text.push(b'\n');
        write_file(&data.join("manifest.json"), &text)?;

        let mut payload = Listing::default();
        payload.0.insert("data/manifest.json".to_owned(), Digest::of(&text));
        let mut octets = text.len() as u64;
        for table in &written {
            payload.0.insert(format!("data/{}", table.entry.file), table.digest);
            octets += table.length;
        }
        let info = format!(
            "Bag-Software-Agent: {}\nExternal-Description: Evidence of an Amazon ECS deployment, casefile bundle \
             format {FORMAT}\nPayload-Oxum: {octets}.{}\n",
            head.tool.replace(['\r', '\n'], " "),
            payload.0.len()
        );
        let mut tags = Listing::default();
        for (name, text) in
            [(DECLARATION_FILE, DECLARATION), (INFO_FILE, info.as_str()), (PAYLOAD_FILE, &payload.print())]
        {
            write_file(&partial.join(name), text.as_bytes())?;
            tags.0.insert(name.to_owned(), Digest::of(text.as_bytes()));
        }
        let tags = tags.print();
        if path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path });
        }
        // With this file the bundle is whole, so it comes at once: whoever finds it need only rename the folder.
        let (scratch, tag) = (partial.join("scratch"), partial.join(TAG_FILE));
        write_file(&scratch.join(TAG_FILE), tags.as_bytes())?;
        fs::rename(scratch.join(TAG_FILE), &tag).map_err(WriteError::io("write", &tag))?;
        drop(lock);
        fs::remove_dir_all(&scratch).map_err(WriteError::io("remove", &scratch))?;
        put_in_place(&partial, &path)?;
        Ok(Sealed { path, digest: Digest::of(tags.as_bytes()), manifest })
    }
}

/// Where a bundle is written before it is sealed.
pub(crate) fn partial_of(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    partial.into()
}

/// Puts a finished bag where it is to stand, as a folder or as one file.
pub(crate) fn put_in_place(partial: &Path, path: &Path) -> Result<(), WriteError> {
    if archive::is_archive(path) {
        archive::pack(partial, path)?;
        return fs::remove_dir_all(partial).map_err(WriteError::io("remove", partial));
    }
    fs::rename(partial, path).map_err(WriteError::io("rename the finished bundle to", path))
}

fn manifest(head: &ManifestHead, written: &[WrittenTable]) -> Manifest {
    let ManifestHead { tool, ci, target, window, stop_reason, redactions, pseudonym_key, config, remarks, parent } =
        head.clone();
    let tables: BTreeMap<_, _> = written.iter().map(|table| (table.name.to_owned(), table.entry.clone())).collect();
    Manifest {
        format: FORMAT,
        tool,
        ci,
        target,
        window,
        stop_reason,
        tables,
        redactions,
        pseudonym_key,
        config,
        remarks,
        parent,
    }
}

pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut file = File::create(path).map_err(WriteError::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(WriteError::io("write", path))
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
