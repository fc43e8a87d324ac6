//! Parts of a bundle: a table is read by its range within the bundle's object, and checked against the bundle's digest.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

use arrow::array::RecordBatch;
use casefile_evidence::{Digest, ReadError, TAR_FOLDER, read_table, read_table_in_memory, sealed_files, tables};
use object_store::{GetRange, ObjectStoreExt};

use crate::compact::{compacted_schema, of_bundle};
use crate::entry::{Entry, StoredTable};
use crate::error::ArchiveError;
use crate::{Archive, temporary};

/// The manifests stand at the end of the object. Its last 64 KiB hold them, unless the bundle has hundreds of files.
const END: u64 = 64 << 10;

/// A table that is at most this long is read into memory.
const IN_MEMORY: u64 = 8 << 20;

/// The rows of a table, batch by batch.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ReadError>> + Send>;

/// What a bundle's manifests say, checked against its digest.
#[derive(Debug, Clone)]
pub struct Manifests {
    key: String,
    tables: Vec<StoredTable>,
    files: BTreeMap<String, Digest>,
}

impl Archive {
    /// Reads the manifests of an entry's bundle.
    ///
    /// # Errors
    /// Where they cannot be read, or are not those of the bundle.
    pub async fn manifests(&self, entry: &Entry) -> Result<Manifests, ArchiveError> {
        let changed = |problem: String| ArchiveError::Changed { place: entry.key.clone(), problem };
        let tables = serde_json::from_str(&entry.tables)
            .map_err(|error| ArchiveError::Row { place: entry.key.clone(), problem: error.to_string() })?;
        let bytes = u64::try_from(entry.bytes).unwrap_or_default();
        // Headers stand at multiples of 512.
        let from = bytes.saturating_sub(END) / 512 * 512;
        let end = self.store.get_range(&self.key(&entry.key), from..bytes).await;
        let end = end.map_err(self.gone(&entry.key))?;
        let digest = Digest::parse(&entry.bundle).ok_or_else(|| changed("its digest is none".to_owned()))?;
        let [payload, tags] = manifest_files(&end).ok_or_else(|| changed("its manifests are not there".to_owned()))?;
        let files = sealed_files(digest, &tags, &payload).map_err(changed)?;
        Ok(Manifests { key: entry.key.clone(), tables, files })
    }

    /// The rows of a table of a bundle, checked against its digest; `None`: the bundle does not have that table. A small table
    /// is read into memory, a large one into a temporary file, which goes with the last batch.
    ///
    /// # Errors
    /// Where it cannot be read, or was changed.
    pub async fn batches(&self, of: &Manifests, table: &str) -> Result<Option<Batches>, ArchiveError> {
        let Some(range) = of.range(table)? else { return Ok(None) };
        if range.end - range.start <= IN_MEMORY {
            let bytes = self.store.get_range(&self.key(&of.key), range).await.map_err(self.gone(&of.key))?;
            of.check(table, Digest::of(&bytes))?;
            return Ok(Some(Box::new(read_table_in_memory(bytes, table)?)));
        }
        let folder = temporary()?;
        let file = folder.path().join("table.parquet");
        self.download(&of.key, Some(GetRange::Bounded(range)), &file).await?;
        let unreadable = |source| ArchiveError::File { path: file.clone(), source };
        let (found, _) = Digest::of_file(&file).map_err(unreadable)?;
        of.check(table, found)?;
        let batches = read_table(file, table)?;
        Ok(Some(Box::new(batches.inspect(move |_| {
            let _kept = &folder;
        }))))
    }

    /// As [`Archive::batches`], with the columns of the compacted copy.
    ///
    /// # Errors
    /// As [`Archive::batches`].
    pub async fn compacted_rows(
        &self,
        entry: &Entry,
        table: &str,
    ) -> Result<Option<impl Iterator<Item = Result<RecordBatch, ArchiveError>> + Send + use<>>, ArchiveError> {
        let schema = tables::all().iter().find(|known| known.info.name == table).map(compacted_schema);
        let (Some(schema), entry) = (schema, entry.clone()) else { return Ok(None) };
        let batches = self.batches(&self.manifests(&entry).await?, table).await?;
        Ok(batches.map(|batches| batches.map(move |batch| of_bundle(&batch?, &entry, &schema))))
    }
}

impl Manifests {
    fn range(&self, table: &str) -> Result<Option<Range<u64>>, ArchiveError> {
        let Some(stored) = self.tables.iter().find(|stored| stored.table == table) else { return Ok(None) };
        let end = stored.offset.checked_add(stored.bytes).ok_or_else(|| ArchiveError::Row {
            place: self.key.clone(),
            problem: format!("table {table} ends beyond every file"),
        })?;
        Ok(Some(stored.offset..end))
    }

    fn check(&self, table: &str, found: Digest) -> Result<(), ArchiveError> {
        let name = format!("data/{table}.parquet");
        if self.files.get(&name) == Some(&found) {
            return Ok(());
        }
        Err(ArchiveError::Changed { place: self.key.clone(), problem: format!("{name} is not what was sealed") })
    }
}

/// `manifest-sha256.txt` and `tagmanifest-sha256.txt`, the last entries of the archive.
fn manifest_files(end: &[u8]) -> Option<[Vec<u8>; 2]> {
    let first = format!("{TAR_FOLDER}/manifest-sha256.txt\0");
    let at = end.chunks(512).position(|block| block.starts_with(first.as_bytes()))? * 512;
    let mut archive = tar::Archive::new(end.get(at..)?);
    let mut read = Vec::new();
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).ok()?;
        read.push(bytes);
    }
    read.try_into().ok()
}
