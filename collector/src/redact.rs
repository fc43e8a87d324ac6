//! Redaction: what is secret leaves a document before anything is written.
//!
//! Three things are secret: the environment values of task definitions and overrides, by their place; arguments, by what
//! stands before them; and credentials anywhere in a text, by their shape ([`rules`]). What is taken out leaves a marker,
//! `[redacted:RULE]`, and is counted under its rule. Redaction is idempotent: a marker is never
//! redacted or counted again.

mod arguments;
mod bundle;
mod config;
mod keys;
mod options;
mod rules;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::{Answer, Document, LogEvent, Outcome};
pub use bundle::{RedactError, redact_bundle};
pub use config::{Key, RedactionRule, RuleError};
pub use keys::KeyBlocks;
use rules::Patterns;

/// How many secrets each rule took out, by the rule's name.
pub type Counts = BTreeMap<String, u64>;

/// The rule for environment values, which goes by their place in the document.
const ENVIRONMENT: &str = "environment";
/// The rule for options of log drivers, which goes by their place too.
const LOG_OPTION: &str = "log-option";
/// The rule for private keys, which also goes by the order of log lines.
const PRIVATE_KEY: &str = "private-key";

/// Opaque values of AWS that must survive for pages to be put together and events to be told apart.
const OPAQUE: [&str; 5] = ["NextToken", "eventId", "nextBackwardToken", "nextForwardToken", "nextToken"];

/// What is shorter is no password.
const SHORTEST_PASSWORD: usize = 3;
/// What leads to a password, of which all is secret, whatever its shape.
const PASSWORD: &str = "password=\"";

/// What each key of an object, reduced to its letters, says about the text that it holds.
const TELLING_KEYS: [(&str, &str); 10] = [
    ("apikey", "api_key: "),
    ("password", PASSWORD),
    ("passwd", PASSWORD),
    ("passphrase", PASSWORD),
    ("accesstoken", "access_token: "),
    ("authorization", "authorization: "),
    ("secretaccesskey", "secret_access_key: "),
    ("secretkey", "secret_key: "),
    ("securitytoken", "security_token: "),
    ("sessiontoken", "session_token: "),
];

/// Takes secrets out of documents and texts. Cheap to clone; one serves every thread.
#[derive(Debug, Clone)]
pub struct Redactor {
    patterns: Patterns,
}

impl Redactor {
    /// The rules that are always on: `environment`, `log-option`, `argument`, `aws-access-key-id`, `aws-secret-access-key`,
    /// `aws-session-token`, `bearer-token`, `basic-auth`, `jwt`, `url-password` and `private-key`.
    pub fn standard() -> Self {
        Self { patterns: Patterns::standard() }
    }

    /// The standard rules, and others. With a key, a secret leaves a pseudonym in place of nothing: the same
    /// secret under the same key is the same pseudonym, in every bundle, and nobody without the key can tell whose.
    ///
    /// # Errors
    /// [`RuleError`], where a rule cannot be used or does not do what its examples say.
    pub fn with(rules: &[RedactionRule], key: Option<Key>) -> Result<Self, RuleError> {
        let mut patterns = config::compile(rules)?;
        patterns.key = key;
        Ok(Self { patterns })
    }

    /// Which key makes the pseudonyms, where there is one.
    pub fn key_id(&self) -> Option<&str> {
        self.patterns.key.as_ref().map(Key::id)
    }

    /// Takes the secrets out of a document: its request, its response, and an error's message. Object
    /// keys, tokens of pages and event ids stay as they are.
    ///
    /// `blocks` remembers private keys that were printed line by line, from document to document.
    pub fn redact(&self, document: &mut Document, blocks: &KeyBlocks, counts: &mut Counts) {
        blocks.redact(document, counts);
        if let Some(request) = &mut document.request {
            self.object(request, counts);
        }
        match &mut document.outcome {
            Outcome::Response(Answer { fields, events, .. }) => {
                self.object(fields, counts);
                events.iter_mut().flatten().for_each(|event| self.event(event, counts));
            }
            Outcome::Error(error) => self.text(&mut error.message, counts),
        }
    }

    /// A log line: what is written by somebody is its message.
    fn event(&self, event: &mut LogEvent, counts: &mut Counts) {
        if let Some(message) = &mut event.message {
            self.text(message, counts);
        }
        if let Some(rest) = &mut event.rest {
            self.redact_value(rest, counts);
        }
    }

