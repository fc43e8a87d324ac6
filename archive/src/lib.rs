//! The archive: sealed bundles and their verdicts, kept create-only on disk or in S3, and an index of them.
//!
//! ```text
//! bundles/service=<name>/region=<region>/date=<day>/<digest>.tar
//! verdicts/service=<name>/region=<region>/date=<day>/<bundle digest>-<verdict digest>.json
//! packs/<digest>.json          the checks that computed a verdict
//! configs/<digest>.json        the settings that a verdict was computed with
//! index/<level>-<digest>.parquet
//! decisions/, markers/, stops/, waivers/    documents of the gate
//! tables/                      the compacted copy: can be removed and made again
//! labels/<bundle digest>/<number>.json    whether it succeeded, as a person said afterwards
//! attestations/<digest of a verdict, decision or waiver>/<key id>.json    signatures of it
//! ```
//!
//! Bundles and verdicts are the truth. The index is derived from them: [`Archive::rebuild`] makes it again. Its files
//! ("segments") are immutable; a reader takes the union. So two jobs can add at once, without a lock.

mod add;
mod compact;
mod cost;
mod documents;
mod entry;
mod error;
mod index;
mod labels;
mod layout;
mod ranged;
mod rights;
mod roles;
mod stats;
mod verdict;
mod verify;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

pub use add::{Added, Kept};
use bytes::Bytes;
use casefile_evidence::{Bundle, OpenError};
pub use casefile_objects::AwsPartition;
pub use compact::{COLUMNS, Compacted, CompactedFile, KnownMonth, Month, athena, compacted_schema, one_of_each};
pub use cost::Cost;
pub use documents::Folder;
pub use entry::{Entry, StoredTable};
pub use error::{ArchiveError, What};
use futures::TryStreamExt;
pub use index::Rebuilt;
pub use labels::{LABELS, Label, Truth};
pub use layout::{ATTESTATIONS, DECISIONS, MARKERS, Partition, STOPS, WAIVERS};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
pub use ranged::{Batches, Manifests};
pub use rights::CanAdd;
pub use roles::{Place, Role};
pub use stats::{Group, Stats, stats};
pub use verdict::VerdictFile;
pub use verify::{Problem, Verified, VerifyOptions};

/// An archive: a folder of an object store.
#[derive(Debug, Clone)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    /// Writes what must stay; the same store unless that sets a retention.
    locking: Arc<dyn ObjectStore>,
    root: Key,
    name: String,
}

/// The largest bundle that is read into memory, in bytes.
const IN_MEMORY: i64 = 16 << 20;

