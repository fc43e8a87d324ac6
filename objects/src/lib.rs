//! Create-only writes of files and bytes into an object store: S3, or a folder.
//!
//! An object is never written over. A file up to [`PART`] bytes is one conditional request (`If-None-Match: *`); a larger
//! one is uploaded in parts, with bounded memory.

mod partition;

use std::path::{Path, PathBuf};
use std::pin::Pin;

use futures::TryStreamExt;
use futures::stream::FuturesUnordered;
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

pub use partition::AwsPartition;

/// A longer file is uploaded in parts of this size (multipart upload); S3 takes 10,000 of them.
pub const PART: usize = 16 << 20;
/// Parts in flight: with [`PART`], this bounds the memory.
const PARTS_AT_ONCE: usize = 2;

/// Ends a write early. It is not polled again after it ended.
pub type Stop<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

/// An object was not written.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// There is an object with this key.
    #[error("it exists already")]
    Exists,
    /// `stop` ended the write.
    #[error("the upload was interrupted")]
    Interrupted,
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The store refuses, or cannot be reached.
    #[error(transparent)]
    Store(object_store::Error),
}

/// Writes bytes to a key that has no object.
///
/// # Errors
/// [`PutError`].
pub async fn put_bytes(
    store: &dyn ObjectStore,
    key: &Key,
    payload: impl Into<PutPayload> + Send,
    stop: &mut Stop<'_>,
) -> Result<(), PutError> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    unless(stop, store.put_opts(key, payload.into(), options)).await.map(drop)
}

/// Writes a file to a key that has no object.
///
/// # Errors
/// [`PutError`]. The key then has no object, unless it had one before.
pub async fn put_file(store: &dyn ObjectStore, key: &Key, path: &Path, stop: &mut Stop<'_>) -> Result<(), PutError> {
    let unreadable = |source| PutError::File { path: path.to_owned(), source };
    let mut file = File::open(path).await.map_err(unreadable)?;
    if file.metadata().await.map_err(unreadable)?.len() <= PART as u64 {
        let bytes = tokio::fs::read(path).await.map_err(unreadable)?;
        return put_bytes(store, key, bytes, stop).await;
    }
    // A multipart upload may replace an object. So an empty object takes the key first.
    put_bytes(store, key, PutPayload::new(), stop).await?;
    let uploaded = match unless(stop, store.put_multipart(key)).await {
        Ok(mut upload) => {
            let uploaded = put_parts(upload.as_mut(), &mut file, path, stop).await;
            if uploaded.is_err() {
                // Parts of an upload that is not completed cost money until they are removed.
                let _ = upload.abort().await;
            }
            uploaded
        }
        Err(error) => Err(error),
    };
    if uploaded.is_err() {
        // The empty object is ours. If it stays, the caller's error names the key.
        let _ = store.delete(key).await;
    }
    uploaded
}

async fn put_parts(
    upload: &mut dyn MultipartUpload,
    file: &mut File,
    path: &Path,
    stop: &mut Stop<'_>,
) -> Result<(), PutError> {
    let mut in_flight = FuturesUnordered::new();
    loop {
        let mut part = Vec::with_capacity(PART);
        let read = file.take(PART as u64).read_to_end(&mut part).await;
        if read.map_err(|source| PutError::File { path: path.to_owned(), source })? == 0 {
            break;
        }
        in_flight.push(upload.put_part(part.into()));
        if in_flight.len() == PARTS_AT_ONCE {
            unless(stop, in_flight.try_next()).await?;
        }
    }
    while unless(stop, in_flight.try_next()).await?.is_some() {}
    unless(stop, upload.complete()).await.map(drop)
}

/// The answer of the store, unless `stop` ends first.
async fn unless<T>(stop: &mut Stop<'_>, answer: impl Future<Output = object_store::Result<T>>) -> Result<T, PutError> {
    tokio::select! {
        biased;
        () = stop.as_mut() => Err(PutError::Interrupted),
        answered = answer => answered.map_err(|error| match error {
            object_store::Error::AlreadyExists { .. } => PutError::Exists,
            error => PutError::Store(error),
        }),
    }
}
