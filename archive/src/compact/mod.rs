//! The compacted copy: the tables of all bundles in few files, by table and month, for engines that are slow on many
//! small ones, or cannot read the bundles at all.
//!
//! ```text
//! tables/<table>/month=<yyyy-mm>/<digest>.parquet
//! tables/_months/<yyyy-mm>/<number>.json      which files and which bundles: the last one counts
//! ```
//!
//! It can be removed and made again. A run adds the bundles that were added since the last one. A month that has many files, or
//! has lost a bundle, is rewritten.

mod athena;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub use athena::athena;
use casefile_evidence::{Bundle, Digest, Timestamp, tables};
use futures::{StreamExt, TryStreamExt};
pub use rows::{COLUMNS, compacted_schema};
pub(crate) use rows::{Part, Rows, of_bundle};
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::{Archive, Entry, Folder, temporary};

pub(crate) const TABLES: &str = "tables";
const MONTHS: &str = "tables/_months";
/// A month is rewritten once a table has this many files in it.
const FILES: usize = 16;
/// A file that no document names is left alone for a day.
const LEFT_ALONE_MS: i64 = 24 * 60 * 60 * 1000;
/// The number of documents of a month that are kept.
const DOCUMENTS: u64 = 50;
/// Bundles that are fetched at once.
const AT_ONCE: usize = 8;

/// Of a month: which files the copy has, and of which bundles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    /// `casefile-compacted/1`.
    pub format: String,
    /// The month: `2026-11`, or `unknown`.
    pub month: String,
    /// The digests of the bundles.
    pub bundles: BTreeSet<String>,
    /// The files.
    pub files: Vec<CompactedFile>,
}

/// A file of the copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactedFile {
    /// The table.
    pub table: String,
    /// Its key.
    pub key: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Month {
    const FORMAT: &'static str = "casefile-compacted/1";
}

/// What a run did to a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// The month.
    pub month: String,
    /// The bundles that were read.
    pub read: usize,
    /// The bundles that it has.
    pub bundles: usize,
    /// Its files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The bundles that are not sound, with the problem. They are left out.
    pub problems: Vec<(String, String)>,
}

impl Archive {
    /// Brings the compacted copy up to date, month by month. `whole`: every month is rewritten. `now`: files that a run left
    /// when it broke off are removed if they are a day older. `done` is called with each month that changed.
    ///
    /// # Errors
    /// Where the archive cannot be read or written, or another job compacts.
    pub async fn compact(
        &self,
        whole: bool,
        now: Timestamp,
        done: &mut (dyn FnMut(&Compacted) + Send),
    ) -> Result<(), ArchiveError> {
        let mut bundles: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in one_of_each(self.entries().await?) {
            bundles.entry(month_of(&entry).to_owned()).or_default().push(entry);
        }
        let known = self.months().await?;
        for month in known.keys() {
            // A month whose bundles are all gone.
            bundles.entry(month.clone()).or_default();
        }
        for (month, entries) in bundles {
            let known = known.get(&month).cloned().unwrap_or_default();
            if let Some(compacted) = self.compact_month(&month, entries, known, whole, now).await? {
                done(&compacted);
            }
        }
        Ok(())
    }

    /// The months that the copy has.
    ///
    /// # Errors
    /// Where the archive cannot be read.
    pub async fn months(&self) -> Result<BTreeMap<String, KnownMonth>, ArchiveError> {
        let mut names = BTreeSet::new();
        for key in self.keys(MONTHS).await? {
            let name = key.strip_prefix(MONTHS).and_then(|rest| rest.trim_start_matches('/').split_once('/'));
            names.extend(name.map(|(month, _)| month.to_owned()));
        }
        let mut months = BTreeMap::new();
        for name in names {
            let (number, bytes) = self.last(&journal(&name)?).await?;
            let Some(bytes) = bytes else { continue };
            let month: Month = serde_json::from_slice(&bytes).map_err(|error| ArchiveError::Copy {
                place: format!("{MONTHS}/{name}/{number:08}.json"),
                problem: error.to_string(),
            })?;
            let lacks = self.lacks(&month).await?;
            months.insert(name, KnownMonth { number, month, lacks });
        }
        Ok(months)
    }

