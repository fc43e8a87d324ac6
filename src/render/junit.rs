//! The verdict as JUnit XML, as GitLab's test report shows it: a test case for each check.
//!
//! A blocking check that is not decided is an error there, not a skip: GitLab shows skipped tests as
//! harmless, and an inconclusive verdict is not.

use casefile_analyzer::{CheckVerdict, Conclusion, Gap, Level, Outcome, Verdict};
use casefile_evidence::Timestamp;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::evidence::{headline, plain};
use super::tail;
use super::terminal::{action, deployment, observed, place, release};
use super::text::{conclusion, visible};
use crate::error::Error;

/// Causes that a test case lists: all that the verdict keeps.
const CAUSES: usize = usize::MAX;

pub(crate) fn verdict(verdict: &Verdict) -> Result<String, Error> {
    let target = &verdict.bundle.target;
    let mut suite = TestSuite::new(visible(&format!("casefile {}", target.service)));
    for check in &verdict.checks {
        suite.add_test_case(test_case(check, target.window_from));
    }
    if suite.failures + suite.errors == 0 && verdict.verdict != Conclusion::Pass {
        // Nothing was judged: a report of skips alone would look like success.
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(visible(&verdict.decision.why)).set_type(conclusion(verdict.verdict));
        let mut case = TestCase::new("verdict", status);
        case.set_classname("casefile");
        suite.add_test_case(case);
    }
    let property = |name: &str, value: &str| Property::new(name, visible(value));
    suite.add_properties([
        property("verdict", conclusion(verdict.verdict)),
        property("decision", &action(&verdict.decision)),
        property("why", &verdict.decision.why),
        property("impact", &verdict.impact.summary),
        property("runbook", verdict.decision.runbook.as_deref().unwrap_or_default()),
        property("service", &format!("{}{}", target.service, place(target))),
        property("release", &release(target)),
        property("deployment", &deployment(target)),
        property("observed", &observed(target)),
        property("bundle", verdict.bundle.digest.as_deref().unwrap_or_default()),
        property("pack", &verdict.pack.digest),
        property("config", &verdict.config.digest),
        property("verdict-digest", &verdict.digest),
    ]);
    suite.properties.retain(|property| !property.value.is_empty());
    let mut report = Report::new("casefile");
    report.add_test_suite(suite);
    report.to_string().map_err(Error::internal)
}

fn test_case(check: &CheckVerdict, day: Option<Timestamp>) -> TestCase {
    let reason = visible(&headline(check));
    let what = description(check, day);
    let status = match (check.outcome, check.level) {
        (Outcome::Pass, _) => TestCaseStatus::success(),
        (Outcome::Fail, Level::Block) => non_success(NonSuccessKind::Failure, reason, "fail", what),
        (Outcome::Error, _) => non_success(NonSuccessKind::Error, reason, "error", what),
        (Outcome::Unknown, Level::Block) => non_success(NonSuccessKind::Error, reason, "unknown", what),
        (Outcome::Pending, Level::Block) => non_success(NonSuccessKind::Error, reason, "pending", what),
        (Outcome::Fail, Level::Advise) => skipped(&format!("fails, but only advises: {reason}"), "advise"),
        (Outcome::Unknown, Level::Advise) => skipped(&format!("unknown, and only advises: {reason}"), "unknown"),
        (Outcome::Pending, Level::Advise) => skipped(&format!("not over yet, and only advises: {reason}"), "pending"),
        (Outcome::Skip, _) => skipped(&reason, "skip"),
    };
    let mut case = TestCase::new(visible(&format!("{}: {}", check.id, check.title)), status);
    case.set_classname(format!("{}/{}", check.level, check.owner));
    let evidence = plain(check, day, CAUSES);
    if !evidence.is_empty() {
        case.set_system_out(evidence.join("\n"));
    }
    case
}

fn non_success(kind: NonSuccessKind, reason: String, ty: &str, description: Vec<String>) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(reason).set_type(ty).set_description(description.join("\n"));
    status
}

fn skipped(message: &str, ty: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message).set_type(ty);
    status
}

/// The text that GitLab shows for an opened test case: the evidence in short, the gaps, and the remedies.
fn description(check: &CheckVerdict, day: Option<Timestamp>) -> Vec<String> {
    const SHORT: usize = 5;
    let mut lines = vec![visible(&check.reason)];
    lines.extend(plain(check, day, SHORT));
    for shown in tail::of_check(check, day) {
        lines.push(shown.title);
        lines.extend(shown.lines.iter().map(|line| format!("    {line}")));
    }
    lines.extend(check.unknown_because.iter().flat_map(gap));
    lines.extend(check.advices().into_iter().map(|advice| format!("advice: {}", visible(advice))));
    lines
}

fn gap(gap: &Gap) -> [String; 2] {
    let missing = format!("missing: {} ({}): {}", gap.source, gap.status.replace('_', " "), gap.error);
    [visible(&missing), visible(&format!("    how to get it: {}", gap.remedy))]
}
