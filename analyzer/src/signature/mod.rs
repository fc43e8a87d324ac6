//! Signatures: log patterns that a service's owner declares, found in one pass over the log lines.

mod declared;
mod escapes;
mod expression;
mod failure;
mod found;
mod json;
mod judge;
mod matcher;
mod parts;
mod readable;
mod scope;
mod streams;
mod success;
mod table;
mod trace;

pub use declared::{Anchor, Expect, Quorum, Signature};
pub(crate) use expression::{Ends, compile, escape, probe};
pub(crate) use found::Matches;
pub(crate) use json::FieldPattern;
pub(crate) use judge::judge;
pub(crate) use matcher::{Line, Scanner};
pub(crate) use readable::line as readable_line;
pub(crate) use scope::Scene;
pub(crate) use streams::{StreamLines, Streams};
pub(crate) use table::{derived_tables, table_docs};
pub(crate) use trace::{exception, last_trace};

use crate::pack::{Level, Owner};

/// What a line must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Looks {
    /// A regular expression that its text matches, whichever way it was written.
    Text(String),
    /// Fields of a JSON line, all of which match.
    Json(Vec<FieldPattern>),
}

/// A signature that was found usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) expect: Expect,
    pub(crate) looks: Looks,
    pub(crate) container: Option<String>,
    pub(crate) family: Option<String>,
    pub(crate) log_group: Option<String>,
    /// For a success: milliseconds after its anchor.
    pub(crate) within_ms: i64,
    pub(crate) anchor: Anchor,
    pub(crate) quorum: Quorum,
    pub(crate) level: Level,
    pub(crate) owner: Owner,
    pub(crate) advice: Option<String>,
}
