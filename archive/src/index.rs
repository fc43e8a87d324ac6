//! The index: immutable segments of rows, merged when they become many.
//!
//! Each `add` writes a small segment of level 0. When a level has [`MERGED`] segments, the job that notices writes their
//! union as a segment of the next level, and then removes them. Rows are facts that never change, so a row that two
//! segments have is one row: a crash between the two steps, or two jobs that merge at once, do no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use casefile_evidence::{Columns, Digest, Row};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::add::{stored_tables, target_of};
use crate::entry::{Entry, Stored};
use crate::error::ArchiveError;
use crate::layout::{BUNDLES, INDEX, Partition, VERDICTS};
use crate::verdict::VerdictFile;
use crate::verify::{Problem, digest_of_bundle};
use crate::{Archive, temporary, unsound};

/// A level with this many segments is merged.
const MERGED: usize = 32;
/// Requests in flight.
const AT_ONCE: usize = 16;
/// A reader tries again this often if segments vanish while it reads: another job merged them.
const TRIES: usize = 8;

impl Archive {
    /// Every row of the index, sorted by bundle and verdict. Empty if the archive is.
    ///
    /// # Errors
    /// Where a segment cannot be read, or there are bundles and no index.
    pub async fn entries(&self) -> Result<Vec<Entry>, ArchiveError> {
        let rows = self.rows().await?;
        if rows.is_empty() && !self.objects(BUNDLES).await?.is_empty() {
            return Err(ArchiveError::NoIndex { archive: self.name.clone() });
        }
        Ok(rows)
    }

    /// Every row of the index.
    pub(crate) async fn rows(&self) -> Result<Vec<Entry>, ArchiveError> {
        for _ in 1..TRIES {
            match self.read_segments(&self.segments().await?).await {
                Err(ArchiveError::Store { source: object_store::Error::NotFound { .. }, .. }) => {}
                other => return other,
            }
        }
        self.read_segments(&self.segments().await?).await
    }

    /// What the archive has of a service in a region and the index does not: verdicts, and bundles without one, by digest,
    /// each with its day. Only of the last day that the index has, and later.
    ///
    /// # Errors
    /// Where the store cannot be read, or a verdict was changed.
    pub async fn beside_the_index(
        &self,
        service: &str,
        region: &str,
        indexed: &[&Entry],
    ) -> Result<(Vec<VerdictFile>, Vec<(String, String)>), ArchiveError> {
        let since = indexed.iter().map(|entry| entry.date.as_str()).filter(|date| date.len() == 10).max();
        let verdicts: BTreeSet<&str> = indexed.iter().filter_map(|entry| entry.verdict_digest.as_deref()).collect();
        let mut judged: BTreeSet<String> = indexed.iter().map(|entry| entry.bundle.clone()).collect();
        let mut found = Vec::new();
        for key in self.keys_since(VERDICTS, service, region, since).await? {
            if names(&key).is_some_and(|(_, verdict)| !verdicts.contains(verdict.as_str())) {
                let file = VerdictFile::read(self.read(&key).await?.to_vec(), &key)?;
                judged.extend(file.bundle().map(str::to_owned));
                found.push(file);
            }
        }
        let bundles = self.keys_since(BUNDLES, service, region, since).await?;
        let dated = |key: &String| {
            let day = key.split('/').find_map(|part| part.strip_prefix("date="))?;
            Some((digest_of_bundle(key)?, day.to_owned()))
        };
        Ok((found, bundles.iter().filter_map(dated).filter(|(digest, _)| !judged.contains(digest)).collect()))
    }

    async fn keys_since(
        &self,
        kind: &str,
        service: &str,
        region: &str,
        date: Option<&str>,
    ) -> Result<Vec<String>, ArchiveError> {
        let folder = format!("{kind}/service={service}/region={region}");
        let offset = self.key(&format!("{folder}/date={}", date.unwrap_or_default()));
        let listed = self.store.list_with_offset(Some(&self.key(&folder)), &offset);
        let objects: Vec<object_store::ObjectMeta> = listed.try_collect().await.map_err(self.failed(&folder))?;
        Ok(objects.iter().map(|object| self.relative(&object.location)).collect())
    }

