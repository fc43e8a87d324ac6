//! Documents beside the bundles: decisions, markers, stops and waivers of the gate, and signatures. Each is written
//! once. A journal is a folder of numbered documents, of which the last one counts.

use std::collections::BTreeSet;

use bytes::Bytes;
use casefile_evidence::Digest;

use crate::error::ArchiveError;
use crate::layout::{DECISIONS, Partition, value};
use crate::{Archive, What, begins};

/// A folder of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder(String);

impl Folder {
    /// That of a service, or of a service in a region: `<kind>/service=<name>/region=<region>`.
    ///
    /// # Errors
    /// [`ArchiveError::Name`].
    pub fn of(kind: &str, service: &str, region: Option<&str>) -> Result<Self, ArchiveError> {
        let service = value("service", service)?;
        let region = region.map(|region| value("region", region)).transpose()?;
        Ok(Self(format!("{kind}/service={service}{}", region.map(|it| format!("/region={it}")).unwrap_or_default())))
    }

    /// That of what has a digest: `<kind>/<digest>`.
    ///
    /// # Errors
    /// [`ArchiveError::Name`].
    pub fn of_digest(kind: &str, digest: &str) -> Result<Self, ArchiveError> {
        Ok(Self(format!("{kind}/{}", value("digest", digest)?)))
    }

    /// That of every service: `<kind>/all`.
    pub fn of_all(kind: &str) -> Self {
        Self(format!("{kind}/all"))
    }
}

impl Partition {
    /// The folder of its documents of a kind.
    pub fn documents(&self, kind: &str) -> Folder {
        Folder(self.folder(kind))
    }
}

impl std::fmt::Display for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Archive {
    /// The folders of a kind that have documents.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn folders(&self, kind: &str) -> Result<Vec<Folder>, ArchiveError> {
        let keys = self.keys(kind).await?;
        let folders: BTreeSet<String> =
            keys.iter().filter_map(|key| key.rsplit_once('/').map(|(folder, _)| folder.to_owned())).collect();
        Ok(folders.into_iter().map(Folder).collect())
    }

    /// The last document of a journal, and its number; 0 and none if the journal is empty.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn last(&self, journal: &Folder) -> Result<(u64, Option<Bytes>), ArchiveError> {
        let keys = self.keys(&journal.0).await?.into_iter();
        let numbered = keys.filter_map(|key| Some((number(&journal.0, &key)?, key)));
        match numbered.max() {
            Some((number, key)) => Ok((number, Some(self.read(&key).await?))),
            None => Ok((0, None)),
        }
    }

    /// Writes the document after number `last` of a journal. Returns whether it was written: another may have been
    /// faster.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn append_document(&self, journal: &Folder, last: u64, bytes: Vec<u8>) -> Result<bool, ArchiveError> {
        self.put_new(&format!("{}/{:08}.json", journal.0, last + 1), bytes).await
    }

    /// Writes a document that has a name, unless it is there.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn put_document(&self, folder: &Folder, name: &str, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        self.put_new(&format!("{}/{name}.json", folder.0), bytes).await.map(drop)
    }

    /// The documents of a folder that are named by a digest, each with its key and that digest. Nothing else in the folder is
    /// read.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn documents(&self, folder: &Folder) -> Result<Vec<(String, String, Bytes)>, ArchiveError> {
        let mut documents = Vec::new();
        for key in self.keys(&folder.0).await? {
            if let Some(digest) = digest_in(&key) {
                let bytes = self.read(&key).await?;
                documents.push((key, digest, bytes));
            }
        }
        Ok(documents)
    }

    /// The decision whose digest begins with `prefix`, and its key.
    ///
    /// # Errors
    /// Where no decision, or more than one, has such a digest.
    pub async fn decision(&self, prefix: &str) -> Result<(String, Bytes), ArchiveError> {
        let keys = self.keys(DECISIONS).await?.into_iter();
        let named = keys.filter(|key| digest_in(key).is_some_and(|digest| begins(&digest, prefix)));
        let key = self.only(What::Decision, prefix, named.collect())?;
        let bytes = self.read(&key).await?;
        Ok((key, bytes))
    }
}

/// The digest that a document is named by: `<digest>.json`.
pub(crate) fn digest_in(key: &str) -> Option<String> {
    Some(Digest::parse(key.rsplit('/').next()?.strip_suffix(".json")?)?.to_string())
}

fn number(journal: &str, key: &str) -> Option<u64> {
    key.strip_prefix(journal)?.strip_prefix('/')?.strip_suffix(".json")?.parse().ok()
}
