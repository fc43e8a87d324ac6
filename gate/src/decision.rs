//! The decision document.

use std::collections::BTreeMap;

use casefile_evidence::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::code::{Code, Outcome};
use crate::error::GateError;
use crate::policy::Policy;
use crate::question::{Inputs, Question};

/// A reason, about a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What it is.
    pub code: Code,
    /// The service that it is about, where that is another one than the question's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The region that it is about.
    pub region: String,
    /// The digest of the verdict that it follows from.
    pub verdict: Option<String>,
    /// The digest of the bundle.
    pub bundle: Option<String>,
    /// The moment that was judged.
    pub as_of: Option<Timestamp>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The waiver that covers it: who approved it.
    pub waived_by: Option<String>,
    /// In words.
    pub detail: String,
}

impl Reason {
    /// The outcome that it stands for: proceed where a waiver covers it.
    pub fn outcome(&self) -> Outcome {
        if self.waived_by.is_some() { Outcome::Proceed } else { self.code.outcome() }
    }
}

/// A waiver that was found and does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoredWaiver {
    /// Why it was made.
    pub why: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Why it does not count.
    pub problem: String,
}

/// A decision, with everything that it follows from: the same inputs give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// `casefile-decision/1`.
    pub format: String,
    /// The sha256 of the canonical JSON (RFC 8785) of everything else but `ci`.
    pub digest: String,
    /// The answer.
    pub outcome: Outcome,
    /// The question.
    pub question: Question,
    /// The moment at which the answer holds.
    pub now: Timestamp,
    /// The earliest moment at which a hold turns without a further verdict or act; null if there is none.
    pub next_at: Option<Timestamp>,
    /// All reasons, the worst first.
    pub reasons: Vec<Reason>,
    /// Waivers about the question that do not count.
    pub ignored_waivers: Vec<IgnoredWaiver>,
    /// The policy.
    pub policy: Policy,
    /// Its digest.
    pub policy_digest: String,
    /// The inputs that the decision follows from.
    pub inputs: Inputs,
    /// The version of casefile.
    pub engine: String,
    /// The identity of the CI job that asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ci: BTreeMap<String, String>,
}

impl Decision {
    /// The value of `format`.
    pub const FORMAT: &'static str = "casefile-decision/1";

    /// The canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// Only by a fault of this program.
    pub fn to_canonical_json(&self) -> Result<String, GateError> {
        serde_json_canonicalizer::to_string(self).map_err(|error| GateError::Internal(error.to_string()))
    }

    /// Reads a decision, and checks its digest.
    ///
    /// # Errors
    /// In words: it is no decision, or was changed.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let decision: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("is not a decision of casefile: {error}"))?;
        let computed = decision.computed_digest().map_err(|error| error.to_string())?;
        if computed == decision.digest {
            Ok(decision)
        } else {
            Err(format!("was changed: its digest is {computed}, and it names {}", decision.digest))
        }
    }

    pub(crate) fn computed_digest(&self) -> Result<String, GateError> {
        let mut value = serde_json::to_value(self).map_err(|error| GateError::Internal(error.to_string()))?;
        if let Some(object) = value.as_object_mut() {
            object.remove("digest");
            object.remove("ci");
        }
        canonical_digest(&value)
    }
}

/// The sha256 of a document's canonical JSON (RFC 8785).
pub(crate) fn canonical_digest(document: &impl Serialize) -> Result<String, GateError> {
    let bytes = serde_json_canonicalizer::to_vec(document).map_err(|error| GateError::Internal(error.to_string()))?;
    Ok(Digest::of(&bytes).to_string())
}
