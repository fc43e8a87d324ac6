//! What may get in the way of a first collection: findings, as functions of what was seen.

mod snapshot;

pub(crate) use snapshot::{Snapshot, call_failed};

use serde::Serialize;

/// How a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FindingStatus {
    /// As it should be.
    Ok,
    /// It works, and something about it may surprise.
    Warning,
    /// It could not be tried.
    Unknown,
    /// A collection would fail, or lack evidence.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What it is about, e.g. `credentials`.
    pub(crate) area: &'static str,
    pub(crate) status: FindingStatus,
    pub(crate) text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl Finding {
    pub(crate) fn ok(area: &'static str, text: impl Into<String>) -> Self {
        Self { area, status: FindingStatus::Ok, text: text.into(), remedy: None }
    }

    pub(crate) fn warning(area: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { area, status: FindingStatus::Warning, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn unknown(area: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { area, status: FindingStatus::Unknown, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn problem(area: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { area, status: FindingStatus::Problem, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// A problem whose text says what to do about it, as every error of this program does.
    pub(crate) fn error(area: &'static str, error: &dyn std::fmt::Display) -> Self {
        Self { area, status: FindingStatus::Problem, text: error.to_string(), remedy: None }
    }
}