    /// Takes the secrets out of any JSON value, as [`Redactor::redact`] does.
    pub fn redact_value(&self, value: &mut Value, counts: &mut Counts) {
        match value {
            Value::String(text) => self.text(text, counts),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_value(item, counts)),
            Value::Object(object) => self.object(object, counts),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Takes the secrets out of a text. Borrowed where there are none, which is quick to tell.
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redact_counted(text, &mut Counts::new())
    }

    /// As [`Redactor::redact_text`], and counts what was taken out.
    pub fn redact_counted<'t>(&self, text: &'t str, counts: &mut Counts) -> Cow<'t, str> {
        self.patterns.redact(text, counts)
    }

    fn text(&self, text: &mut String, counts: &mut Counts) {
        if let Cow::Owned(redacted) = self.patterns.redact(text, counts) {
            *text = redacted;
        }
    }

    fn object(&self, object: &mut Map<String, Value>, counts: &mut Counts) {
        // In {"name": "AWS_SECRET_ACCESS_KEY", "value": "..."} it is the name that tells.
        let named = ["name", "key", "Key"].iter().find_map(|key| told_by(object.get(*key)?.as_str()?));
        let of_driver = object.contains_key("logDriver");
        for (key, value) in object {
            match value {
                Value::Object(options) if of_driver && key == "options" => self.log_options(options, counts),
                Value::String(_) if OPAQUE.contains(&key.as_str()) => {}
                Value::String(text) => {
                    let value_of_pair = key.eq_ignore_ascii_case("value");
                    match told_by(key).or(named.filter(|_| value_of_pair)) {
                        Some(lead) => self.told_text(lead, text, counts),
                        None => self.text(text, counts),
                    }
                }
                Value::Array(items) if arguments::LISTS.contains(&key.as_str()) => {
                    arguments::redact(items, self.patterns.key.as_ref(), counts);
                    items.iter_mut().for_each(|item| self.redact_value(item, counts));
                }
                Value::Array(items) if key == ENVIRONMENT => {
                    self.environment(items, counts);
                    items.iter_mut().for_each(|item| self.redact_value(item, counts));
                }
                other => self.redact_value(other, counts),
            }
        }
    }

    /// Every value of a list of `{"name", "value"}`; the names stay.
    fn environment(&self, items: &mut [Value], counts: &mut Counts) {
        for item in items {
            if let Some(value) = item.get_mut("value") {
                self.value_of(ENVIRONMENT, value, counts);
            }
        }
    }

    /// Every value of a log driver's options but those that are known to be no secrets.
    fn log_options(&self, options: &mut Map<String, Value>, counts: &mut Counts) {
        for (name, value) in options {
            if options::is_plain(name) {
                self.redact_value(value, counts);
            } else {
                self.value_of(LOG_OPTION, value, counts);
            }
        }
    }

    /// A value that is secret by its place.
    fn value_of(&self, rule: &str, value: &mut Value, counts: &mut Counts) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !value.is_null() && !rules::is_marker_of(rule, &text) {
            *value = Value::String(marker(rule, self.patterns.key.as_ref(), &text));
            count(rule, counts);
        }
    }

    /// A text whose key says what it is: it is read as if it followed that key in a line.
    fn told_text(&self, lead: &str, text: &mut String, counts: &mut Counts) {
        let whole = lead == PASSWORD && text.len() >= SHORTEST_PASSWORD && !rules::only_markers(text);
        if whole && rules::is_told_password(text, "") {
            *text = marker("password", self.patterns.key.as_ref(), text);
            return count("password", counts);
        }
        let line = format!("{lead}{text}");
        if let Cow::Owned(redacted) = self.patterns.redact(&line, counts) {
            *text = redacted.strip_prefix(lead).map_or_else(|| redacted.clone(), str::to_owned);
        }
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::standard()
    }
}

/// What is left of a secret: the rule that took it out, and, with a key, its pseudonym.
fn marker(rule: &str, key: Option<&Key>, secret: &str) -> String {
    match key {
        Some(key) => format!("[redacted:{rule}:{}]", key.pseudonym(secret)),
        None => format!("[redacted:{rule}]"),
    }
}

fn count(rule: &str, counts: &mut Counts) {
    if let Some(count) = counts.get_mut(rule) {
        *count += 1;
    } else {
        counts.insert(rule.to_owned(), 1);
    }
}

fn told_by(key: &str) -> Option<&'static str> {
    // All of them end so; most keys do not, and need no look.
    if key.len() > 60 || !key.ends_with(['n', 'N', 'y', 'Y', 'd', 'D', 'e', 'E']) {
        return None;
    }
    let letters: String =
        key.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect();
    TELLING_KEYS.iter().find(|(ending, _)| letters.ends_with(ending)).map(|(_, lead)| *lead)
}
