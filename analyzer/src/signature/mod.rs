//! Signatures: log patterns that a service's owner declares, found in one pass over the log lines.

mod judge;
mod matcher;
mod table;

pub(crate) use judge::judge;
pub(crate) use matcher::{Matches, Scanner, escape, probe};
pub(crate) use table::{matches_table, signatures_table, table_docs};

use crate::pack::{Level, Owner};
use crate::settings::Expect;

/// A signature that was found usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) expect: Expect,
    /// As a regular expression, whichever way it was written.
    pub(crate) regex: String,
    pub(crate) container: Option<String>,
    /// For a success: milliseconds after the deployment was created.
    pub(crate) within_ms: i64,
    pub(crate) level: Level,
    pub(crate) owner: Owner,
    pub(crate) advice: Option<String>,
}