    /// A file of a month that is not there, or has another length.
    async fn lacks(&self, month: &Month) -> Result<Option<String>, ArchiveError> {
        let mut there = BTreeMap::new();
        let tables: BTreeSet<&str> = month.files.iter().map(|file| file.table.as_str()).collect();
        for table in tables {
            for object in self.objects(&folder_of(table, &month.month)).await? {
                there.insert(self.relative(&object.location), object.size);
            }
        }
        let lost = month.files.iter().find(|file| there.get(&file.key) != Some(&file.bytes));
        Ok(lost.map(|file| file.key.clone()))
    }

    async fn compact_month(
        &self,
        month: &str,
        entries: Vec<Entry>,
        known: KnownMonth,
        whole: bool,
        now: Timestamp,
    ) -> Result<Option<Compacted>, ArchiveError> {
        let KnownMonth { number, month: before, lacks } = known;
        let present: BTreeSet<&str> = entries.iter().map(|entry| entry.bundle.as_str()).collect();
        let lost = before.bundles.iter().any(|bundle| !present.contains(bundle.as_str()));
        let mut files: BTreeMap<&str, usize> = BTreeMap::new();
        before.files.iter().for_each(|file| *files.entry(&file.table).or_default() += 1);
        let is_new = |entry: &Entry| !before.bundles.contains(&entry.bundle);
        let lost = lost || lacks.is_some();
        if !whole && !lost && !entries.iter().any(is_new) {
            return Ok(None);
        }
        let rewrite = whole || lost || files.values().any(|files| *files >= FILES);
        let mut entries: Vec<Entry> = if rewrite { entries } else { entries.into_iter().filter(is_new).collect() };
        let key = |entry: &Entry| {
            (entry.service.clone(), entry.region.clone(), entry.date.clone(), entry.window_from, entry.bundle.clone())
        };
        entries.sort_by_cached_key(key);
        let folder = temporary()?;
        let (parts, taken, problems) = self.rows_of_bundles(folder.path(), &entries).await?;
        let mut after = if rewrite { Month::default() } else { before.clone() };
        (after.format, after.month) = (Month::FORMAT.to_owned(), month.to_owned());
        let read = taken.len();
        after.bundles.extend(taken);
        // If all that is new is unsound, the month stays as it is.
        if rewrite || read > 0 {
            for part in parts {
                after.files.push(self.keep_part(month, &part).await?);
            }
            let state = serde_json::to_vec(&after).map_err(ArchiveError::internal)?;
            if !self.append_document(&journal(month)?, number, state).await? {
                return Err(ArchiveError::Busy { month: month.to_owned(), archive: self.name.clone() });
            }
            self.tidy(number, &before, &after, now).await?;
        }
        Ok(Some(Compacted {
            month: month.to_owned(),
            read,
            bundles: after.bundles.len(),
            files: after.files.len(),
            bytes: after.files.iter().map(|file| file.bytes).sum(),
            problems,
        }))
    }

    /// Removes the files that a month had before; what a run left that broke off; and documents that are long past.
    async fn tidy(&self, number: u64, before: &Month, after: &Month, now: Timestamp) -> Result<(), ArchiveError> {
        let kept: BTreeSet<&str> = after.files.iter().map(|file| file.key.as_str()).collect();
        let had: BTreeSet<&str> = before.files.iter().map(|file| file.key.as_str()).collect();
        for table in tables::all() {
            for object in self.objects(&folder_of(table.info.name, &after.month)).await? {
                let key = self.relative(&object.location);
                // A younger one may be that of another job, which is about to name it.
                let is_old = object.last_modified.timestamp_millis() < now.as_millis() - LEFT_ALONE_MS;
                if !kept.contains(key.as_str()) && (had.contains(key.as_str()) || is_old) {
                    self.remove(&key).await?;
                }
            }
        }
        // The others keep two jobs apart: no number is written twice.
        if let Some(past) = number.checked_sub(DOCUMENTS).filter(|past| *past > 0) {
            self.remove(&format!("{MONTHS}/{}/{past:08}.json", after.month)).await?;
        }
        Ok(())
    }

