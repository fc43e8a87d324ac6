//! Problems of checks and configs as GitLab's code quality report: each at its line in the merge request.

use std::collections::BTreeMap;
use std::path::Path;

use casefile_analyzer::SpecError;
use casefile_evidence::Digest;
use serde_json::{Value, json};

use super::json as json_line;
use super::text::visible;
use crate::error::Error;

/// GitLab reads `description`, `check_name`, `fingerprint`, `severity` and `location`; it links each finding to its line, so
/// that paths are relative to the project, which is the folder `here`.
///
/// # Errors
/// Only internal errors.
pub(crate) fn codequality(problems: &[SpecError], here: &Path) -> Result<String, Error> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let finding = |problem: &SpecError| -> Value {
        let path = Path::new(&problem.file);
        let path = path.strip_prefix(here).unwrap_or(path);
        let path = path.strip_prefix("./").unwrap_or(path).display().to_string();
        let remedy = if problem.remedy.is_empty() { String::new() } else { format!("; {}", problem.remedy) };
        // Of the problem and not of the line, so that it stays the same while lines above it move.
        let what = format!("{path}\n{}", problem.problem);
        let number = seen.entry(what.clone()).or_default();
        *number += 1;
        json!({
            "description": visible(&format!("{}{remedy}", problem.problem)),
            "check_name": "casefile check lint",
            "fingerprint": Digest::of(format!("{what}\n{number}").as_bytes()).to_string(),
            "severity": "major",
            "location": { "path": path, "lines": { "begin": problem.line.unwrap_or(1) } },
        })
    };
    json_line(&problems.iter().map(finding).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_is_a_finding_at_its_line() {
        let problem = |file: &str| SpecError::new(file, "unknown field `x`", "remove it");
        let problems =
            [problem("/builds/a/casefile.toml").at(3), problem("./casefile.toml").at(9), problem("checks/a.sql")];
        let text = codequality(&problems, Path::new("/builds/a")).unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        let places: Vec<(&str, i64)> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["location"]["path"].as_str().unwrap(), it["location"]["lines"]["begin"].as_i64().unwrap()))
            .collect();
        assert_eq!(places, [("casefile.toml", 3), ("casefile.toml", 9), ("checks/a.sql", 1)]);
        assert_ne!(found[0]["fingerprint"], found[1]["fingerprint"]);
        assert_eq!(found[0]["description"], "unknown field `x`; remove it");
        assert_eq!(codequality(&[], Path::new("/")).unwrap(), "[]\n");
    }
}
