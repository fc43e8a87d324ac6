//! Problems of checks and configs as GitLab's code quality report: each at its line in the merge request.

use std::path::Path;

use casefile_analyzer::SpecError;
use casefile_evidence::Digest;
use serde_json::{Value, json};

use super::json as json_line;
use super::text::visible;
use crate::error::Error;

/// GitLab reads `description`, `check_name`, `fingerprint`, `severity` and `location`; it links each finding to its line, so
/// that paths are relative to the project.
///
/// # Errors
/// Only internal errors.
pub(crate) fn codequality(problems: &[SpecError]) -> Result<String, Error> {
    let here = std::env::current_dir().unwrap_or_default();
    let finding = |problem: &SpecError| -> Value {
        let path = Path::new(&problem.file);
        let path = path.strip_prefix(&here).unwrap_or(path);
        let path = path.strip_prefix("./").unwrap_or(path).display().to_string();
        let remedy = if problem.remedy.is_empty() { String::new() } else { format!("; {}", problem.remedy) };
        json!({
            "description": visible(&format!("{}{remedy}", problem.problem)),
            "check_name": "casefile check lint",
            // Of the problem and not of the line, so that it stays the same while lines above it move.
            "fingerprint": Digest::of(format!("{path}\n{}", problem.problem).as_bytes()).to_string(),
            "severity": "major",
            "location": { "path": path, "lines": { "begin": problem.line.unwrap_or(1) } },
        })
    };
    json_line(&problems.iter().map(finding).collect::<Vec<_>>())
}
