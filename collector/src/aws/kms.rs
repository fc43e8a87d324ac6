//! Signing with a key of AWS KMS: the key never leaves it.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};

use super::{Aws, ConnectError, ConnectOptions, wire};

/// A key of KMS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// KMS refuses, or cannot be reached.
    #[error(
        "KMS: {operation} of {key}: {problem}; the key must be ECC_NIST_P256 for SIGN_VERIFY, and the role needs \
         kms:GetPublicKey and kms:Sign"
    )]
    Refused {
        /// The call.
        operation: &'static str,
        /// The key.
        key: String,
        /// What it said.
        problem: String,
    },
}

/// An ECDSA key on P-256 (`ECC_NIST_P256`, `SIGN_VERIFY`).
#[derive(Debug, Clone)]
pub struct KmsKey {
    client: aws_sdk_kms::Client,
    key: String,
    public: Vec<u8>,
}

impl KmsKey {
    /// Gets its public half (`kms:GetPublicKey`). `key`: an ARN, whose region is asked; or an id, or an alias.
    ///
    /// # Errors
    /// [`KmsError`].
    pub async fn connect(key: &str, mut options: ConnectOptions) -> Result<Self, KmsError> {
        if let Some(region) = key.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)) {
            options.region = Some(region.to_owned());
        }
        let client = aws_sdk_kms::Client::new(Aws::connect(options).await?.config());
        let answer = client.get_public_key().key_id(key).send().await.map_err(|error| KmsError::Refused {
            operation: "GetPublicKey",
            key: key.to_owned(),
            problem: wire::chain(&error),
        })?;
        let public = answer.public_key().map(|it| it.as_ref().to_vec()).unwrap_or_default();
        Ok(Self { client, key: key.to_owned(), public })
    }

    /// Its public half: `SubjectPublicKeyInfo`, DER.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Signs a message by its sha256 (`kms:Sign`): ASN.1 DER.
    ///
    /// # Errors
    /// [`KmsError`].
    pub async fn sign(&self, sha256: &[u8]) -> Result<Vec<u8>, KmsError> {
        let refused = |problem: String| KmsError::Refused { operation: "Sign", key: self.key.clone(), problem };
        let answer = self
            .client
            .sign()
            .key_id(&self.key)
            .message(Blob::new(sha256))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send()
            .await
            .map_err(|error| refused(wire::chain(&error)))?;
        answer.signature().map(|it| it.as_ref().to_vec()).ok_or_else(|| refused("it gave no signature".to_owned()))
    }
}
