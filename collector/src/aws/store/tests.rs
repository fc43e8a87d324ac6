//! Puts bundles into stores that are whole, and into such that fail.

use std::future::{pending, ready};

use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{BundleWriter, ManifestHead};
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, ObjectMeta, PutMultipartOptions, PutResult, Result, UploadPart,
};

use casefile_objects::PART;
use object_store::{MultipartUpload, PutOptions, PutPayload};

use super::*;

#[test]
fn urls_name_a_bucket_and_a_key() {
    let url = S3Url::parse("s3://evidence/2026/rollout.bundle/").unwrap();
    assert_eq!((url.to_string().as_str(), url.name()), ("s3://evidence/2026/rollout.bundle", "rollout.bundle"));
    assert_eq!(url.arn("eu-west-1"), "arn:aws:s3:::evidence/2026/rollout.bundle");
    assert_eq!(url.arn("cn-north-1"), "arn:aws-cn:s3:::evidence/2026/rollout.bundle");
    assert_eq!(url.aws_s3("cp"), "aws s3 cp --recursive s3://evidence/2026/rollout.bundle");
    assert_eq!(S3Url::parse("s3://evidence/a.tar").unwrap().aws_s3("rm"), "aws s3 rm s3://evidence/a.tar");
    let wrong = ["s3://", "s3://evidence", "s3://evidence/", "s3:///key", "s3://Evidence/x", "s3://evidence/a//b"];
    for url in wrong.into_iter().chain(["s3://evidence/../x", "https://evidence/x"]) {
        assert!(matches!(S3Url::parse(url), Err(StoreError::Url { .. })), "{url}");
    }
}

fn store_of(store: Arc<dyn ObjectStore>) -> Store {
    Store { store, url: S3Url::parse("s3://evidence/a/b.bundle").unwrap() }
}

fn store() -> Store {
    store_of(Arc::new(InMemory::new()))
}

async fn keys(store: &Store) -> Vec<(String, u64)> {
    let mut keys: Vec<_> =
        store.store.list(None).map(|found| found.map(|it| (it.location.to_string(), it.size)).unwrap()).collect().await;
    keys.sort();
    keys
}

/// A bundle with so many bytes that do not compress.
fn bundle(path: &Path, bytes: usize) {
    let mut writer = BundleWriter::create(path).unwrap();
    let mut noise = 1_u64;
    for seq in 0..bytes.div_ceil(1 << 16) {
        let message = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + u8::try_from(noise >> 58).unwrap())
        });
        let message = message.take(1 << 16).collect();
        writer.push(LogEventRow { seq: i64::try_from(seq).unwrap(), message, ..LogEventRow::default() }).unwrap();
    }
    writer.seal(&ManifestHead::default()).unwrap();
}

#[tokio::test]
async fn a_bag_is_put_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag");
    bundle(&path, 0);
    let store = store();
    store.check().await.unwrap();
    store.put(&path, pending()).await.unwrap();
    let there: Vec<String> = keys(&store).await.into_iter().map(|(key, _)| key).collect();
    let files = casefile_evidence::files(&path);
    assert_eq!(files.last().map(String::as_str), Some("tagmanifest-sha256.txt"));
    assert_eq!(there, files.iter().map(|name| format!("a/b.bundle/{name}")).collect::<Vec<_>>());
    assert!(matches!(store.check().await, Err(StoreError::Exists { .. })));
    assert!(matches!(store.put(&path, pending()).await, Err(StoreError::Exists { .. })));
}

#[tokio::test]
async fn a_large_archive_is_put_in_parts_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    bundle(&path, 2 * PART);
    let length = std::fs::metadata(&path).unwrap().len();
    assert!(length > PART as u64, "{length}");
    let store = store();
    store.put(&path, pending()).await.unwrap();
    assert_eq!(keys(&store).await, [("a/b.bundle".to_owned(), length)]);
    assert!(matches!(store.put(&path, pending()).await, Err(StoreError::Exists { .. })));
}

/// Where an upload in parts fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Create,
    Part,
    Complete,
    /// It is never answered.
    Hang,
}

/// A store in memory that takes objects, and no parts.
#[derive(Debug)]
struct Failing {
    inner: InMemory,
    at: At,
    aborted: Arc<Mutex<u32>>,
}

#[derive(Debug)]
struct Parts {
    at: At,
    aborted: Arc<Mutex<u32>>,
}

fn unavailable() -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: "status code: 503 Slow Down".into() }
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failing")
    }
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, _: PutPayload) -> UploadPart {
        match self.at {
            At::Part => Box::pin(ready(Err(unavailable()))),
            At::Hang => Box::pin(pending()),
            At::Create | At::Complete => Box::pin(ready(Ok(()))),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        Err(unavailable())
    }

    async fn abort(&mut self) -> Result<()> {
        *self.aborted.lock().unwrap() += 1;
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, location: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, _: &Key, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        match self.at {
            At::Create => Err(unavailable()),
            at => Ok(Box::new(Parts { at, aborted: Arc::clone(&self.aborted) })),
        }
    }

    async fn get_opts(&self, location: &Key, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn an_upload_in_parts_that_fails_leaves_neither_parts_nor_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    bundle(&path, 3 * PART);
    for (at, aborts) in [(At::Create, 0), (At::Part, 1), (At::Complete, 1), (At::Hang, 1)] {
        let aborted = Arc::default();
        let store = store_of(Arc::new(Failing { inner: InMemory::new(), at, aborted: Arc::clone(&aborted) }));
        let stop = async move {
            match at {
                At::Hang => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => pending().await,
            }
        };
        let error = store.put(&path, stop).await.unwrap_err();
        match at {
            At::Hang => assert!(matches!(error, StoreError::Interrupted { .. }), "{error}"),
            _ => assert!(error.to_string().contains("503"), "{at:?}: {error}"),
        }
        assert_eq!(*aborted.lock().unwrap(), aborts, "{at:?}");
        assert_eq!(keys(&store).await, [], "{at:?}");
        // The place is free for another try.
        store.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_stop_ends_a_bag_between_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag");
    bundle(&path, 0);
    let store = store();
    let error = store.put(&path, ready(())).await.unwrap_err();
    assert!(error.to_string().ends_with("`aws s3 rm --recursive s3://evidence/a/b.bundle`"), "{error}");
    assert_eq!(keys(&store).await, []);
}

#[test]
fn a_status_is_what_was_answered_and_no_part_of_a_name() {
    let said = "Error performing PUT http://s3/build-1403/404 in 1ms - Server returned non-2xx status code: 503 Slow";
    assert_eq!(url::status(said), Some(503));
    assert_eq!(url::status("error sending request for url (http://s3/build-1403/x)"), None);
}
