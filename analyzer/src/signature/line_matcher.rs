//! Whether one line matches a signature, for callers that have lines and no bundle.

use regex_automata::meta::Regex;

use super::expression::{Ends, compile};
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
        Ok(LineMatcher(match self.compile()?.looks {
            Looks::Text(text) => match compile(&[&text], Ends::OfLines) {
                Ok(regex) => Form::Text(Box::new(regex)),
                Err(_) => return self.wrong("pattern", "is too large", "shorten it"),
            },
            Looks::Json(fields) => Form::Json(vec![(0, fields)]),
        }))
    }
}

impl LineMatcher {
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
