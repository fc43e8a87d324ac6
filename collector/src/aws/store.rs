//! Sealed bundles in S3: `s3://bucket/key`, a bag of objects, or one archive.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_ecs::config::ProvideCredentials;
use casefile_evidence::{OpenError, Timestamp};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum, resolve_bucket_region};
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, CredentialProvider, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{Aws, wire};

/// What is longer is uploaded in parts of this size (multipart upload); S3 takes 10,000 of them.
const PART: usize = 16 << 20;
/// Parts on their way at once: with [`PART`], this bounds the memory.
const PARTS_AT_ONCE: usize = 2;
/// A part may take so long.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A place in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    bucket: String,
    key: Key,
}

/// A bundle could not be put into S3.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is no place in S3.
    #[error("{url} is no place in S3 ({problem}): give s3://BUCKET/KEY, e.g. s3://evidence/2026/rollout.bundle")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// Something is there.
    #[error(
        "{url} exists already, and bundles are never overwritten: choose another key; if an upload broke off there, \
         remove what is left with `aws s3 rm --recursive {url}`"
    )]
    Exists {
        /// The place.
        url: S3Url,
    },
    /// There are no credentials for it.
    #[error("there are no AWS credentials for {url}: {problem}")]
    Credentials {
        /// The place.
        url: S3Url,
        /// Why.
        problem: String,
    },
    /// S3 refuses, or cannot be reached.
    #[error("cannot write to {url}: {problem}; {remedy}")]
    Refused {
        /// The place.
        url: S3Url,
        /// What it said.
        problem: String,
        /// What can be done.
        remedy: &'static str,
    },
    /// The bundle on disk cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl S3Url {
    /// How the URLs begin.
    pub const SCHEME: &'static str = "s3://";

    /// Reads an `s3://` URL.
    ///
    /// # Errors
    /// [`StoreError::Url`], where it names no bucket or no key.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let wrong = |problem: &str| StoreError::Url { url: url.to_owned(), problem: problem.to_owned() };
        let rest = url.strip_prefix(Self::SCHEME).ok_or_else(|| wrong("it does not begin with s3://"))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        // S3, "General purpose bucket naming rules".
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(named) {
            return Err(wrong("a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"));
        }
        let key = Key::parse(key.strip_suffix('/').unwrap_or(key)).map_err(|error| wrong(&error.to_string()))?;
        match key.filename() {
            Some(_) => Ok(Self { bucket: bucket.to_owned(), key }),
            None => Err(wrong("it has no key")),
        }
    }

    /// The key's last part: what the bundle is called.
    pub fn name(&self) -> &str {
        self.key.filename().unwrap_or_default()
    }

    /// The ARN of everything at this place.
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:::{}/{}", self.bucket, self.key)
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}", Self::SCHEME, self.bucket, self.key)
    }
}

/// A place in S3 that a bundle is to be put at.
#[derive(Debug)]
pub struct Store {
    store: Arc<dyn ObjectStore>,
    url: S3Url,
}

impl Aws {
    /// A place in S3, with these credentials. The endpoint is `AWS_ENDPOINT_URL_S3`, else the one of every service.
    /// On AWS's own, the bucket may be in any region.
    ///
    /// # Errors
    /// [`StoreError`], where there are no credentials.
    pub async fn store(&self, url: S3Url) -> Result<Store, StoreError> {
        let given = std::env::var("AWS_ENDPOINT_URL_S3").ok().filter(|url| !url.is_empty());
        let endpoint = given.or_else(|| self.config().endpoint_url().map(str::to_owned));
        let client = ClientOptions::new().with_timeout(TIMEOUT);
        let region = match endpoint {
            Some(_) => None,
            None => resolve_bucket_region(&url.bucket, &client).await.ok(),
        };
        let region = region.unwrap_or_else(|| self.region().to_owned());
        let china = region.starts_with("cn-").then(|| format!("https://s3.{region}.amazonaws.com.cn"));
        let credentials = Chain { aws: self.clone(), held: Mutex::default() };
        // That there are none is said at once.
        credentials
            .get_credential()
            .await
            .map_err(|error| StoreError::Credentials { url: url.clone(), problem: wire::chain(&error) })?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&url.bucket)
            .with_region(region)
            .with_credentials(Arc::new(credentials))
            .with_checksum_algorithm(Checksum::SHA256)
            .with_client_options(client);
        if let Some(endpoint) = endpoint.or(china) {
            builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
        }
        let store = builder.build().map_err(|error| refused(&url, &error))?;
        Ok(Store { store: Arc::new(store), url })
    }
}

