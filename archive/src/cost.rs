//! What is read from an archive's object store: S3 bills each request, and traffic out of a region.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::BoxStream;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use crate::Archive;

/// What was read so far.
#[derive(Debug, Default)]
pub struct Cost {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Cost {
    /// GET and HEAD requests, with those for objects that are not there; not listings, and not what was tried again.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The bytes of the answers.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Archive {
    /// The same archive, with a count of what is read from it.
    pub fn counting(mut self) -> (Self, Arc<Cost>) {
        let cost = Arc::new(Cost::default());
        self.store = Arc::new(Counting { store: self.store, cost: Arc::clone(&cost) });
        (self, cost)
    }
}

/// An object store that counts reads.
#[derive(Debug)]
struct Counting {
    store: Arc<dyn ObjectStore>,
    cost: Arc<Cost>,
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Counting {
    async fn get_opts(&self, location: &Key, options: GetOptions) -> Result<GetResult> {
        self.cost.requests.fetch_add(1, Ordering::Relaxed);
        let is_head = options.head;
        let answer = self.store.get_opts(location, options).await?;
        if !is_head {
            self.cost.bytes.fetch_add(answer.range.end.saturating_sub(answer.range.start), Ordering::Relaxed);
        }
        Ok(answer)
    }

    // All else is the store's own.

    async fn put_opts(&self, location: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.store.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Key,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Key>, offset: &Key) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Key, to: &Key, options: RenameOptions) -> Result<()> {
        self.store.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn reads_are_counted_with_those_of_a_part_and_those_that_fail() {
        let store = InMemory::new();
        let key = Key::from("a/whole");
        store.put(&key, vec![0; 1000].into()).await.unwrap();
        let (archive, cost) = Archive::in_store(Arc::new(store), Key::from("a"), "a".to_owned()).counting();
        assert_eq!((cost.requests(), cost.bytes()), (0, 0));
        assert_eq!(archive.read("whole").await.unwrap().len(), 1000);
        assert_eq!(archive.store().get_range(&key, 100..150).await.unwrap().len(), 50);
        archive.store().head(&key).await.unwrap();
        assert!(archive.read("none").await.is_err());
        assert_eq!((cost.requests(), cost.bytes()), (4, 1050));
    }
}
