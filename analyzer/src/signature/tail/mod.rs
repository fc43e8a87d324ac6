//! The last lines of a log, kept while all lines pass by, and the one of them that tells why its program ended.

mod ring;
mod shape;
mod telling;

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use ring::{Ended, Rings};
pub(crate) use shape::shape;
pub(crate) use telling::telling;

/// One of the last lines of a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TailLine {
    /// When the program wrote it.
    pub at: Timestamp,
    /// The line as a person reads it, cut at 1,000 characters.
    pub line: String,
}
