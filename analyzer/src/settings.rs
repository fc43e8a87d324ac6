//! What a service's config says of checks and signatures.

use std::collections::BTreeMap;

use casefile_evidence::Digest;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::error::SpecError;
use crate::pack::{Level, Owner, Pack};
use crate::signature::Pattern;
use crate::suggest::closest;

/// The file that messages name.
const FILE: &str = "casefile.toml";

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

/// What a signature expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// The line must appear in time.
    Success,
    /// The line must never appear.
    Failure,
}

/// A log pattern: a check without SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Its id, in the same space as the checks' ids.
    pub id: String,
    /// What is true when it passes.
    pub title: String,
    /// What it expects.
    pub expect: Expect,
    /// A regular expression (the syntax of Rust's regex crate). Either this or `contains`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A text that the line contains. Either this or `pattern`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// The container that writes the line; any where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// How long after the deployment was created a success must have appeared, e.g. `150s` or `2m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Whether it decides.
    #[serde(default = "block")]
    pub level: Level,
    /// Who takes over when it fails.
    #[serde(default = "service")]
    pub owner: Owner,
    /// What to do when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

fn block() -> Level {
    Level::Block
}

fn service() -> Owner {
    Owner::Service
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

impl Signature {
    pub(crate) fn compile(&self) -> Result<Pattern, SpecError> {
        let wrong = |key: &str, problem: &str, remedy: &str| {
            Err(SpecError::new(FILE, format!("signature {:?}: {key} {problem}", self.id), remedy))
        };
        if !crate::pack::is_id(&self.id) {
            return wrong(
                "id",
                "is not an id",
                "use lower-case words, digits, '-' and '.', such as migration.upgraded",
            );
        }
        if self.title.trim().is_empty() {
            return wrong("title", "is empty", "say what is true when the signature passes");
        }
        let text = match (&self.pattern, &self.contains) {
            (Some(pattern), None) => pattern.clone(),
            (None, Some(text)) if !text.is_empty() => crate::signature::escape(text),
            (None, Some(_)) => {
                return wrong("contains", "is empty: it would match every line", "write what the line says");
            }
            (None, None) => {
                return wrong(
                    "pattern",
                    "is missing",
                    "give pattern = '...' (a regular expression) or contains = \"...\"",
                );
            }
            (Some(_), Some(_)) => return wrong("pattern", "and contains are both given", "keep one of them"),
        };
        if let Err(problem) = crate::signature::probe(&text) {
            let problem = format!("is not a usable regular expression: {problem}");
            return wrong("pattern", &problem, "see https://docs.rs/regex/latest/regex/#syntax, or use contains");
        }
        let within_ms = match (&self.within, self.expect) {
            (None, Expect::Success) => {
                return wrong(
                    "within",
                    "is missing",
                    "say how long after the deployment was created the line may take, e.g. within = \"150s\"",
                );
            }
            (Some(_), Expect::Failure) => {
                return wrong(
                    "within",
                    "has no meaning with expect = \"failure\"",
                    "remove it: the line must never appear",
                );
            }
            (None, Expect::Failure) => 0,
            (Some(text), Expect::Success) => match text.parse::<SignedDuration>().map(|within| within.as_millis()) {
                Ok(millis) if millis > 24 * 60 * 60 * 1000 => {
                    return wrong(
                        "within",
                        &format!("is {text:?}, which is longer than a day"),
                        "write e.g. \"150s\" or \"2m\"",
                    );
                }
                Ok(millis) if millis > 0 => i64::try_from(millis).unwrap_or(i64::MAX),
                _ => {
                    return wrong(
                        "within",
                        &format!("is {text:?}, which is no duration"),
                        "write e.g. \"150s\" or \"2m\"",
                    );
                }
            },
        };
        Ok(Pattern {
            id: self.id.clone(),
            title: self.title.clone(),
            expect: self.expect,
            regex: text,
            container: self.container.clone(),
            within_ms,
            level: self.level,
            owner: self.owner,
            advice: self.advice.clone(),
        })
    }
}
