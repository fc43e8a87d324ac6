//! Signatures ready to be used, as often as it is asked for.

use super::{Pattern, Scanner};
use crate::error::AnalyzeError;

/// Signatures that were found usable, and their matcher, which has seen no line.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) patterns: Vec<Pattern>,
    scanner: Scanner,
}

impl Compiled {
    pub(crate) fn new(patterns: Vec<Pattern>) -> Result<Self, AnalyzeError> {
        Ok(Self { scanner: Scanner::new(&patterns)?, patterns })
    }

    /// A matcher that has seen no line.
    pub(crate) fn scanner(&self) -> Scanner {
        self.scanner.clone()
    }
}
