//! The library of signatures: what well-known frameworks log when they come up, and when they do not.
//!
//! One file of `signatures/` is one framework. Adding the file adds the framework; its own logs test it.

use casefile_analyzer::{LineMatcher, Signature};
use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::error::Error;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/signatures");

/// A framework, as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Framework {
    /// The file's name without its extension.
    #[serde(skip)]
    pub(crate) key: String,
    pub(crate) name: String,
    /// One sentence for users.
    pub(crate) about: String,
    /// A line that matches is of a container that uses it.
    recognize: String,
    pub(crate) signature: Vec<Proposal>,
    /// Logs that test the signatures.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests read them"))]
    log: Vec<Log>,
}

/// A signature, and why it is one.
#[derive(Debug, Deserialize)]
pub(crate) struct Proposal {
    /// When the line is logged, and what it proves.
    pub(crate) why: String,
    #[serde(flatten)]
    pub(crate) signature: Signature,
}

/// A log, and the signatures that it must match.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "only tests read them"))]
struct Log {
    name: String,
    good: bool,
    logged: Vec<String>,
    lines: String,
}

impl Framework {
    /// All of them, by name.
    ///
    /// # Errors
    /// Only internal errors: the files are compiled in.
    pub(crate) fn all() -> Result<Vec<Self>, Error> {
        let mut files: Vec<_> =
            FILES.files().filter(|file| file.path().extension().is_some_and(|it| it == "toml")).collect();
        files.sort_by_key(|file| file.path());
        let parsed = files.into_iter().map(|file| {
            let problem =
                |error: &dyn std::fmt::Display| Error::internal(format!("{}: {error}", file.path().display()));
            let text = file.contents_utf8().ok_or_else(|| problem(&"no text"))?;
            let mut framework: Self = toml::from_str(text).map_err(|error| problem(&error))?;
            framework.key = file.path().with_extension("").display().to_string();
            Ok(framework)
        });
        parsed.collect()
    }

    /// Recognises its lines.
    ///
    /// # Errors
    /// Only internal errors.
    pub(crate) fn recognizer(&self) -> Result<LineMatcher, Error> {
        LineMatcher::of_pattern(&self.recognize).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use casefile_analyzer::Expect;

    use super::*;

    #[test]
    fn every_signature_matches_its_own_logs_and_no_other_of_its_framework() {
        let frameworks = Framework::all().unwrap();
        assert!(frameworks.len() >= 10, "{}", frameworks.len());
        let mut wrong = Vec::new();
        for framework in &frameworks {
            let (key, mut tested) = (&framework.key, BTreeSet::new());
            for log in &framework.log {
                let logged = framework.signature.iter().filter(|proposal| {
                    let matcher = proposal.signature.line_matcher().unwrap();
                    log.lines.lines().any(|line| matcher.matches(line))
                });
                let logged: BTreeSet<&str> = logged.map(|proposal| proposal.signature.id.as_str()).collect();
                let expected: BTreeSet<&str> = log.logged.iter().map(String::as_str).collect();
                if logged != expected {
                    wrong.push(format!("{key}: {:?} logs {logged:?}, and {expected:?} are expected", log.name));
                }
                let failures = framework.signature.iter().filter(|it| it.signature.expect == Expect::Failure);
                let failed = failures.filter(|it| expected.contains(it.signature.id.as_str())).count();
                if (failed == 0) != log.good {
                    wrong.push(format!("{key}: {:?} is good: {}, with {failed} failures", log.name, log.good));
                }
                let mut successes = framework.signature.iter().filter(|it| it.signature.expect == Expect::Success);
                if log.good && !successes.all(|it| expected.contains(it.signature.id.as_str())) {
                    wrong.push(format!("{key}: the good log {:?} lacks a success", log.name));
                }
                tested.extend(logged.into_iter().map(str::to_owned));
            }
            for proposal in &framework.signature {
                if !tested.contains(&proposal.signature.id) {
                    wrong.push(format!("{key}: no log has a line of {}", proposal.signature.id));
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn a_framework_is_recognised_in_its_good_logs_and_in_no_others() {
        let frameworks = Framework::all().unwrap();
        for framework in &frameworks {
            let recognizer = framework.recognizer().unwrap();
            for log in framework.log.iter().filter(|log| log.good) {
                let found = log.lines.lines().any(|line| recognizer.matches(line));
                assert!(found, "{}: {:?} is not recognised", framework.key, log.name);
            }
            for other in frameworks.iter().filter(|other| other.key != framework.key) {
                let lines = other.log.iter().flat_map(|log| log.lines.lines());
                let taken: Vec<&str> = lines.filter(|line| recognizer.matches(line)).collect();
                assert!(taken.is_empty(), "{} recognises lines of {}: {taken:?}", framework.key, other.key);
            }
        }
    }

    #[test]
    fn ids_begin_with_their_framework_and_are_used_once() {
        let frameworks = Framework::all().unwrap();
        for framework in &frameworks {
            let prefix = format!("{}.", framework.key);
            assert!(framework.signature.iter().all(|it| it.signature.id.starts_with(&prefix)), "{prefix}");
        }
        let ids: Vec<&str> =
            frameworks.iter().flat_map(|it| &it.signature).map(|it| it.signature.id.as_str()).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{ids:?}");
    }
}
