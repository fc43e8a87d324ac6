//! Errors, by cause.

use std::fmt;

use casefile_evidence::ReadError;
use serde::{Deserialize, Serialize};

/// Something that a person wrote (a check, a signature, a setting) cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpecError {
    /// The file, as the person knows it.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<u64>,
    /// The problem, in lower case, naming the offending text.
    pub problem: String,
    /// The remedy; empty if the problem implies it.
    pub remedy: String,
}

impl SpecError {
    /// A problem of a file as a whole.
    pub fn new(file: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, problem: problem.into(), remedy: remedy.into() }
    }

    /// The same problem, at a line.
    #[must_use]
    pub fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.problem)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

impl std::error::Error for SpecError {}

/// No verdict could be given.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// A check or a setting cannot be used (exit code 2).
    #[error("{}", list(.0))]
    Specification(Vec<SpecError>),
    /// The evidence does not have its format (exit code 6).
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The evidence names no target (exit code 6).
    #[error("the evidence has {rows} rows in table target, expected exactly one: it cannot be judged")]
    Target {
        /// How many there are.
        rows: usize,
    },
    /// A query of a person was refused or failed (exit code 2).
    #[error("{0}")]
    Query(SpecError),
    /// A limit that keeps an untrusted query in check was reached (exit code 5).
    #[error("{0}")]
    Limit(String),
    /// A fault of this program (exit code 1).
    #[error("internal error: {0}")]
    Internal(String),
}

impl AnalyzeError {
    pub(crate) fn internal(error: impl fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<Vec<SpecError>> for AnalyzeError {
    fn from(errors: Vec<SpecError>) -> Self {
        Self::Specification(errors)
    }
}

fn list(errors: &[SpecError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