    /// The keys of the segments.
    async fn segments(&self) -> Result<Vec<String>, ArchiveError> {
        let mut keys = self.keys(INDEX).await?;
        keys.retain(|key| level(key).is_some());
        Ok(keys)
    }

    async fn read_segments(&self, keys: &[String]) -> Result<Vec<Entry>, ArchiveError> {
        let reads: Vec<_> = keys.iter().map(|key| self.read_segment(key.clone())).collect();
        let rows: Vec<Vec<Entry>> = futures::stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let mut rows: Vec<Entry> = rows.into_iter().flatten().collect();
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }

    async fn read_segment(&self, key: String) -> Result<Vec<Entry>, ArchiveError> {
        rows(self.read(&key).await?, &key)
    }

    /// Adds rows, and merges segments where a level has many.
    pub(crate) async fn append(&self, rows: Vec<Entry>) -> Result<(), ArchiveError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write_segment(0, rows).await?;
        loop {
            let mut levels: BTreeMap<u32, Vec<String>> = BTreeMap::new();
            for key in self.segments().await? {
                levels.entry(level(&key).unwrap_or_default()).or_default().push(key);
            }
            let Some((level, keys)) = levels.into_iter().find(|(_, keys)| keys.len() >= MERGED) else { return Ok(()) };
            match self.read_segments(&keys).await {
                Ok(rows) => drop(self.write_segment(level + 1, rows).await?),
                // Another job merges them.
                Err(ArchiveError::Store { source: object_store::Error::NotFound { .. }, .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
            for key in keys {
                self.remove(&key).await?;
            }
        }
    }

    pub(crate) async fn remove(&self, key: &str) -> Result<(), ArchiveError> {
        match self.store.delete(&self.key(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(key)(error)),
        }
    }

    /// Writes a segment, and returns its key.
    async fn write_segment(&self, level: u32, mut rows: Vec<Entry>) -> Result<String, ArchiveError> {
        rows.sort_unstable();
        rows.dedup();
        let bytes = parquet(&rows)?;
        let key = format!("{INDEX}/{level}-{}.parquet", Digest::of(&bytes));
        self.put_new(&key, bytes).await?;
        Ok(key)
    }

    /// Makes the index again from the bundles and verdicts. `progress` is called with how many bundles were read, and of how many.
    ///
    /// # Errors
    /// Where an object cannot be read. A bundle or verdict that is not sound is left out and named.
    pub async fn rebuild(&self, progress: &mut (dyn FnMut(usize, usize) + Send)) -> Result<Rebuilt, ArchiveError> {
        let old = self.segments().await?;
        for key in &old {
            // The new segment may have its name.
            if let Err(ArchiveError::Index { .. }) = self.read_segment(key.clone()).await {
                self.remove(key).await?;
            }
        }
        let verdicts = by_bundle(self.keys(VERDICTS).await?);
        let bundles = self.keys(BUNDLES).await?;
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        for (place, key) in bundles.iter().enumerate() {
            rows.extend(self.rows_of(key, &verdicts, &mut problems).await?);
            progress(place + 1, bundles.len());
        }
        let rebuilt = Rebuilt { rows: rows.len(), problems };
        let highest = old.iter().filter_map(|key| level(key)).max().unwrap_or_default().max(1);
        let new = if rows.is_empty() { None } else { Some(self.write_segment(highest, rows).await?) };
        // Segments that were written since hold bundles that were added since.
        for key in old.iter().filter(|key| new.as_ref() != Some(key)) {
            self.remove(key).await?;
        }
        Ok(rebuilt)
    }

    async fn rows_of(
        &self,
        key: &str,
        verdicts: &BTreeMap<String, Vec<String>>,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Entry>, ArchiveError> {
        let folder = temporary()?;
        let path = folder.path().join("bundle.tar");
        self.download(key, None, &path).await?;
        let bundle = match casefile_evidence::Bundle::open(&path) {
            Ok(bundle) => bundle,
            Err(error) => {
                problems.push(Problem { key: key.to_owned(), problem: unsound(&error, &path) });
                return Ok(Vec::new());
            }
        };
        let mut rows = self.rows_in(&path, &bundle, key, verdicts, problems).await?;
        if rows.len() > 1 {
            // With a verdict it is not in the index as one without.
            rows.retain(|row| row.verdict_digest.is_some());
        }
        Ok(rows)
    }

    /// The rows of a bundle that is at hand: without a verdict, and with each of its verdicts that is sound.
    pub(crate) async fn rows_in(
        &self,
        path: &std::path::Path,
        bundle: &casefile_evidence::Bundle,
        key: &str,
        verdicts: &BTreeMap<String, Vec<String>>,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Entry>, ArchiveError> {
        let target = target_of(bundle)?;
        let partition = Partition::new(&target.service, target.region.as_deref(), target.window_from)?;
        let digest = bundle.digest().to_string();
        let bytes = std::fs::metadata(path);
        let bytes = bytes.map_err(|source| ArchiveError::File { path: path.to_owned(), source })?.len();
        let stored = Stored {
            digest: digest.clone(),
            partition: &partition,
            target: &target,
            manifest: bundle.manifest(),
            key: key.to_owned(),
            bytes,
            tables: stored_tables(path, bundle.manifest())?,
        };
        let mut rows = vec![Entry::new(&stored, None)?];
        for key in verdicts.get(&digest).into_iter().flatten() {
            match VerdictFile::read(self.read(key).await?.to_vec(), "it") {
                Ok(verdict) => rows.push(Entry::new(&stored, Some(&verdict.summary))?),
                Err(ArchiveError::Verdict { problem, .. } | ArchiveError::NotAVerdict { problem, .. }) => {
                    problems.push(Problem { key: key.clone(), problem });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(rows)
    }
}

/// The result of [`Archive::rebuild`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The rows of the index.
    pub rows: usize,
    /// What was left out.
    pub problems: Vec<Problem>,
}

/// The level of a segment.
fn level(key: &str) -> Option<u32> {
    let name = key.rsplit('/').next()?.strip_suffix(".parquet")?;
    let (level, digest) = name.split_once('-')?;
    Digest::parse(digest)?;
    level.parse().ok()
}

/// The keys of verdicts by the digest of the bundle that they are about.
pub(crate) fn by_bundle(keys: Vec<String>) -> BTreeMap<String, Vec<String>> {
    let mut verdicts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in keys {
        if let Some((bundle, _)) = names(&key) {
            verdicts.entry(bundle).or_default().push(key);
        }
    }
    verdicts
}

/// The digests of bundle and verdict in the key of a verdict.
pub(crate) fn names(key: &str) -> Option<(String, String)> {
    let name = key.rsplit('/').next()?.strip_suffix(".json")?;
    let (bundle, verdict) = name.split_once('-')?;
    Some((Digest::parse(bundle)?.to_string(), Digest::parse(verdict)?.to_string()))
}

/// Rows of the index as a batch.
pub(crate) fn batch(rows: &[Entry]) -> Result<RecordBatch, ArchiveError> {
    let mut columns = <Entry as Row>::Columns::default();
    rows.iter().for_each(|row| columns.append(row));
    RecordBatch::try_new(Entry::schema(), columns.finish()).map_err(ArchiveError::internal)
}

fn parquet(rows: &[Entry]) -> Result<Vec<u8>, ArchiveError> {
    let batch = batch(rows)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
        .set_created_by("casefile index 1".to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(batch.schema_ref()), Some(properties))
        .map_err(ArchiveError::internal)?;
    writer.write(&batch).map_err(ArchiveError::internal)?;
    writer.into_inner().map_err(ArchiveError::internal)
}

fn rows(bytes: Bytes, key: &str) -> Result<Vec<Entry>, ArchiveError> {
    let wrong = |problem: String| ArchiveError::Index { place: key.to_owned(), problem };
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .and_then(|builder| builder.with_batch_size(8192).build())
        .map_err(|error| wrong(error.to_string()))?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| wrong(error.to_string()))?;
        rows.extend(
            Entry::from_batch(&batch).ok_or_else(|| wrong("its columns are not those of an index".to_owned()))?,
        );
    }
    Ok(rows)
}
