//! Whether a role may add to an archive, found out without adding anything.

use futures::TryStreamExt;
use object_store::{Error, PutMode, PutOptions};

use crate::{Archive, ArchiveError};

/// Whether objects may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanAdd {
    /// They may.
    Yes,
    /// The store refused.
    No(String),
    /// The archive has no bundle yet, so there is nothing to try it with.
    Unknown,
}

impl Archive {
    /// Writes a bundle's object a second time, create-only: a store that lets the caller write answers that the object
    /// exists already, and any other store refuses before it looks. Nothing is written.
    ///
    /// # Errors
    /// Where the archive cannot be listed.
    pub async fn can_add(&self) -> Result<CanAdd, ArchiveError> {
        let folder = self.key("bundles");
        let first = self.store.list(Some(&folder)).try_next().await.map_err(self.failed("bundles"))?;
        let Some(object) = first else { return Ok(CanAdd::Unknown) };
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        Ok(match self.locking.put_opts(&object.location, Vec::new().into(), create).await {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => CanAdd::Yes,
            Err(error) => CanAdd::No(error.to_string()),
            Ok(_) => CanAdd::Unknown,
        })
    }
}
