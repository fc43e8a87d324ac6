//! What the log lines of a bundle were compared with: earlier good deployments of the service.
//!
//! Other bundles have that evidence. The caller compares the lines, and the verdict has the result as it was given: so it can be
//! reproduced without the other bundles.

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

/// The id of the check of a history.
pub const NEW_ERRORS: &str = "evidence.new-errors";

/// The log lines of a deployment, compared with those of earlier good deployments of its service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The digests of the bundles that it was compared with, in order.
    pub compared: Vec<String>,
    /// The errors that none of them logged, earliest first, up to [`History::ERRORS`].
    pub errors: Vec<NewError>,
    /// How many more there are.
    pub omitted: usize,
    /// How many earlier good deployments could not be read. An error that only those logged is among `errors`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unread: usize,
    /// Whether there were too many different lines to compare all of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
    /// Why nothing was compared, where that is a problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// An error that no earlier good deployment logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewError {
    /// The container that logged it; empty where it is not known.
    pub container: String,
    /// When it came first.
    pub at: Option<Timestamp>,
    /// A line of it.
    pub line: String,
    /// What all of its lines have in common: `<*>` stands for what differs.
    pub template: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl History {
    /// The most errors that are listed.
    pub const ERRORS: usize = 50;
}
