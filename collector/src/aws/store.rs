//! Sealed bundles in S3: `s3://bucket/key`, a bag of objects, or one archive.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::config::ProvideCredentials;
use futures::StreamExt;
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum, resolve_bucket_region};
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, StaticCredentialProvider};
use tokio::io::AsyncWriteExt;

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
        let no_credentials = |problem: String| StoreError::Credentials { url: url.clone(), problem };
        let Some(provider) = self.config().credentials_provider() else {
            return Err(no_credentials("nothing provides them".to_owned()));
        };
        let credentials = provider.provide_credentials().await.map_err(|error| no_credentials(wire::chain(&error)))?;
        let credentials = AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&url.bucket)
            .with_region(region)
            .with_credentials(Arc::new(StaticCredentialProvider::new(credentials)))
            .with_checksum_algorithm(Checksum::SHA256)
            .with_client_options(client);
        if let Some(endpoint) = endpoint.or(china) {
            builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
        }
        let store = builder.build().map_err(|error| refused(&url, &error))?;
        Ok(Store { store: Arc::new(store), url })
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
        use object_store::Error::{NotFound, PermissionDenied};
        let below = self.store.list(Some(&self.url.key)).next().await;
        match below.transpose() {
            Ok(Some(_)) => return Err(self.exists()),
            Ok(None) | Err(PermissionDenied { .. }) => {}
            Err(error) => return Err(refused(&self.url, &error)),
        }
        match self.store.head(&self.url.key).await {
            Ok(_) => Err(self.exists()),
            Err(NotFound { .. } | PermissionDenied { .. }) => Ok(()),
            Err(error) => Err(refused(&self.url, &error)),
        }
    }

    /// Uploads a sealed bundle: a folder file by file, an archive as one object. The first object claims the place, and
    /// a bag's `tagmanifest-sha256.txt` comes last, so that what is whole was uploaded whole.
    ///
    /// # Errors
    /// [`StoreError`]; what was uploaded by then stays.
    pub async fn put(&self, bundle: &Path) -> Result<(), StoreError> {
        if bundle.is_file() {
            return self.put_file(bundle, &self.url.key, true).await;
        }
        let files = casefile_evidence::files(bundle);
        for (nth, name) in files.iter().enumerate() {
            let key = name.split('/').fold(self.url.key.clone(), |key, part| key.join(part));
            self.put_file(&bundle.join(name), &key, nth == 0).await?;
        }
        Ok(())
    }

    async fn put_file(&self, path: &Path, key: &Key, claims: bool) -> Result<(), StoreError> {
        let unreadable = |source| StoreError::Io { path: path.to_owned(), source };
        let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let length = file.metadata().await.map_err(unreadable)?.len();
        if length <= PART as u64 {
            let bytes = tokio::fs::read(path).await.map_err(unreadable)?;
            let mode = if claims { PutMode::Create } else { PutMode::Overwrite };
            let put = self.store.put_opts(key, bytes.into(), PutOptions { mode, ..PutOptions::default() }).await;
            return match put {
                Ok(_) => Ok(()),
                Err(object_store::Error::AlreadyExists { .. }) => Err(self.exists()),
                Err(error) => Err(refused(&self.url, &error)),
            };
        }
        if claims {
            // S3 has no claim for uploads in parts.
            self.check().await?;
        }
        let mut writer = BufWriter::with_capacity(Arc::clone(&self.store), key.clone(), PART);
        writer = writer.with_max_concurrency(PARTS_AT_ONCE);
        let copied = match tokio::io::copy(&mut file, &mut writer).await {
            Ok(_) => writer.shutdown().await,
            Err(error) => Err(error),
        };
        if let Err(error) = copied {
            // Parts that nobody completes cost money until they are removed.
            let _ = writer.abort().await;
            return Err(refused(&self.url, &error));
        }
        Ok(())
    }

    fn exists(&self) -> StoreError {
        StoreError::Exists { url: self.url.clone() }
    }
}

fn refused(url: &S3Url, error: &(dyn std::error::Error + 'static)) -> StoreError {
    let said = wire::chain(error).split_whitespace().collect::<Vec<_>>().join(" ");
    let remedy = if said.contains("NoSuchBucket") || said.contains("404") {
        "make the bucket, or name another"
    } else if said.contains("AccessDenied") || said.contains("403") {
        "the role needs s3:PutObject there"
    } else {
        "is the endpoint right, and can it be reached?"
    };
    let problem = said.chars().take(400).collect();
    StoreError::Refused { url: url.clone(), problem, remedy }
}

#[cfg(test)]
mod tests {
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

    #[tokio::test]
    async fn a_bag_is_put_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        for (name, text) in [("bagit.txt", "b"), ("data/x.parquet", "xx"), ("tagmanifest-sha256.txt", "ttt")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let store = store();
        store.check().await.unwrap();
        store.put(folder.path()).await.unwrap();
        let at = |name: &str, size| (format!("a/b.bundle/{name}"), size);
        let all = [at("bagit.txt", 1), at("data/x.parquet", 2), at("tagmanifest-sha256.txt", 3)];
        assert_eq!(keys(&store).await, all);
        assert!(matches!(store.check().await, Err(StoreError::Exists { .. })));
        assert!(matches!(store.put(folder.path()).await, Err(StoreError::Exists { .. })));
    }

    #[tokio::test]
    async fn a_large_archive_is_put_in_parts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let length = 2 * PART as u64 + 5;
        file.as_file().set_len(length).unwrap();
        let store = store();
        store.put(file.path()).await.unwrap();
        assert_eq!(keys(&store).await, [("a/b.bundle".to_owned(), length)]);
        assert!(matches!(store.put(file.path()).await, Err(StoreError::Exists { .. })));
    }
}