/// The credentials of the SDK's chain, which are got anew before they expire: a collection may take longer.
#[derive(Debug)]
struct Chain {
    aws: Aws,
    held: Mutex<Option<(Arc<AwsCredential>, Option<Timestamp>)>>,
}

/// Credentials are not used for so long before they expire, in milliseconds.
const SPARE_MS: i64 = 60_000;

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let soon = self.aws.clock().now().plus_millis(SPARE_MS);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((credential, expiry)) = held
            && expiry.is_none_or(|expiry| expiry > soon)
        {
            return Ok(credential);
        }
        let failed = |source| object_store::Error::Generic { store: "S3", source };
        let provider =
            self.aws.config().credentials_provider().ok_or_else(|| failed("nothing provides them".into()))?;
        let new = provider.provide_credentials().await.map_err(|error| failed(error.into()))?;
        let expiry = new.expiry().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let expiry = expiry.and_then(|since| i64::try_from(since.as_millis()).ok()).map(Timestamp);
        let credential = Arc::new(AwsCredential {
            key_id: new.access_key_id().to_owned(),
            secret_key: new.secret_access_key().to_owned(),
            token: new.session_token().map(str::to_owned),
        });
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&credential), expiry));
        Ok(credential)
    }
}

impl Store {
    /// The place.
    pub fn url(&self) -> &S3Url {
        &self.url
    }

    /// Looks whether the place is free and can be asked, as far as the credentials allow to look: to write, nothing
    /// but `s3:PutObject` is needed.
    ///
    /// # Errors
    /// [`StoreError`], where the bundle cannot be put there.
    pub async fn check(&self) -> Result<(), StoreError> {
        let below = self.store.list(Some(&self.url.key)).next().await;
        match below.transpose() {
            Ok(Some(_)) => return Err(self.exists()),
            Ok(None) => {}
            Err(error) if status(&wire::chain(&error)) == Some(403) => {}
            Err(error) => return Err(refused(&self.url, &error)),
        }
        match self.store.head(&self.url.key).await {
            Ok(_) => Err(self.exists()),
            Err(object_store::Error::NotFound { .. } | object_store::Error::PermissionDenied { .. }) => Ok(()),
            Err(error) => Err(refused(&self.url, &error)),
        }
    }

    /// Uploads a sealed bundle: a folder file by file, an archive as one object. Nothing is written over, and a bag's
    /// `tagmanifest-sha256.txt` comes last, so that what is whole was uploaded whole.
    ///
    /// # Errors
    /// [`StoreError`]; what was uploaded by then stays.
    pub async fn put(&self, bundle: &Path) -> Result<(), StoreError> {
        let broken = |error: OpenError| StoreError::Io { path: bundle.to_owned(), source: io::Error::other(error) };
        casefile_evidence::verify(bundle).map_err(broken)?;
        if bundle.is_file() {
            return self.put_file(bundle, &self.url.key).await;
        }
        for name in casefile_evidence::files(bundle) {
            let key = name.split('/').fold(self.url.key.clone(), |key, part| key.join(part));
            self.put_file(&bundle.join(name), &key).await?;
        }
        Ok(())
    }

    async fn put_file(&self, path: &Path, key: &Key) -> Result<(), StoreError> {
        let unreadable = |source| StoreError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).await.map_err(unreadable)?;
        if file.metadata().await.map_err(unreadable)?.len() <= PART as u64 {
            let bytes = tokio::fs::read(path).await.map_err(unreadable)?;
            return self.claim(key, bytes.into()).await;
        }
        // S3 lets an upload in parts take a place that is taken; so an empty object takes it first.
        self.claim(key, PutPayload::new()).await?;
        let uploaded = match self.store.put_multipart(key).await {
            Ok(mut upload) => {
                let uploaded = self.put_parts(&mut file, path, upload.as_mut()).await;
                if uploaded.is_err() {
                    // Parts that nobody completes cost money until they are removed.
                    let _ = upload.abort().await;
                }
                uploaded
            }
            Err(error) => Err(refused(&self.url, &error)),
        };
        if uploaded.is_err() {
            // It is ours, and holds nothing. That it may stay is told with what to do about it.
            let _ = self.store.delete(key).await;
        }
        uploaded
    }

    async fn put_parts(
        &self,
        file: &mut File,
        path: &Path,
        upload: &mut dyn MultipartUpload,
    ) -> Result<(), StoreError> {
        let mut under_way = FuturesUnordered::new();
        loop {
            let mut part = Vec::with_capacity(PART);
            let read = file.take(PART as u64).read_to_end(&mut part).await;
            if read.map_err(|source| StoreError::Io { path: path.to_owned(), source })? == 0 {
                break;
            }
            under_way.push(upload.put_part(part.into()));
            if under_way.len() == PARTS_AT_ONCE
                && let Some(done) = under_way.next().await
            {
                done.map_err(|error| refused(&self.url, &error))?;
            }
        }
        while let Some(done) = under_way.next().await {
            done.map_err(|error| refused(&self.url, &error))?;
        }
        upload.complete().await.map(drop).map_err(|error| refused(&self.url, &error))
    }

    /// Writes an object where there is none.
    async fn claim(&self, key: &Key, payload: PutPayload) -> Result<(), StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(key, payload, options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => Err(self.exists()),
            Err(error) => Err(refused(&self.url, &error)),
        }
    }

    fn exists(&self) -> StoreError {
        StoreError::Exists { url: self.url.clone() }
    }
}

