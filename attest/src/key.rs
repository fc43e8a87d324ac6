//! Keys: ECDSA on P-256 with SHA-256, and Ed25519.

use casefile_evidence::Digest;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

/// A `SubjectPublicKeyInfo` of an uncompressed point on P-256 begins so (RFC 5480).
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// One of an Ed25519 key begins so (RFC 8410).
const EDWARDS: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

fn only_one(pem: &str) -> Result<(), KeyError> {
    match pem.matches("-----BEGIN ").count() {
        0 | 1 => Ok(()),
        more => Err(KeyError(format!("has {more} sections: give one key"))),
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Its `SubjectPublicKeyInfo`, DER.
    spki: Vec<u8>,
}

impl PublicKey {
    /// Reads a `BEGIN PUBLIC KEY` section.
    ///
    /// # Errors
    /// [`KeyError`]: there is none, or its algorithm is another one.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        only_one(pem)?;
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| KeyError("has no section BEGIN PUBLIC KEY: `openssl pkey -pubout` writes one".to_owned()))?;
        Self::from_spki(spki.to_vec())
    }

    /// Takes a `SubjectPublicKeyInfo`, DER.
    ///
    /// # Errors
    /// [`KeyError`]: the algorithm is another one.
    pub fn from_spki(spki: Vec<u8>) -> Result<Self, KeyError> {
        let is = |prefix: &[u8], key: usize| spki.starts_with(prefix) && spki.len() == prefix.len() + key;
        if is(P256, 65) || is(EDWARDS, 32) {
            Ok(Self { spki })
        } else {
            Err(KeyError("is of another kind than ECDSA P-256 (uncompressed) or Ed25519".to_owned()))
        }
    }

    /// Its `SubjectPublicKeyInfo`, DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The sha256 of its `SubjectPublicKeyInfo`, DER.
    pub fn id(&self) -> String {
        Digest::of(&self.spki).to_string()
    }

    /// Whether a signature of the message is by this key. ECDSA signatures are ASN.1 DER.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let (algorithm, prefix): (&'static dyn VerificationAlgorithm, _) =
            if self.spki.starts_with(P256) { (&ECDSA_P256_SHA256_ASN1, P256) } else { (&ED25519, EDWARDS) };
        let Some(key) = self.spki.get(prefix.len()..) else { return false };
        UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
    }
}

/// A private key, in memory.
pub struct PrivateKey {
    pair: Pair,
}

enum Pair {
    P256(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

impl PrivateKey {
    /// Reads a `BEGIN PRIVATE KEY` section (PKCS#8, not encrypted).
    ///
    /// # Errors
    /// [`KeyError`]: there is none, or its algorithm is another one.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        only_one(pem)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            KeyError(
                if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") {
                    "is encrypted: give a key that is not, or one of KMS (kms:ARN)"
                } else {
                    "has no section BEGIN PRIVATE KEY: `openssl pkcs8 -topk8 -nocrypt` writes one of another form"
                }
                .to_owned(),
            )
        })?;
        let der = der.secret_pkcs8_der();
        let p256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &SystemRandom::new()).map(Pair::P256);
        // OpenSSL writes Ed25519 keys without their public half.
        let pair = p256.or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Edwards));
        let pair = pair.map_err(|_| KeyError("is of another kind than ECDSA P-256 or Ed25519".to_owned()))?;
        Ok(Self { pair })
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        let (prefix, key) = match &self.pair {
            Pair::P256(pair) => (P256, pair.public_key().as_ref()),
            Pair::Edwards(pair) => (EDWARDS, pair.public_key().as_ref()),
        };
        PublicKey { spki: [prefix, key].concat() }
    }

    /// Signs a message. ECDSA signatures are ASN.1 DER, and differ each time.
    ///
    /// # Errors
    /// [`KeyError`]: the system gives no random numbers.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError("cannot sign: the system gives no random numbers".to_owned())),
            Pair::Edwards(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}
