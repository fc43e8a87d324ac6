//! Signatures: log patterns that a service's owner declares, found in one pass over the log lines.

mod batch;
mod compiled;
mod declared;
mod escapes;
mod expression;
mod found;
mod json;
mod line_matcher;
mod matcher;
mod parts;
mod readable;
mod screen;
mod streams;
mod table;
mod tail;
mod trace;

pub(crate) use batch::{LINE_COLUMNS, WRITER_COLUMNS};
pub(crate) use compiled::{Compiled, LastCompiled};
pub use declared::{Anchor, Expect, Quorum, Signature};
pub(crate) use expression::{Ends, compile, escape, probe};
pub(crate) use found::{Found, KEPT, Match, Matches, Place};
pub(crate) use json::FieldPattern;
pub use line_matcher::LineMatcher;
pub(crate) use matcher::Scanner;
pub use readable::line as readable_line;
pub(crate) use screen::Screen;
pub(crate) use streams::{StreamLines, Streams};
pub(crate) use table::{SIGNATURE_TABLES, derived_tables, table_docs};
pub use tail::TailLine;
pub(crate) use tail::{Ended, Rings, shape, telling};
pub(crate) use trace::last_trace;

use casefile_evidence::log_group_name;

use crate::tables::{Task, Tasks};
use crate::terms::{Level, Owner};

/// The file that messages name.
pub(crate) const FILE: &str = "casefile.toml";

/// Whether a log group is the one that a signature names. A signature that gives a name means the groups of that name in
/// every account and region; one that gives an ARN means one group.
pub(crate) fn is_log_group(named: &str, group: &str) -> bool {
    let named = named.strip_suffix(":*").unwrap_or(named);
    // The evidence has no ARN of a group of the service's own account and region.
    let are_arns = named.starts_with("arn:") && group.starts_with("arn:");
    named == group || !are_arns && log_group_name(named) == log_group_name(group)
}

/// The pattern of a line.
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

impl Pattern {
    /// Whether a task is one whose lines count.
    pub(crate) fn is_about(&self, task: &Task) -> bool {
        task.is_of(self.family.as_deref())
    }

    /// Whether lines from a place count. Without a known writer they do only where the signature asks for
    /// just this log group.
    pub(crate) fn counts(&self, place: &Place, tasks: &Tasks) -> bool {
        match place.task_id.as_deref().and_then(|id| tasks.get(id)) {
            Some(task) => self.is_about(task),
            None => self.takes_unattributed(),
        }
    }

    pub(crate) fn takes_unattributed(&self) -> bool {
        self.log_group.is_some() && self.family.is_none()
    }

    /// The tasks whose lines count, by id.
    pub(crate) fn tasks<'a>(&'a self, tasks: &'a Tasks) -> impl Iterator<Item = (&'a str, &'a Task)> {
        tasks.all().filter(|(_, task)| self.is_about(task))
    }
}
