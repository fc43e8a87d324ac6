//! What a service's config says of checks and signatures.

use std::collections::BTreeMap;

use casefile_evidence::Digest;
use serde::{Deserialize, Serialize};

use crate::error::SpecError;
use crate::pack::{Level, Owner, Pack};
use crate::signature::{Pattern, Signature};
use crate::suggest::closest;

/// The file that messages name.
pub(crate) const FILE: &str = "casefile.toml";

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
    /// What a rollout may go through and still be a success.
    #[serde(default, skip_serializing_if = "RolloutSettings::is_default")]
    pub rollout: RolloutSettings,
    /// The log patterns that the service's owner declares.
    #[serde(default)]
    pub signature: Vec<Signature>,
    /// Settings of shipped checks, by their id.
    #[serde(default)]
    pub checks: BTreeMap<String, CheckSettings>,
}

/// `[rollout]`: what a rollout may go through and still be a success.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutSettings {
    /// How many tasks may die by their own fault before the rollout completes: one, or a tenth of the desired count,
    /// whichever is more, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_deaths: Option<u32>,
    /// The first death is a failure, whatever becomes of the rollout (`[collect] fail_fast`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_fast: bool,
}

impl RolloutSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How many deaths are tolerated; `None`: as many as the desired count allows.
    pub(crate) fn tolerated(&self) -> Option<i64> {
        if self.fail_fast { Some(0) } else { self.tolerated_deaths.map(i64::from) }
    }
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
    pub(crate) fn digest(&self) -> Result<Digest, crate::AnalyzeError> {
        let json = serde_json_canonicalizer::to_vec(self).map_err(crate::AnalyzeError::internal)?;
        Ok(Digest::of(&json))
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
        for id in self.checks.keys().filter(|id| pack.check(id).is_none()) {
            let ids = pack.checks().iter().map(|check| check.header.id.as_str());
            errors.push(SpecError::new(FILE, format!("[checks.{id:?}] names no check"), closest(id, ids)));
        }
        let mut patterns: Vec<Pattern> = Vec::new();
        for signature in &self.signature {
            let taken = |what: &str| {
                let problem = format!("signature {:?}: the id is taken by {what}", signature.id);
                SpecError::new(FILE, problem, "give the signature an id of its own")
            };
            if pack.check(&signature.id).is_some() {
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
