//! Whether a role may add to an archive, found out without adding anything.

use futures::TryStreamExt;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions};

use crate::{Archive, ArchiveError};

/// Whether objects may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanAdd {
    /// They may, and none is overwritten.
    Yes,
    /// The store refused.
    No(String),
    /// The store ignores the condition and overwrites existing objects.
    Overwrites,
    /// The archive has no verdict yet, so there is nothing to try it with.
    Empty,
}

impl Archive {
    /// Writes a verdict a second time, with the bytes that it has, create-only. The store must refuse because the object
    /// exists: S3 checks the right to write before the condition. Where a store ignores the condition, the object keeps its
    /// content.
    ///
    /// # Errors
    /// Where the archive cannot be listed or read.
    pub async fn can_add(&self) -> Result<CanAdd, ArchiveError> {
        let folder = self.key("verdicts");
        let first = self.store.list(Some(&folder)).try_next().await.map_err(self.failed("verdicts"))?;
        let Some(object) = first else { return Ok(CanAdd::Empty) };
        let read = async { self.store.get(&object.location).await?.bytes().await };
        let bytes = read.await.map_err(self.failed("verdicts"))?;
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.locking.put_opts(&object.location, bytes.into(), create).await {
            Ok(_) => Ok(CanAdd::Overwrites),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(CanAdd::Yes),
            Err(error @ (Error::PermissionDenied { .. } | Error::Unauthenticated { .. })) => {
                Ok(CanAdd::No(error.to_string()))
            }
            Err(error) => Err(self.failed("verdicts")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::ObjectStore;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    #[tokio::test]
    async fn trying_changes_nothing() {
        let store = Arc::new(InMemory::new());
        let archive = Archive::in_store(Arc::clone(&store) as _, Path::from("root"), "memory".to_owned());
        assert_eq!(archive.can_add().await.unwrap(), CanAdd::Empty);
        let key = Path::from("root/verdicts/a.json");
        store.put(&key, "{}".into()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(archive.can_add().await.unwrap(), CanAdd::Yes);
        }
        assert_eq!(&store.get(&key).await.unwrap().bytes().await.unwrap()[..], b"{}");
        assert_eq!(store.list(None).try_collect::<Vec<_>>().await.unwrap().len(), 1);
    }
}