impl Archive {
    /// An archive on disk. `create`: the folder is made if it does not exist.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], or where the folder cannot be made.
    pub fn on_disk(folder: &Path, create: bool) -> Result<Self, ArchiveError> {
        let name = folder.display().to_string();
        if create {
            std::fs::create_dir_all(folder).map_err(|source| ArchiveError::File { path: folder.to_owned(), source })?;
        } else if !folder.is_dir() {
            return Err(ArchiveError::Missing { archive: name });
        }
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|source| ArchiveError::store(&name, source))?;
        Ok(Self::in_store(Arc::new(store), Key::default(), name))
    }

    /// An archive in an object store, below `root`. Messages use `name`.
    pub fn in_store(store: Arc<dyn ObjectStore>, root: Key, name: String) -> Self {
        Self { locking: Arc::clone(&store), store, root, name }
    }

    /// Writes bundles, verdicts, rules and documents through another client of the same place, which sets a retention. The
    /// index and the compacted copy are made again and again, and have none.
    pub fn with_locking_store(mut self, store: Arc<dyn ObjectStore>) -> Self {
        self.locking = store;
        self
    }

    /// The client that writes an object.
    fn writer(&self, relative: &str) -> &dyn ObjectStore {
        let again = [layout::INDEX, compact::TABLES].iter().any(|folder| relative.starts_with(folder));
        if again { self.store.as_ref() } else { self.locking.as_ref() }
    }

    /// The name in messages: the folder, or the URL.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its object store, for a query engine.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The key in its object store of a key of the archive.
    pub fn key(&self, relative: &str) -> Key {
        relative.split('/').fold(self.root.clone(), |key, part| key.join(part))
    }

    /// The key relative to the archive.
    fn relative(&self, key: &Key) -> String {
        let key = key.as_ref();
        key.strip_prefix(self.root.as_ref()).unwrap_or(key).trim_start_matches('/').to_owned()
    }

    fn failed(&self, relative: &str) -> impl FnOnce(object_store::Error) -> ArchiveError {
        let place = format!("{}/{relative}", self.name.trim_end_matches('/'));
        move |source| ArchiveError::store(&place, source)
    }

    /// As [`Archive::failed`], for an object that must be there.
    fn gone(&self, relative: &str) -> impl FnOnce(object_store::Error) -> ArchiveError {
        let failed = self.failed(relative);
        let place = relative.to_owned();
        move |source| match source {
            object_store::Error::NotFound { .. } => {
                ArchiveError::Changed { place, problem: "it is missing".to_owned() }
            }
            other => failed(other),
        }
    }

    async fn read(&self, relative: &str) -> Result<Bytes, ArchiveError> {
        let answer = async { self.store.get(&self.key(relative)).await?.bytes().await };
        answer.await.map_err(self.failed(relative))
    }

    /// The objects below a folder, by key.
    async fn objects(&self, folder: &str) -> Result<Vec<ObjectMeta>, ArchiveError> {
        let mut found: Vec<ObjectMeta> =
            self.store.list(Some(&self.key(folder))).try_collect().await.map_err(self.failed(folder))?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(found)
    }

    /// The keys below a folder, sorted.
    async fn keys(&self, folder: &str) -> Result<Vec<String>, ArchiveError> {
        Ok(self.objects(folder).await?.iter().map(|object| self.relative(&object.location)).collect())
    }

    /// The entry whose bundle digest begins with `prefix`: that of its newest verdict.
    ///
    /// # Errors
    /// Where no bundle, or more than one, has such a digest.
    pub async fn find(&self, prefix: &str) -> Result<Entry, ArchiveError> {
        let mut entries = self.entries().await?;
        entries.retain(|entry| begins(&entry.bundle, prefix));
        entries.sort_by(|a, b| (&a.bundle, a.as_of, &a.verdict_digest).cmp(&(&b.bundle, b.as_of, &b.verdict_digest)));
        // Of each bundle its newest verdict.
        let newest = entries.chunk_by(|a, b| a.bundle == b.bundle).filter_map(|of_bundle| of_bundle.last().cloned());
        self.only(What::Bundle, prefix, newest.collect())
    }

    /// The one thing that a prefix names.
    fn only<T>(&self, what: What, prefix: &str, mut named: Vec<T>) -> Result<T, ArchiveError> {
        let prefix = prefix.to_owned();
        match (named.pop(), named.len()) {
            (Some(one), 0) => Ok(one),
            (Some(_), more) => Err(ArchiveError::Ambiguous { what, prefix, count: more + 1 }),
            (None, _) => Err(ArchiveError::NotThere { what, prefix, archive: self.name.clone() }),
        }
    }

    /// The pack (`packs`) or the config (`configs`) with this digest; `None` if the archive does not have it.
    ///
    /// # Errors
    /// Where it cannot be read, or a config was changed.
    pub async fn kept(&self, kind: &str, digest: &str) -> Result<Option<Bytes>, ArchiveError> {
        let key = layout::kept(kind, digest);
        match self.read(&key).await {
            Ok(bytes) => match verify::changed_config(&key, &bytes) {
                Some(problem) => Err(ArchiveError::Changed { place: key, problem }),
                None => Ok(Some(bytes)),
            },
            Err(ArchiveError::Store { source: object_store::Error::NotFound { .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The verdict whose digest begins with `prefix`.
    ///
    /// # Errors
    /// Where no verdict, or more than one, has such a digest, or it was changed.
    pub async fn verdict(&self, prefix: &str) -> Result<VerdictFile, ArchiveError> {
        let mut entries = self.entries().await?;
        entries.retain(|entry| entry.verdict_digest.as_ref().is_some_and(|digest| begins(digest, prefix)));
        self.verdict_of(&self.only(What::Verdict, prefix, entries)?).await
    }

    /// The verdict of an entry, which must have one.
    ///
    /// # Errors
    /// Where it cannot be read, or was changed.
    pub async fn verdict_of(&self, entry: &Entry) -> Result<VerdictFile, ArchiveError> {
        let digest = entry.verdict_digest.as_deref().unwrap_or("(none)");
        let (service, region, date) = (entry.service.clone(), entry.region.clone(), entry.date.clone());
        let key = Partition { service, region, date }.verdict(&entry.bundle, digest);
        let answer = async { self.store.get(&self.key(&key)).await?.bytes().await };
        let file = VerdictFile::read(answer.await.map_err(self.gone(&key))?.to_vec(), &key)?;
        if file.digest() == digest {
            return Ok(file);
        }
        Err(ArchiveError::Verdict { place: key, problem: format!("holds another verdict, {}", file.digest()) })
    }

    /// Writes the bundle of an entry to a file (`.tar`) that does not exist, and opens it, which checks it.
    ///
    /// # Errors
    /// Where it cannot be read or written, or is not the bundle of that digest.
    pub async fn fetch(&self, entry: &Entry, to: &Path) -> Result<Bundle, ArchiveError> {
        self.download(&entry.key, None, to).await?;
        let checked = is_of(entry, Bundle::open(to), to);
        if checked.is_err() {
            // Nobody takes for the bundle what is none.
            std::fs::remove_file(to).map_err(|source| ArchiveError::File { path: to.to_owned(), source })?;
        }
        checked
    }

    /// A bundle, to be read once: in memory where it is small, else from a file.
    ///
    /// # Errors
    /// As [`Archive::fetch`].
    pub async fn bundle(&self, entry: &Entry) -> Result<Bundle, ArchiveError> {
        if entry.bytes > IN_MEMORY {
            let folder = temporary()?;
            return self.fetch(entry, &folder.path().join("bundle.tar")).await;
        }
        let answer = self.store.get(&self.key(&entry.key)).await.map_err(self.gone(&entry.key))?;
        if i64::try_from(answer.meta.size) != Ok(entry.bytes) {
            let problem = format!("it has {} bytes, and not {}", answer.meta.size, entry.bytes);
            return Err(ArchiveError::Changed { place: entry.key.clone(), problem });
        }
        let bytes = answer.bytes().await.map_err(self.failed(&entry.key))?;
        let name = Path::new(&entry.key);
        is_of(entry, Bundle::in_memory(&bytes, name), name)
    }

    /// Writes an object, or a range of it, to a file that does not exist.
    async fn download(&self, relative: &str, range: Option<GetRange>, to: &Path) -> Result<(), ArchiveError> {
        let unwritable = |source| ArchiveError::File { path: to.to_owned(), source };
        let options = GetOptions { range, ..GetOptions::default() };
        let answer = self.store.get_opts(&self.key(relative), options).await.map_err(self.gone(relative))?;
        let mut chunks = answer.into_stream();
        // Not on another thread: that takes longer than the writing.
        let mut file = std::fs::File::create_new(to).map_err(unwritable)?;
        while let Some(chunk) = chunks.try_next().await.map_err(self.failed(relative))? {
            file.write_all(&chunk).map_err(unwritable)?;
        }
        Ok(())
    }
}

/// The bundle, if it is that of the entry.
fn is_of(entry: &Entry, opened: Result<Bundle, OpenError>, at: &Path) -> Result<Bundle, ArchiveError> {
    let place = || entry.key.clone();
    match opened {
        Ok(bundle) if bundle.digest().to_string() == entry.bundle => Ok(bundle),
        Ok(other) => Err(ArchiveError::OtherBundle { place: place(), found: other.digest().to_string() }),
        Err(error) => Err(ArchiveError::Changed { place: place(), problem: unsound(&error, at) }),
    }
}

/// What is wrong with a bundle, without the name of the file that it was written to.
fn unsound(error: &OpenError, file: &Path) -> String {
    error.to_string().replace(&file.display().to_string(), "it")
}

/// A folder that is removed with the value.
fn temporary() -> Result<tempfile::TempDir, ArchiveError> {
    let made = tempfile::Builder::new().prefix("casefile-").tempdir();
    made.map_err(|source| ArchiveError::File { path: std::env::temp_dir(), source })
}

/// Whether a digest begins with these digits; `sha256:` may stand before them.
fn begins(digest: &str, prefix: &str) -> bool {
    digest.starts_with(prefix.trim_start_matches("sha256:"))
}
