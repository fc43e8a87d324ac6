//! DSSE envelopes.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::key::PublicKey;

/// The payload type of in-toto statements.
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Readers take both alphabets, with or without padding.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_LENIENT: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE_LENIENT: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// A payload with signatures of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The payload, base64.
    payload: String,
    /// Its media type.
    payload_type: String,
    /// The signatures.
    pub signatures: Vec<Signature>,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The sha256 of the key's `SubjectPublicKeyInfo`: a hint, which nothing protects.
    #[serde(default)]
    pub keyid: String,
    /// The signature, base64.
    pub sig: String,
}

/// Bytes are not an envelope of a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a signed statement: {0}")]
pub struct NotAnEnvelope(String);

/// A signature names a key that did not make it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is forged or was changed: the key {keyid} did not make its signature")]
pub struct Forged {
    /// The key that is named.
    pub keyid: String,
}

impl Envelope {
    /// An envelope of a statement without signatures.
    pub fn of(statement: &[u8]) -> Self {
        Self { payload: STANDARD.encode(statement), payload_type: IN_TOTO.to_owned(), signatures: Vec::new() }
    }

    /// Reads an envelope, or the one within a Sigstore bundle.
    ///
    /// # Errors
    /// [`NotAnEnvelope`].
    pub fn read(bytes: &[u8]) -> Result<Self, NotAnEnvelope> {
        let wrong = |problem: String| NotAnEnvelope(problem);
        let mut value: Value = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if value.get("dsseEnvelope").is_some() {
            value = value["dsseEnvelope"].take();
        }
        let envelope: Self = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        if envelope.payload_type != IN_TOTO {
            return Err(wrong(format!("its payload is {:?}, not {IN_TOTO:?}", envelope.payload_type)));
        }
        envelope.payload()?;
        Ok(envelope)
    }

    /// The payload.
    ///
    /// # Errors
    /// [`NotAnEnvelope`]: it is not base64.
    pub fn payload(&self) -> Result<Vec<u8>, NotAnEnvelope> {
        decoded(&self.payload).ok_or_else(|| NotAnEnvelope("its payload is not base64".to_owned()))
    }

    /// What is signed: the "pre-authentication encoding" of type and payload.
    ///
    /// # Errors
    /// [`NotAnEnvelope`]: the payload is not base64.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, NotAnEnvelope> {
        let payload = self.payload()?;
        let head = format!("DSSEv1 {} {} {} ", self.payload_type.len(), self.payload_type, payload.len());
        Ok([head.as_bytes(), &payload].concat())
    }

    /// The sha256 of [`Self::signed_bytes`].
    ///
    /// # Errors
    /// [`NotAnEnvelope`]: the payload is not base64.
    pub fn signed_digest(&self) -> Result<Vec<u8>, NotAnEnvelope> {
        Ok(ring::digest::digest(&ring::digest::SHA256, &self.signed_bytes()?).as_ref().to_vec())
    }

    /// Adds a signature of [`Self::signed_bytes`].
    pub fn add(&mut self, key: &PublicKey, signature: &[u8]) {
        self.signatures.push(Signature { keyid: key.id(), sig: STANDARD.encode(signature) });
    }

    /// The ids of those of the keys that signed it.
    ///
    /// # Errors
    /// [`Forged`]: a signature names one of the keys, which did not make it.
    pub fn signers(&self, keys: &[PublicKey]) -> Result<BTreeSet<String>, Forged> {
        let Ok(message) = self.signed_bytes() else { return Ok(BTreeSet::new()) };
        let mut signers = BTreeSet::new();
        for signature in &self.signatures {
            let bytes = decoded(&signature.sig).unwrap_or_default();
            let by = keys.iter().find(|key| key.verifies(&message, &bytes)).map(PublicKey::id);
            if by.is_none() && keys.iter().any(|key| key.id() == signature.keyid) {
                return Err(Forged { keyid: signature.keyid.clone() });
            }
            signers.extend(by);
        }
        Ok(signers)
    }

    /// The Sigstore bundle (version 0.3) around it, for a verifier that has the key.
    pub fn sigstore(&self) -> Value {
        let hint = self.signatures.first().map_or("", |signature| &signature.keyid);
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": hint }, "tlogEntries": [] },
            "dsseEnvelope": self,
        })
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD_LENIENT.decode(text).or_else(|_| URL_SAFE_LENIENT.decode(text)).ok()
}
