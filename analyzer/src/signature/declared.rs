//! A signature as a service's owner writes it in the config.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::FILE;
use super::json::FieldPattern;
use super::{Looks, Pattern, escape, probe};
use crate::error::SpecError;
use crate::terms::{Level, Owner};

/// The expectation of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// The line must appear in time.
    Success,
    /// The line must never appear.
    Failure,
}

/// Which tasks must have logged a success.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quorum {
    /// One task that did not die, even if it stopped later: for work that is done once for the deployment.
    #[default]
    Once,
    /// One that still runs at the end.
    Any,
    /// Each that runs at the end.
    Every,
}

/// From when on `within` counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anchor {
    /// The creation of the deployment.
    #[default]
    Deployment,
    /// The start of the task that logs it.
    Task,
}

/// A log pattern: a check without SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Its id, in the same space as the checks' ids.
    pub id: String,
    /// The statement that holds if it passes.
    pub title: String,
    /// The expectation.
    pub expect: Expect,
    /// A regular expression (the syntax of Rust's regex crate). Either this, `contains` or `json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A text that the line contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Fields of a JSON line, each with a regular expression that its text must match; all of them must. A
    /// field within a field is named with dots, e.g. `attributes.http.route`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, String>,
    /// The container that writes the line; any where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The family of the one-off tasks that write the line (see `[collect] tasks`), in place of the
    /// deployment's own tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The log group that the line is in; any where left out. Where one is named, lines count too that nobody
    /// can attribute to a task, from the deployment's creation on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<String>,
    /// How long a success may take, e.g. `150s` or `2m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// From when on `within` counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub anchor: Anchor,
    /// Which tasks must have logged a success.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quorum: Quorum,
    /// Whether it decides.
    #[serde(default = "block")]
    pub level: Level,
    /// Who takes over when it fails.
    #[serde(default = "service")]
    pub owner: Owner,
    /// Advice if it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

fn block() -> Level {
    Level::Block
}

fn service() -> Owner {
    Owner::Service
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

const SYNTAX: &str = "see https://docs.rs/regex/latest/regex/#syntax, or use contains";
const LENGTH: &str = "write e.g. \"150s\" or \"2m\"";
const LONGEST_MS: i128 = 24 * 60 * 60 * 1000;

impl Signature {
    /// Whether another signature expects the same of lines that look otherwise. Title and advice have no effect on outcomes.
    pub(crate) fn differs_in_its_pattern_only(&self, other: &Self) -> bool {
        let Self { title, pattern, contains, json, advice, .. } = self.clone();
        *self == Self { title, pattern, contains, json, advice, ..other.clone() }
    }

    pub(crate) fn compile(&self) -> Result<Pattern, SpecError> {
        if !crate::pack::is_id(&self.id) {
            return self.wrong(
                "id",
                "is not an id",
                "use lower-case words, digits, '-' and '.', such as migration.upgraded",
            );
        }
        if self.title.trim().is_empty() {
            return self.wrong("title", "is empty", "write the statement that holds if the signature passes");
        }
        for (key, name) in [("container", &self.container), ("family", &self.family), ("log_group", &self.log_group)] {
            if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
                return self.wrong(key, "is empty", "name one, or leave it out for any");
            }
        }
        Ok(Pattern {
            id: self.id.clone(),
            title: self.title.clone(),
            expect: self.expect,
            looks: self.looks()?,
            container: self.container.clone(),
            family: self.family.clone(),
            log_group: self.log_group.clone(),
            within_ms: self.within_ms()?,
            anchor: self.anchor,
            quorum: self.quorum,
            level: self.level,
            owner: self.owner,
            advice: self.advice.clone(),
        })
    }

    pub(super) fn wrong<T>(&self, key: &str, problem: &str, remedy: &str) -> Result<T, SpecError> {
        Err(SpecError::new(FILE, format!("signature {:?}: {key} {problem}", self.id), remedy))
    }

    fn looks(&self) -> Result<Looks, SpecError> {
        let unusable = |problem: &str| format!("is not a usable regular expression: {problem}");
        match (&self.pattern, &self.contains, self.json.is_empty()) {
            (Some(pattern), None, true) => match probe(pattern) {
                Ok(()) => Ok(Looks::Text(pattern.clone())),
                Err(problem) => self.wrong("pattern", &unusable(&problem), SYNTAX),
            },
            (None, Some(text), true) if !text.is_empty() => Ok(Looks::Text(escape(text))),
            (None, Some(_), true) => {
                self.wrong("contains", "is empty: it would match every line", "write a part of the line")
            }
            (None, None, false) => {
                let mut fields = Vec::new();
                for (path, regex) in &self.json {
                    match FieldPattern::new(path, regex) {
                        Ok(field) => fields.push(field),
                        Err(problem) => return self.wrong(&format!("json.{path}"), &unusable(&problem), SYNTAX),
                    }
                }
                Ok(Looks::Json(fields))
            }
            (None, None, true) => self.wrong(
                "pattern",
                "is missing",
                "give pattern = '...' (a regular expression), contains = \"...\", or json = { field = '...' }",
            ),
            (Some(_), Some(_), true) => self.wrong("pattern", "and contains are both given", "keep one of them"),
            _ => self.wrong("json", "stands beside pattern or contains", "keep one of them"),
        }
    }

    pub(crate) fn within_ms(&self) -> Result<i64, SpecError> {
        let meaningless = "has no meaning with expect = \"failure\"";
        let never = "remove it: the line must never appear";
        match (&self.within, self.expect) {
            (None, Expect::Success) => self.wrong(
                "within",
                "is missing",
                "say how long after the deployment was created the line may take, e.g. within = \"150s\"",
            ),
            (Some(_), Expect::Failure) => self.wrong("within", meaningless, never),
            (None, Expect::Failure) if self.anchor != Anchor::default() => self.wrong("anchor", meaningless, never),
            (None, Expect::Failure) if self.quorum != Quorum::default() => self.wrong("quorum", meaningless, never),
            (None, Expect::Failure) => Ok(0),
            (Some(text), Expect::Success) => match text.parse::<SignedDuration>().map(|within| within.as_millis()) {
                Ok(millis) if millis > LONGEST_MS => {
                    self.wrong("within", &format!("is {text:?}, which is longer than a day"), LENGTH)
                }
                Ok(millis) if millis > 0 => Ok(i64::try_from(millis).unwrap_or(i64::MAX)),
                _ => self.wrong("within", &format!("is {text:?}, which is no duration"), LENGTH),
            },
        }
    }
}