fn refused(url: &S3Url, error: &(dyn std::error::Error + 'static)) -> StoreError {
    let said = wire::chain(error).split_whitespace().collect::<Vec<_>>().join(" ");
    let remedy = if said.contains("<Code>ExpiredToken") || said.contains("<Code>InvalidToken") {
        "the credentials have expired, and there were no others"
    } else {
        match status(&said) {
            Some(404) => "make the bucket, or name another",
            Some(403) => "the role needs s3:PutObject there",
            _ => "is the endpoint right, and can it be reached?",
        }
    };
    let problem = said.chars().take(400).collect();
    StoreError::Refused { url: url.clone(), problem, remedy }
}

/// The HTTP status that an error of the store tells of in its words.
fn status(said: &str) -> Option<u16> {
    let (_, rest) = said.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use casefile_evidence::tables::LogEventRow;
    use casefile_evidence::{BundleWriter, ManifestHead};
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn urls_name_a_bucket_and_a_key() {
        let url = S3Url::parse("s3://evidence/2026/rollout.bundle/").unwrap();
        assert_eq!((url.to_string().as_str(), url.name()), ("s3://evidence/2026/rollout.bundle", "rollout.bundle"));
        assert_eq!(url.arn(), "arn:aws:s3:::evidence/2026/rollout.bundle");
        let wrong = ["s3://", "s3://evidence", "s3://evidence/", "s3:///key", "s3://Evidence/x", "s3://evidence/a//b"];
        for url in wrong.into_iter().chain(["s3://evidence/../x", "https://evidence/x"]) {
            assert!(matches!(S3Url::parse(url), Err(StoreError::Url { .. })), "{url}");
        }
    }

    fn store() -> Store {
        Store { store: Arc::new(InMemory::new()), url: S3Url::parse("s3://evidence/a/b.bundle").unwrap() }
    }

    async fn keys(store: &Store) -> Vec<(String, u64)> {
        let mut keys: Vec<_> = store
            .store
            .list(None)
            .map(|found| found.map(|it| (it.location.to_string(), it.size)).unwrap())
            .collect()
            .await;
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
        store.put(&path).await.unwrap();
        let there: Vec<String> = keys(&store).await.into_iter().map(|(key, _)| key).collect();
        let files = casefile_evidence::files(&path);
        assert_eq!(files.last().map(String::as_str), Some("tagmanifest-sha256.txt"));
        assert_eq!(there, files.iter().map(|name| format!("a/b.bundle/{name}")).collect::<Vec<_>>());
        assert!(matches!(store.check().await, Err(StoreError::Exists { .. })));
        assert!(matches!(store.put(&path).await, Err(StoreError::Exists { .. })));
    }

    #[tokio::test]
    async fn a_large_archive_is_put_in_parts_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        bundle(&path, 2 * PART);
        let length = std::fs::metadata(&path).unwrap().len();
        assert!(length > PART as u64, "{length}");
        let store = store();
        store.put(&path).await.unwrap();
        assert_eq!(keys(&store).await, [("a/b.bundle".to_owned(), length)]);
        assert!(matches!(store.put(&path).await, Err(StoreError::Exists { .. })));
    }

    #[test]
    fn a_status_is_what_was_answered_and_no_part_of_a_name() {
        let said =
            "Error performing PUT http://s3/build-1403/404 in 1ms - Server returned non-2xx status code: 503 Slow";
        assert_eq!(status(said), Some(503));
        assert_eq!(status("error sending request for url (http://s3/build-1403/x)"), None);
    }
}
