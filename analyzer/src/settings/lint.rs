//! Signatures that can be compiled, and that no line can match.

use std::time::Duration;

use super::Settings;
use crate::error::SpecError;
use crate::signature::{Expect, FILE, Signature};

const ESCAPES: [&str; 5] = ["\u{1b}", "\\x1b", "\\x1B", "\\u001b", "\\u001B"];
const RECORDS: [&str; 4] = ["{\"log\"", "\\{\"log\"", "^{\"log\"", "^\\{\"log\""];

/// Lint findings about valid signatures.
pub fn lint_signatures(settings: &Settings) -> Vec<SpecError> {
    settings.signature.iter().flat_map(findings).collect()
}

/// Success signatures whose absence a collection with that timeout and that ingestion grace never decides.
pub fn lint_deadlines(settings: &Settings, timeout: Duration, grace: Duration) -> Vec<SpecError> {
    let successes = settings.signature.iter().filter(|signature| signature.expect == Expect::Success);
    let late = successes.filter_map(|signature| {
        let within = Duration::from_millis(u64::try_from(signature.within_ms().ok()?).ok()?);
        let needed = within.saturating_add(grace);
        (needed > timeout).then(|| {
            let [within, grace, timeout] = [within, grace, timeout].map(|span| format!("{} s", span.as_secs_f64()));
            let problem = format!(
                "signature {:?}: within ({within}) and the ingestion grace ({grace}) end after the timeout ({timeout}): a line that is not logged is never decided",
                signature.id
            );
            let needed = needed.as_millis().div_ceil(1000);
            SpecError::new(FILE, problem, format!("set [collect] timeout to {needed}s or more, or shorten within"))
        })
    });
    late.collect()
}

fn findings(signature: &Signature) -> Vec<SpecError> {
    let mut findings = Vec::new();
    let mut find = |key: &str, problem: &str, remedy: &str| {
        findings.push(SpecError::new(FILE, format!("signature {:?}: {key} {problem}", signature.id), remedy));
    };
    for (key, text) in [("pattern", &signature.pattern), ("contains", &signature.contains)] {
        let Some(text) = text else { continue };
        if ESCAPES.iter().any(|escape| text.contains(escape)) {
            let remedy = "write the text without colours: lines are matched without terminal escapes";
            find(key, "has a terminal escape, and matches no line", remedy);
        }
        if RECORDS.iter().any(|record| text.starts_with(record)) {
            let remedy = "match the text of the field `log`: the line is taken out of the record";
            find(key, "begins as a record of FireLens, and matches no line", remedy);
        }
    }
    let anchored = signature.pattern.as_deref().is_some_and(|text| text.contains("\\A") || text.contains("\\z"));
    if anchored {
        let remedy = "write ^ or $: they match at the ends of each line of an event";
        find("pattern", "matches only at the ends of an event", remedy);
    }
    findings
}