    /// Fetches bundles whole, checks them, and writes their rows into files of a folder.
    async fn rows_of_bundles(
        &self,
        folder: &Path,
        entries: &[Entry],
    ) -> Result<(Vec<Part>, Vec<String>, Vec<(String, String)>), ArchiveError> {
        let fetch = |entry: Entry| async move {
            let folder = temporary()?;
            let path = folder.path().join("bundle.tar");
            match self.download(&entry.key, None, &path).await {
                Ok(()) => {}
                Err(ArchiveError::Changed { problem, .. }) => return Ok((entry, Err(problem), folder)),
                Err(error) => return Err(error),
            }
            let opened = tokio::task::spawn_blocking(move || (Bundle::open(&path), folder)).await;
            let (bundle, folder) = opened.map_err(ArchiveError::internal)?;
            Ok::<_, ArchiveError>((entry, bundle.map_err(|error| error.to_string()), folder))
        };
        let mut fetched = futures::stream::iter(entries.iter().cloned().map(fetch)).buffered(AT_ONCE);
        let mut rows = Rows::new(folder);
        let (mut taken, mut problems) = (Vec::new(), Vec::new());
        while let Some((entry, bundle, _folder)) = fetched.try_next().await? {
            match bundle {
                Ok(bundle) if bundle.digest().to_string() == entry.bundle => {
                    for table in tables::all().iter().filter(|it| bundle.has_table(it.info.name)) {
                        for batch in bundle.batches(table.info.name)? {
                            rows.add(table.info.name, &batch?, &entry)?;
                        }
                    }
                    taken.push(entry.bundle);
                }
                Ok(other) => problems.push((entry.key, format!("holds another bundle, {}", other.digest()))),
                Err(problem) => problems.push((entry.key, problem)),
            }
        }
        Ok((rows.finish()?, taken, problems))
    }

    async fn keep_part(&self, month: &str, part: &Part) -> Result<CompactedFile, ArchiveError> {
        let unreadable = |source| ArchiveError::File { path: part.path.clone(), source };
        let (digest, bytes) = Digest::of_file(&part.path).map_err(unreadable)?;
        let key = format!("{}/{digest}.parquet", folder_of(&part.table, month));
        self.put_new_file(&key, &part.path).await?;
        Ok(CompactedFile { table: part.table.clone(), key, rows: part.rows, bytes })
    }

    /// Writes tables of bundles into files of a folder, as the compacted copy has them: of bundles that were added after it.
    /// Only these tables are read, by their ranges. Returns the files by table.
    ///
    /// # Errors
    /// Where the archive cannot be read, or a bundle was changed.
    pub async fn tail(
        &self,
        entries: &[Entry],
        wanted: &[&'static str],
        folder: &Path,
    ) -> Result<BTreeMap<String, Vec<std::path::PathBuf>>, ArchiveError> {
        let fetch = |entry: Entry| async move {
            let manifests = self.manifests(&entry).await?;
            let mut read = Vec::new();
            for table in wanted {
                read.extend(self.batches(&manifests, table).await?.map(|batches| (*table, batches)));
            }
            Ok::<_, ArchiveError>((entry, read))
        };
        let mut fetched = futures::stream::iter(entries.iter().cloned().map(fetch)).buffered(AT_ONCE);
        let mut rows = Rows::new(folder);
        while let Some((entry, read)) = fetched.try_next().await? {
            for (table, batches) in read {
                for batch in batches {
                    rows.add(table, &batch?, &entry)?;
                }
            }
        }
        let mut files: BTreeMap<String, Vec<std::path::PathBuf>> = BTreeMap::new();
        for part in rows.finish()? {
            files.entry(part.table).or_default().push(part.path);
        }
        Ok(files)
    }
}

/// A month of the copy.
#[derive(Debug, Clone, Default)]
pub struct KnownMonth {
    number: u64,
    /// Its files and bundles.
    pub month: Month,
    /// A file of it that is missing or has another length: it must not be read.
    pub lacks: Option<String>,
}

fn folder_of(table: &str, month: &str) -> String {
    format!("{TABLES}/{table}/month={month}")
}

/// Each bundle once: what is asked for is the same in every row of it.
pub fn one_of_each(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.dedup_by(|a, b| a.bundle == b.bundle);
    entries
}

fn month_of(entry: &Entry) -> &str {
    entry.date.get(..7).filter(|_| entry.date.len() == 10).unwrap_or("unknown")
}

fn journal(month: &str) -> Result<Folder, ArchiveError> {
    Folder::of_digest(MONTHS, month)
}
