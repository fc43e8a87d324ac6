//! The archive that work is done with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use casefile_archive::{Archive, Entry};
use casefile_evidence::Digest;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::error::Error;
use crate::verbs::archive::open;

/// The name of the index as a table of an archive.
pub(crate) const INDEX: &str = "index";

/// An archive that other machines open for themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchiveAt {
    /// Its place: `s3://BUCKET/PREFIX`, or a folder that every machine has.
    pub(crate) place: String,
    /// A digest of the deployments and verdicts that it has. It changes when one is added, and other machines then open the
    /// archive again.
    subject: String,
}

/// Something that is opened once, when it is first needed.
pub(crate) type Lazy<T> = Arc<OnceCell<Arc<T>>>;

impl ArchiveAt {
    pub(crate) fn new<'a>(place: &str, entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, Error> {
        let named: Vec<_> = entries.into_iter().map(|entry| (&entry.bundle, &entry.verdict_digest)).collect();
        let subject = Digest::of(&serde_json::to_vec(&named).map_err(Error::internal)?).to_string();
        Ok(Self { place: place.to_owned(), subject })
    }

    pub(crate) async fn open(&self, opened: &Lazy<OpenArchive>) -> Result<Arc<OpenArchive>, Error> {
        let open = async || {
            let archive = open(&self.place, false).await?;
            let entries = archive.entries().await?;
            Ok::<_, Error>(Arc::new(OpenArchive::new(archive, entries)))
        };
        opened.get_or_try_init(open).await.cloned()
    }
}

/// An archive with its index.
pub(crate) struct OpenArchive {
    pub(crate) archive: Archive,
    /// Its rows, in the order of the index.
    pub(crate) entries: Vec<Entry>,
    places: HashMap<String, usize>,
}

impl OpenArchive {
    pub(crate) fn new(archive: Archive, entries: Vec<Entry>) -> Self {
        let places = entries.iter().enumerate().map(|(place, entry)| (entry.bundle.clone(), place)).collect();
        Self { archive, entries, places }
    }

    /// A row of the index of a bundle: what is said of the bundle itself is the same in all of them.
    pub(crate) fn entry(&self, bundle: &str) -> Result<&Entry, Error> {
        let entry = self.places.get(bundle).and_then(|place| self.entries.get(*place));
        entry.ok_or_else(|| Error::usage(format!("the index of {} does not have {bundle}", self.archive.name())))
    }
}

impl fmt::Debug for OpenArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenArchive").field("archive", &self.archive.name()).finish_non_exhaustive()
    }
}
