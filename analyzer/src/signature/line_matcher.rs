//! Whether one line matches a signature, for callers that have lines and no bundle.

use regex_automata::meta::Regex;

use super::expression::{Ends, compile, told};
use super::json::{FieldPattern, hits};
use super::{Looks, Signature, readable_line};
use crate::error::SpecError;

/// Matches single log lines, each as a whole event.
#[derive(Debug, Clone)]
pub struct LineMatcher(Form);

#[derive(Debug, Clone)]
enum Form {
    Text(Box<Regex>),
    Json(Vec<(usize, Vec<FieldPattern>)>),
}

impl Signature {
    /// A matcher of its lines, wherever they are: `container`, `family` and `log_group` are not looked at.
    ///
    /// # Errors
    /// Where the signature cannot be used.
    pub fn line_matcher(&self) -> Result<LineMatcher, SpecError> {
        match self.compile()?.looks {
            Looks::Text(text) => LineMatcher::of_pattern(&text).or_else(|problem| self.wrong("pattern", &problem, "")),
            Looks::Json(fields) => Ok(LineMatcher(Form::Json(vec![(0, fields)]))),
        }
    }
}

impl LineMatcher {
    /// A matcher of a regular expression.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub fn of_pattern(pattern: &str) -> Result<Self, String> {
        let regex = compile(&[pattern], Ends::OfLines).map_err(|error| told(&error))?;
        Ok(Self(Form::Text(Box::new(regex))))
    }

    /// Whether a message matches, as a person reads it: without terminal escapes, and a router's record unwrapped.
    pub fn matches(&self, message: &str) -> bool {
        let line = readable_line(message);
        match &self.0 {
            Form::Text(regex) => regex.is_match(&line),
            Form::Json(fields) => {
                let mut found = Vec::new();
                hits(fields, &line, None, &mut found);
                !found.is_empty()
            }
        }
    }
}
