//! The settings of checks and signatures in a service's config.

mod lint;

use std::collections::BTreeMap;

use casefile_evidence::Digest;
use serde::{Deserialize, Serialize};

pub use lint::{lint_deadlines, lint_signatures};

use crate::did_you_mean::closest;
use crate::error::SpecError;
use crate::pack::Pack;
use crate::signature::{FILE, Pattern, Signature};
use crate::tables::{NEW_ERRORS, RolloutSettings};
use crate::terms::{Level, Owner};

/// The part of the config that the analyzer uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The service's name, for reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// To whom a failure of the service is delegated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where the owner's runbook is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// The trouble that a successful rollout may have.
    #[serde(default, skip_serializing_if = "RolloutSettings::is_default")]
    pub rollout: RolloutSettings,
    /// The log patterns that the service's owner declares.
    #[serde(default)]
    pub signature: Vec<Signature>,
    /// Settings of shipped checks, by their id.
    #[serde(default)]
    pub checks: BTreeMap<String, CheckSettings>,
}

/// Settings of one check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckSettings {
    /// In place of the check's own level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// In place of the check's own owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

impl Settings {
    /// The sha256 of the settings' canonical JSON.
    ///
    /// # Errors
    /// Only internal errors.
    pub fn digest(&self) -> Result<Digest, crate::AnalyzeError> {
        Ok(Digest::of(&self.to_canonical_json()?))
    }

    /// The canonical JSON (RFC 8785): a verdict names its sha256.
    ///
    /// # Errors
    /// Only internal errors.
    pub fn to_canonical_json(&self) -> Result<Vec<u8>, crate::AnalyzeError> {
        serde_json_canonicalizer::to_vec(self).map_err(crate::AnalyzeError::internal)
    }

    /// Checks every setting against itself and against the pack, and compiles the signatures' patterns.
    ///
    /// # Errors
    /// Every setting that cannot be used, naming the signature's id and the key.
    pub fn validate(&self, pack: &Pack) -> Result<(), Vec<SpecError>> {
        self.compile(pack).map(|_| ())
    }

    pub(crate) fn compile(&self, pack: &Pack) -> Result<Vec<Pattern>, Vec<SpecError>> {
        let mut errors = Vec::new();
        let is_check = |id: &str| pack.check(id).is_some() || id == NEW_ERRORS;
        for id in self.checks.keys().filter(|id| !is_check(id)) {
            let ids = pack.checks().iter().map(|check| check.header.id.as_str()).chain([NEW_ERRORS]);
            errors.push(SpecError::new(FILE, format!("[checks.{id:?}] names no check"), closest(id, ids)));
        }
        let mut patterns: Vec<Pattern> = Vec::new();
        for signature in &self.signature {
            let taken = |what: &str| {
                let problem = format!("signature {:?}: the id is taken by {what}", signature.id);
                SpecError::new(FILE, problem, "give the signature an id of its own")
            };
            if is_check(&signature.id) {
                errors.push(taken("a check"));
            } else if patterns.iter().any(|other| other.id == signature.id) {
                errors.push(taken("another signature"));
            }
            match signature.compile() {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(patterns) } else { Err(errors) }
    }
}
