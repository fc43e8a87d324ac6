//! Adding a bundle and its verdicts.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use casefile_evidence::tables::TargetRow;
use casefile_evidence::{Bundle, Manifest, TAR_FOLDER};
use casefile_objects::{PutError, put_bytes, put_file};
use object_store::ObjectStoreExt;

use crate::entry::{Entry, Stored, StoredTable};
use crate::error::ArchiveError;
use crate::layout::{Partition, kept};
use crate::verdict::VerdictFile;
use crate::{Archive, temporary};

/// A document that a verdict needs to be reproduced: the pack or the config of that digest.
#[derive(Debug, Clone)]
pub struct Kept {
    /// `packs` or `configs`.
    pub kind: &'static str,
    /// Its digest, as the verdict names it.
    pub digest: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The result of [`Archive::add`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The bundle's digest.
    pub bundle: String,
    /// The bundle's key.
    pub key: String,
    /// Whether the bundle was new.
    pub is_new: bool,
    /// The digests of the verdicts, each with whether it was new.
    pub verdicts: Vec<(String, bool)>,
}

impl Archive {
    /// Adds a sealed bundle and verdicts about it. Objects that exist already are kept: adding twice changes nothing.
    ///
    /// The bundle comes first, the index last: a crash in between leaves a bundle that the index does not have yet, and
    /// the next `add` of it, or [`Archive::rebuild`], completes it.
    ///
    /// # Errors
    /// Where the bundle is not sound, a verdict is about another bundle, or the store refuses.
    pub async fn add(&self, path: &Path, verdicts: &[VerdictFile], keep: &[Kept]) -> Result<Added, ArchiveError> {
        let bundle = Bundle::open(path)?;
        let digest = bundle.digest();
        for verdict in verdicts {
            if verdict.bundle() != Some(digest.to_string().as_str()) {
                let problem = format!(
                    "is about the bundle {}, not about {digest}: give the verdict of this bundle",
                    verdict.bundle().unwrap_or("(none)")
                );
                return Err(ArchiveError::Verdict { place: verdict.digest().to_owned(), problem });
            }
        }
        let target = target_of(&bundle)?;
        let partition = Partition::new(&target.service, target.region.as_deref(), target.window_from)?;
        let packed = Packed::of(path)?;
        let key = partition.bundle(digest);
        let is_new = self.put_new_file(&key, &packed.path).await?;
        for it in keep {
            self.put_new(&kept(it.kind, &it.digest), it.bytes.clone()).await?;
        }
        let mut told = Vec::new();
        for verdict in verdicts {
            let key = partition.verdict(&digest.to_string(), verdict.digest());
            told.push((verdict.digest().to_owned(), self.put_new(&key, verdict.bytes.clone()).await?));
        }
        let stored = Stored {
            digest: digest.to_string(),
            partition: &partition,
            target: &target,
            manifest: bundle.manifest(),
            key: key.clone(),
            bytes: packed.bytes,
            tables: stored_tables(&packed.path, bundle.manifest())?,
        };
        self.index(&stored, verdicts, is_new || told.iter().any(|(_, is_new)| *is_new)).await?;
        Ok(Added { bundle: digest.to_string(), key, is_new, verdicts: told })
    }

    /// Writes the rows that the index does not have.
    async fn index(&self, stored: &Stored<'_>, verdicts: &[VerdictFile], is_new: bool) -> Result<(), ArchiveError> {
        let mut rows = Vec::new();
        for verdict in verdicts {
            rows.push(Entry::new(stored, Some(&verdict.summary))?);
        }
        if rows.is_empty() {
            rows.push(Entry::new(stored, None)?);
        }
        // What was there already is in the index, unless an earlier run ended before.
        if !is_new {
            let known = self.rows().await?;
            rows.retain(|row| !known.contains(row));
        }
        self.append(rows).await
    }

    /// Writes an object that does not exist. Returns whether it was new.
    pub(crate) async fn put_new(&self, relative: &str, bytes: Vec<u8>) -> Result<bool, ArchiveError> {
        let mut never = std::pin::pin!(std::future::pending());
        let mut stop: casefile_objects::Stop<'_> = never.as_mut();
        match put_bytes(self.writer(relative), &self.key(relative), bytes, &mut stop).await {
            Ok(()) => Ok(true),
            Err(PutError::Exists) => Ok(false),
            Err(error) => Err(self.put_failed(relative, error)),
        }
    }

    pub(crate) async fn put_new_file(&self, relative: &str, path: &Path) -> Result<bool, ArchiveError> {
        let mut never = std::pin::pin!(std::future::pending());
        let mut stop: casefile_objects::Stop<'_> = never.as_mut();
        let key = self.key(relative);
        let put = put_file(self.writer(relative), &key, path, &mut stop).await;
        if !matches!(put, Err(PutError::Exists)) {
            return put.map(|()| true).map_err(|error| self.put_failed(relative, error));
        }
        // An upload in parts that broke off leaves an empty object.
        if self.store.head(&key).await.map_err(self.failed(relative))?.size > 0 {
            return Ok(false);
        }
        self.store.delete(&key).await.map_err(self.failed(relative))?;
        let put = put_file(self.writer(relative), &key, path, &mut stop).await;
        put.map(|()| true).map_err(|error| self.put_failed(relative, error))
    }

    fn put_failed(&self, relative: &str, error: PutError) -> ArchiveError {
        match error {
            PutError::File { path, source } => ArchiveError::File { path, source },
            PutError::Store(source) => self.failed(relative)(source),
            PutError::Exists | PutError::Interrupted => ArchiveError::internal(error),
        }
    }
}

pub(crate) fn target_of(bundle: &Bundle) -> Result<TargetRow, ArchiveError> {
    Ok(bundle.rows::<TargetRow>()?.into_iter().next().unwrap_or_default())
}

/// A bundle as one file.
struct Packed {
    path: PathBuf,
    bytes: u64,
    /// Removed with this value.
    _folder: Option<tempfile::TempDir>,
}

impl Packed {
    fn of(bundle: &Path) -> Result<Self, ArchiveError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ArchiveError::File { path, source }
        };
        let (path, folder) = if bundle.is_file() {
            (bundle.to_owned(), None)
        } else {
            let folder = temporary()?;
            let path = folder.path().join("bundle.tar");
            casefile_evidence::pack(bundle, &path)?;
            (path, Some(folder))
        };
        let bytes = std::fs::metadata(&path).map_err(failed(&path))?.len();
        Ok(Self { path, bytes, _folder: folder })
    }
}

/// The place of each table within a packed bundle.
pub(crate) fn stored_tables(tar: &Path, manifest: &Manifest) -> Result<Vec<StoredTable>, ArchiveError> {
    let unreadable = |source| ArchiveError::File { path: tar.to_owned(), source };
    let mut archive = tar::Archive::new(BufReader::new(File::open(tar).map_err(unreadable)?));
    let mut tables = Vec::new();
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        let Ok(file) = path.strip_prefix(Path::new(TAR_FOLDER).join("data")) else { continue };
        let named = manifest.tables.iter().find(|(_, table)| Path::new(&table.file) == file);
        if let Some((name, table)) = named {
            let (offset, bytes) = (entry.raw_file_position(), entry.size());
            tables.push(StoredTable { table: name.clone(), offset, bytes, rows: table.rows });
        }
    }
    Ok(tables)
}
