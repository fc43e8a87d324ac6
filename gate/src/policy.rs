//! The policy: `[gate]` of `casefile.toml`.

use std::collections::BTreeSet;

use casefile_attest::PublicKey;
use casefile_evidence::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::code::Code;
use crate::decision::canonical_digest;
use crate::error::GateError;
use crate::freeze::Freeze;
use crate::need::{Need, Regions};
use crate::question::Question;
use crate::span::Span;

/// How many regions of an earlier wave must have passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requires {
    /// All of them.
    #[default]
    All,
    /// One of them. A failure in any of them still refuses.
    Any,
}

/// In which order a release goes to the regions, and what each wave requires of the ones before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The regions, wave by wave.
    pub waves: Vec<Vec<String>>,
    /// How many regions of each earlier wave must have passed.
    #[serde(default)]
    pub requires: Requires,
    /// How long the release must have run in a region of an earlier wave, counted from its first pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Span>,
    /// After the soak a further pass is required (`casefile validate --recheck`).
    #[serde(default)]
    pub recheck: bool,
    /// How old a pass may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// All passes must have been computed with one config.
    #[serde(default)]
    pub same_config: bool,
    /// All passes must have been computed with one set of checks.
    #[serde(default)]
    pub same_pack: bool,
    /// The oldest version of casefile whose verdicts count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_engine: Option<String>,
    /// When nothing may be deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Freeze>,
    /// The reasons that a waiver may cover.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivable: Vec<Code>,
    /// How long a waiver may hold.
    #[serde(default = "a_day")]
    pub waiver_max: Span,
    /// How many people, besides the one who asks for it, must approve a waiver.
    #[serde(default = "one")]
    pub approvers: usize,
    /// The AWS accounts whose verdicts count. Without them all count, as long as a region has those of one account.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// Public keys (PEM): a pass counts only if one of them signed its verdict.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Public keys (PEM): a waiver counts only if one of them signed it.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Vec::is_empty")]
    pub waiver_keys: Vec<String>,
    /// The services that this one needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
}

const fn a_day() -> Span {
    Span(24 * 60 * 60 * 1000)
}

/// A list that says something: an empty one would switch its rule off.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = Vec::<String>::deserialize(deserializer)?;
    if list.is_empty() { Err(D::Error::custom("the list is empty: leave the key out, or name some")) } else { Ok(list) }
}

const fn one() -> usize {
    1
}

impl Policy {
    /// Checks what types do not.
    ///
    /// # Errors
    /// [`GateError::Policy`].
    pub fn validate(&self) -> Result<(), GateError> {
        let wrong = |problem: String| Err(GateError::Policy(problem));
        if self.waves.is_empty() || self.waves.iter().any(Vec::is_empty) {
            return wrong(
                "waves is empty, or has an empty wave: write e.g. waves = [[\"ap-southeast-2\"], [\"eu-west-1\"]]"
                    .to_owned(),
            );
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.waves.iter().flatten().find(|region| !seen.insert(region.as_str())) {
            return wrong(format!("{twice} is in waves twice, so it would wait for itself"));
        }
        if let Some(code) = self.waivable.iter().find(|code| !code.can_be_waived()) {
            return wrong(format!("waivable names {code}, which no waiver can cover"));
        }
        if self.recheck && self.soak.is_none() {
            return wrong("recheck asks for a pass after the soak, and there is no soak: set soak = \"1h\"".to_owned());
        }
        if self.max_age.zip(self.soak).is_some_and(|(age, soak)| age <= soak && !self.recheck) {
            return wrong("max_age is not longer than soak: every pass would be stale once it has soaked".to_owned());
        }
        self.keys()?;
        public_keys("waiver_keys", &self.waiver_keys)?;
        let mut needed = BTreeSet::new();
        for need in &self.needs {
            let name = &need.service;
            if !needed.insert(name) {
                return wrong(format!("needs names {name} twice"));
            }
            if need.regions == Regions::All {
                return wrong(format!("needs {name} in all its regions, which only a train knows: name them"));
            }
            if matches!(&need.regions, Regions::Named(names) if names.is_empty()) {
                return wrong(format!("needs {name} in no region: write regions = \"same\", or name some"));
            }
            if need.max_age.zip(need.soak).is_some_and(|(age, soak)| age <= soak) {
                return wrong(format!("needs {name} with a max_age that is not longer than its soak"));
            }
        }
        let needs = self.needs.iter().filter_map(|need| need.min_engine.as_deref());
        if let Some(version) = needs.chain(self.min_engine.as_deref()).find(|text| version(text).is_none()) {
            return wrong(format!("min_engine = {version:?} is not a version such as \"0.1.0\""));
        }
        for freeze in &self.freeze {
            freeze.until(Timestamp(0)).map_err(|error| GateError::Policy(format!("freeze: {error}")))?;
        }
        Ok(())
    }

    /// The sha256 of its canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// Only by a fault of this program.
    pub fn digest(&self) -> Result<String, GateError> {
        canonical_digest(self)
    }

    /// The keys that may sign verdicts of the service, or of those that it needs.
    ///
    /// # Errors
    /// [`GateError::Policy`]: one is no public key.
    pub fn keys(&self) -> Result<Vec<PublicKey>, GateError> {
        let of_needs = self.needs.iter().flat_map(|need| &need.keys);
        public_keys("keys", &self.keys.iter().chain(of_needs).cloned().collect::<Vec<_>>())
    }

    /// Whose verdicts of a service count: of the policy's own, or of one that it needs.
    pub(crate) fn trust(&self, question: &Question, service: &str) -> (&[String], &[String]) {
        let need = self.needs.iter().find(|need| need.service == service && question.service != service);
        need.map_or((&self.accounts, &self.keys), |need| (&need.accounts, &need.keys))
    }

    /// The keys that may sign waivers.
    ///
    /// # Errors
    /// [`GateError::Policy`]: one is no public key.
    pub fn waiver_keys(&self) -> Result<Vec<PublicKey>, GateError> {
        public_keys("waiver_keys", &self.waiver_keys)
    }

    pub(crate) fn is_too_old(&self, engine: Option<&str>) -> bool {
        let Some(least) = self.min_engine.as_deref().and_then(version) else { return false };
        engine.and_then(version).is_none_or(|engine| engine < least)
    }
}

pub(crate) fn public_keys(name: &str, pems: &[String]) -> Result<Vec<PublicKey>, GateError> {
    let keys = pems.iter().enumerate().map(|(at, pem)| {
        PublicKey::from_pem(pem).map_err(|error| GateError::Policy(format!("{name}: key {} {error}", at + 1)))
    });
    keys.collect()
}

/// `1.20.3` or `v1.20.3` as numbers, so that 1.20 is newer than 1.9, and 1.4 is 1.4.0.
pub(crate) fn version(text: &str) -> Option<Vec<u64>> {
    // A bare number may be a commit.
    let parts = text.strip_prefix('v').or_else(|| text.contains('.').then_some(text))?.split('.');
    let mut numbers: Vec<u64> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}
