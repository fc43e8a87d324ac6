//! Redaction as a service asks for it: rules of its own, and pseudonyms in place of removal.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use regex_automata::meta::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Counts;
use super::rules::Patterns;

/// `[[redact.rule]]`: what is secret in the texts of this service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactionRule {
    /// Its name, as it stands in markers and counts: lower case, digits, `.`, `_` and `-`.
    pub name: String,
    /// A regular expression. The secret is its first group, or all of it where it has none.
    pub pattern: String,
    /// Texts that it must take something out of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacts: Vec<String>,
    /// Texts that it must leave as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keeps: Vec<String>,
}

/// A rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("redaction rule {name:?}: {problem}")]
pub struct RuleError {
    /// The rule.
    pub name: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

/// No rule matches more than one of these, or its texts would lose more than secrets.
const LONGEST_NAME: usize = 40;

pub(super) fn compile(rules: &[RedactionRule]) -> Result<Patterns, RuleError> {
    for rule in rules {
        let wrong = |problem: String| Err(RuleError { name: rule.name.clone(), problem });
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if rule.name.is_empty() || rule.name.len() > LONGEST_NAME || !rule.name.chars().all(named) {
            return wrong(format!("write a name of at most {LONGEST_NAME} of a-z, 0-9, '.', '_' and '-'"));
        }
        match Regex::new(&rule.pattern) {
            Err(error) => return wrong(format!("the pattern is no regular expression: {error}")),
            Ok(regex) if regex.is_match("") => return wrong("the pattern matches an empty text".to_owned()),
            Ok(_) => {}
        }
    }
    let more: Vec<(String, String)> = rules.iter().map(|rule| (rule.name.clone(), rule.pattern.clone())).collect();
    let all =
        RuleError { name: rules.first().map(|rule| rule.name.clone()).unwrap_or_default(), problem: String::new() };
    let patterns = Patterns::with(&more).map_err(|problem| RuleError { problem, ..all })?;
    for rule in rules {
        let wrong = |problem: String| Err(RuleError { name: rule.name.clone(), problem });
        let takes = |text: &str| {
            let mut counts = Counts::new();
            patterns.redact(text, &mut counts);
            counts.contains_key(&rule.name)
        };
        if let Some(text) = rule.redacts.iter().find(|text| !takes(text)) {
            return wrong(format!("it takes nothing out of {text:?}, which `redacts` says it does"));
        }
        if let Some(text) = rule.keeps.iter().find(|text| takes(text)) {
            return wrong(format!("it takes something out of {text:?}, which `keeps` says it leaves"));
        }
    }
    Ok(patterns)
}

/// The key of pseudonyms (HMAC-SHA256, RFC 2104). It never leaves the process.
#[derive(Clone)]
pub struct Key {
    mac: Hmac<Sha256>,
    id: Arc<str>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Key {
    /// The shortest key that is taken, in bytes: shorter ones are guessed.
    pub const SHORTEST: usize = 16;

    /// A key of these bytes. `None` where they are fewer than [`Key::SHORTEST`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < Self::SHORTEST {
            return None;
        }
        // HMAC takes a key of any length.
        let mac = Hmac::<Sha256>::new_from_slice(bytes).ok()?;
        let id = Sha256::new().chain_update(b"casefile redaction key\0").chain_update(bytes).finalize();
        Some(Self { mac, id: hex(&id[..4]).into() })
    }

    /// Tells keys apart and says nothing of them: 8 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// 16 hexadecimal digits that stand for a secret.
    pub(super) fn pseudonym(&self, secret: &str) -> String {
        let mac = self.mac.clone().chain_update(secret.as_bytes()).finalize().into_bytes();
        hex(&mac[..8])
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
