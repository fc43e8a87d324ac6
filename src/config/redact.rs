//! `[redact]` of `casefile.toml`.

use std::path::PathBuf;

use casefile_collector::redact::{Key, RedactionRule, Redactor};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// `[redact]`: further redaction rules, and the key of pseudonyms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedactSection {
    /// The environment variable that holds the key of pseudonyms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_env: Option<String>,
    /// The file that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rule: Vec<RedactionRule>,
}

impl RedactSection {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rules, compiled and tried on their examples, and the key.
    pub(crate) fn redactor(&self) -> Result<Redactor, Error> {
        let wrong = |what: String| Error::usage(format!("[redact]: {what}"));
        let bytes = match (&self.key_env, &self.key_file) {
            (None, None) => None,
            (Some(_), Some(_)) => return Err(wrong("give key_env or key_file, not both".to_owned())),
            (Some(name), None) => {
                let key = std::env::var(name).map_err(|_| wrong(format!("the environment has no {name}, which is to hold the key of pseudonyms: set it, or leave out key_env")))?;
                Some((key.into_bytes(), name.clone()))
            }
            (None, Some(path)) => {
                Some((std::fs::read(path).map_err(Error::io("read", path))?, path.display().to_string()))
            }
        };
        let key = match bytes {
            None => None,
            Some((bytes, origin)) => Some(Key::new(bytes.trim_ascii()).ok_or_else(|| {
                wrong(format!(
                    "the key in {origin} is shorter than {} bytes: make one with `openssl rand -hex 32`",
                    Key::SHORTEST
                ))
            })?),
        };
        Redactor::with(&self.rule, key).map_err(|error| wrong(error.to_string()))
    }
}
