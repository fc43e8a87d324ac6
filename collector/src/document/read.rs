//! Which read a page of log lines belongs to.

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

/// The place of a page in a read: calls that follow each other, from a moment to the end of the streams. In a recording it
/// is the member `reading`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Its number in the collection. One read has each line of a stream once.
    pub id: i64,
    /// The page's number in the read, from 1.
    pub page: u32,
    /// When the read began: it has all lines that had arrived by then.
    pub began: Timestamp,
    /// The moment from which on it has the lines; `None` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Whether the read came to its end with this page.
    pub last: bool,
}

impl Read {
    /// A read that begins.
    pub const fn new(id: i64, began: Timestamp, from: Option<Timestamp>) -> Self {
        Self { id, page: 1, began, from, last: false }
    }

    /// The read at its next page.
    pub const fn next(self) -> Self {
        Self { page: self.page + 1, ..self }
    }
}
