//! Evidence that is missing, as verdicts name it.

use serde::{Deserialize, Serialize};

/// The status of a gap that is later than the end of the collection.
pub(crate) const NOT_REACHED: &str = "not_reached";

/// Evidence that is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The AWS request that is missing or not complete.
    pub source: String,
    /// The status of the source (`denied`, `partial`, ...), or `never_asked`, `not_reached`, `lossy`.
    pub status: String,
    /// The error.
    pub error: String,
    /// How to get it.
    pub remedy: String,
}

/// Gaps in a sentence: the first, and the number of others. AWS's message is in the gap itself.
pub(crate) fn missing(gaps: &[Gap]) -> String {
    let told = |gap: &Gap| match gap.status.as_str() {
        status @ ("denied" | "throttled" | "timeout") => format!("{} ({status})", gap.source),
        _ => format!("{}: {}", gap.source, gap.error),
    };
    match gaps {
        [] => "the evidence does not tell".to_owned(),
        [gap] => told(gap),
        [gap, _] => format!("{}, and one more gap", told(gap)),
        [gap, more @ ..] => format!("{}, and {} more gaps", told(gap), more.len()),
    }
}
