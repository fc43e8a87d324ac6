//! A verdict as the archive reads it: the fields of its JSON that the index has (`docs/verdict.schema.json`).

use casefile_evidence::{Digest, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::error::ArchiveError;
use crate::layout::Partition;

/// A verdict file whose digest was checked.
#[derive(Debug, Clone)]
pub struct VerdictFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    pub(crate) summary: Summary,
}

/// The fields of a verdict that the index has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Summary {
    pub(crate) digest: String,
    pub(crate) verdict: String,
    pub(crate) decision: Decision,
    pub(crate) bundle: Of,
    pub(crate) release: Release,
    pub(crate) rollout: Rollout,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) engine: Engine,
    pub(crate) pack: Named,
    pub(crate) config: Named,
    pub(crate) checks: Vec<Check>,
    pub(crate) gaps: Vec<Gap>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Decision {
    pub(crate) action: String,
    pub(crate) to: Option<String>,
    pub(crate) why: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Of {
    pub(crate) digest: Option<String>,
    #[serde(default)]
    pub(crate) target: OfTarget,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct OfTarget {
    pub(crate) service: String,
    pub(crate) region: Option<String>,
    pub(crate) window_from: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Release {
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) images: Value,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Rollout {
    pub(crate) nothing_deployed: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Engine {
    pub(crate) casefile: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Named {
    pub(crate) digest: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Check {
    pub(crate) id: String,
    pub(crate) level: String,
    pub(crate) outcome: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Gap {
    pub(crate) source: String,
    pub(crate) status: String,
}

impl VerdictFile {
    /// Reads a verdict, and checks its digest. Messages use `place`.
    ///
    /// # Errors
    /// [`ArchiveError::Verdict`].
    pub fn read(bytes: Vec<u8>, place: &str) -> Result<Self, ArchiveError> {
        let wrong = |problem: String| ArchiveError::Verdict { place: place.to_owned(), problem };
        let other = |problem: String| ArchiveError::NotAVerdict { place: place.to_owned(), problem };
        let mut value: Value =
            serde_json::from_slice(&bytes).map_err(|error| other(format!("it is not JSON: {error}")))?;
        let summary = Summary::deserialize(&value).map_err(|error| other(error.to_string()))?;
        // The digest covers the verdict without its digest, as canonical JSON (RFC 8785).
        if let Some(object) = value.as_object_mut() {
            object.remove("digest");
        }
        let canonical = serde_json_canonicalizer::to_vec(&value).map_err(ArchiveError::internal)?;
        let computed = Digest::of(&canonical).to_string();
        if computed != summary.digest {
            return Err(wrong(format!("was changed: its digest is {computed}, and it names {}", summary.digest)));
        }
        Ok(Self { bytes, summary })
    }

    /// The digest of the bundle that it is about; `None` if it was not sealed.
    pub fn bundle(&self) -> Option<&str> {
        self.summary.bundle.digest.as_deref()
    }

    /// The partition that it belongs to: that of its bundle.
    ///
    /// # Errors
    /// [`ArchiveError::Name`].
    pub(crate) fn partition(&self) -> Result<Partition, ArchiveError> {
        let target = &self.summary.bundle.target;
        Partition::new(&target.service, target.region.as_deref(), target.window_from)
    }

    /// Its digest.
    pub fn digest(&self) -> &str {
        &self.summary.digest
    }

    /// The digest of the checks that computed it.
    pub fn pack(&self) -> &str {
        &self.summary.pack.digest
    }

    /// The digest of the settings that it was computed with.
    pub fn config(&self) -> &str {
        &self.summary.config.digest
    }
}
