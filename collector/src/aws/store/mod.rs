//! Sealed bundles in S3: `s3://bucket/key`, a bag of objects, or one archive.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_ecs::config::ProvideCredentials;
use casefile_evidence::{OpenError, Timestamp};
use casefile_objects::{AwsPartition, PutError, Stop, put_file};
use futures::StreamExt;
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum, resolve_bucket_region};
use object_store::path::Path as Key;
use object_store::{ClientOptions, CredentialProvider, ObjectStore, ObjectStoreExt};

use self::url::refused;
pub use self::url::{S3Url, StoreError};
use super::{Aws, wire};

mod lock;
mod url;

pub use lock::{Lock, LockMode};

/// How long a part may take.
const TIMEOUT: Duration = Duration::from_secs(120);

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
        self.store_with(url, None).await
    }

    /// As [`Aws::store`]; what is written there gets this retention.
    ///
    /// # Errors
    /// As [`Aws::store`].
    pub async fn locking_store(&self, url: S3Url, lock: Lock) -> Result<Store, StoreError> {
        self.store_with(url, Some(lock)).await
    }

    async fn store_with(&self, url: S3Url, lock: Option<Lock>) -> Result<Store, StoreError> {
        let given = std::env::var("AWS_ENDPOINT_URL_S3").ok().filter(|url| !url.is_empty());
        let endpoint = given.or_else(|| self.config().endpoint_url().map(str::to_owned));
        let client = ClientOptions::new().with_timeout(TIMEOUT);
        let region = match endpoint {
            Some(_) => None,
            None => resolve_bucket_region(&url.bucket, &client).await.ok(),
        };
        let region = region.unwrap_or_else(|| self.region().to_owned());
        let partition = AwsPartition::of(&region);
        let other =
            (partition.domain != AwsPartition::AWS.domain).then(|| format!("https://s3.{region}.{}", partition.domain));
        let credentials = Arc::new(Chain { aws: self.clone(), held: Mutex::default() });
        // That there are none is said at once.
        credentials
            .get_credential()
            .await
            .map_err(|error| StoreError::Credentials { url: url.clone(), problem: wire::chain(&error) })?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&url.bucket)
            .with_region(&region)
            .with_credentials(Arc::clone(&credentials) as _)
            .with_checksum_algorithm(Checksum::SHA256)
            .with_client_options(client);
        if let Some(lock) = lock {
            builder = builder.with_http_connector(lock::Locking { lock, chain: credentials, region });
        }
        if let Some(endpoint) = endpoint.or(other) {
            builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
        }
        let store = builder.build().map_err(|error| refused(&url, &error))?;
        Ok(Store { store: Arc::new(store), url })
    }
}

/// The credentials of the SDK's chain, which are renewed before they expire: a collection may take longer.
#[derive(Debug)]
struct Chain {
    aws: Aws,
    held: Mutex<Option<(Arc<AwsCredential>, Option<Timestamp>)>>,
}

/// How long before their end credentials are no longer used, in milliseconds.
const SPARE_MS: i64 = 60_000;

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let soon = self.aws.now().plus_millis(SPARE_MS);
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
            Err(error) if url::status(&wire::chain(&error)) == Some(403) => {}
            Err(error) => return Err(refused(&self.url, &error)),
        }
        match self.store.head(&self.url.key).await {
            Ok(_) => Err(self.exists()),
            Err(object_store::Error::NotFound { .. } | object_store::Error::PermissionDenied { .. }) => Ok(()),
            Err(error) => Err(refused(&self.url, &error)),
        }
    }

    /// Uploads a sealed bundle: a folder file by file, an archive as one object. Nothing is written over, and a bag's
    /// `tagmanifest-sha256.txt` comes last, so that what is whole was uploaded whole. `stop` ends it early.
    ///
    /// # Errors
    /// [`StoreError`]; the files that were uploaded by then stay.
    pub async fn put(&self, bundle: &Path, stop: impl Future<Output = ()> + Send) -> Result<(), StoreError> {
        let mut stop: Stop<'_> = std::pin::pin!(stop);
        let broken = |error: OpenError| StoreError::Io { path: bundle.to_owned(), source: io::Error::other(error) };
        casefile_evidence::verify(bundle).map_err(broken)?;
        if bundle.is_file() {
            return self.put_file(bundle, &self.url.key, &mut stop).await;
        }
        for name in casefile_evidence::files(bundle) {
            let key = name.split('/').fold(self.url.key.clone(), |key, part| key.join(part));
            self.put_file(&bundle.join(name), &key, &mut stop).await?;
        }
        Ok(())
    }

    async fn put_file(&self, path: &Path, key: &Key, stop: &mut Stop<'_>) -> Result<(), StoreError> {
        put_file(self.store.as_ref(), key, path, stop).await.map_err(|error| match error {
            PutError::Exists => self.exists(),
            PutError::Interrupted => StoreError::Interrupted { url: self.url.clone() },
            PutError::File { path, source } => StoreError::Io { path, source },
            PutError::Store(error) => refused(&self.url, &error),
        })
    }

    /// The objects of the bucket.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    fn exists(&self) -> StoreError {
        StoreError::Exists { url: self.url.clone() }
    }
}

#[cfg(test)]
mod tests;
