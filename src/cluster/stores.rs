//! Archives as object stores: their URLs name them, so that every machine of a cluster opens them by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use casefile_analyzer::place_in_url;
use datafusion::common::plan_datafusion_err;
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::OnceCell;
use url::Url;

use crate::verbs::archive::open;

/// The archives that were named so far, and no other store.
#[derive(Debug, Default)]
pub(super) struct Stores(Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>);

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> datafusion::common::Result<Arc<dyn ObjectStore>> {
        let place = place_in_url(url).ok_or_else(|| plan_datafusion_err!("{url} is not in an archive"))?;
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = |place: &String| -> Arc<dyn ObjectStore> {
            Arc::new(Store { place: place.clone(), opened: Arc::default() })
        };
        Ok(Arc::clone(stores.entry(place).or_insert_with_key(new)))
    }
}

/// The store of an archive, to read. It is opened with the first request.
#[derive(Debug, Clone)]
struct Store {
    place: String,
    opened: Arc<OnceCell<Arc<dyn ObjectStore>>>,
}

impl Store {
    async fn open(&self) -> Result<&Arc<dyn ObjectStore>> {
        let opened = async || Ok(open(&self.place, false).await?.store());
        let failed = |source: crate::error::Error| StoreError::Generic { store: "archive", source: source.into() };
        self.opened.get_or_try_init(opened).await.map_err(failed)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

fn only_read<T>() -> Result<T> {
    Err(StoreError::NotSupported { source: "an archive is only read by a cluster".into() })
}

#[async_trait::async_trait]
impl ObjectStore for Store {
    async fn get_opts(&self, location: &Key, options: GetOptions) -> Result<GetResult> {
        self.open().await?.get_opts(location, options).await
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listed = async move { Ok::<_, StoreError>(store.open().await?.list(prefix.as_ref())) };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.open().await?.list_with_delimiter(prefix).await
    }

    async fn put_opts(&self, _: &Key, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        only_read()
    }

    async fn put_multipart_opts(&self, _: &Key, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        only_read()
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        stream::iter([only_read()]).boxed()
    }

    async fn copy_opts(&self, _: &Key, _: &Key, _: CopyOptions) -> Result<()> {
        only_read()
    }
}
