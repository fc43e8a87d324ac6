//! The verdict as JUnit XML, as GitLab's test report shows it: a test case for each check.
//!
//! Where the verdict is inconclusive, a blocking check that is not decided is an error there, not a skip: GitLab shows
//! skipped tests as harmless. Where another check decided, it is a skip.

use std::path::Path;
use std::time::Duration;

use casefile_analyzer::{CheckVerdict, Conclusion, Gap, Level, Outcome, Target, Verdict};
use casefile_evidence::Timestamp;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::evidence::{headline, plain};
use super::links::is_in_project;
use super::story::Story;
use super::tail;
use super::terminal::{action, deployment, observed, place, release};
use super::text::{conclusion, visible};
use crate::error::Error;

/// Causes that a test case lists: all that the verdict keeps.
const CAUSES: usize = usize::MAX;

/// `attachment`: a file that GitLab shows beside failed test cases, by its path in the project.
///
/// # Errors
/// Only internal errors.
pub(crate) fn verdict(verdict: &Verdict, attachment: Option<&Path>) -> Result<String, Error> {
    let target = &verdict.bundle.target;
    let mut suite = TestSuite::new(visible(&format!("casefile {}", target.service)));
    let is_undecided = Story::of(verdict).is_undecided;
    for check in &verdict.checks {
        suite.add_test_case(test_case(check, is_undecided, target, attachment));
    }
    if suite.failures + suite.errors == 0 && verdict.verdict != Conclusion::Pass {
        // Nothing was judged: a report of skips alone would look like success.
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let why = visible(&verdict.decision.why);
        status.set_message(&why).set_type(conclusion(verdict.verdict)).set_description(why.clone());
        let mut case = TestCase::new("verdict", status);
        case.set_classname(visible(&target.service));
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

/// Its name and class are the same in every run, whatever the title, the level and the owner are: GitLab's history of a
/// test hangs on them. GitLab shows an element's text, and none of its attributes.
fn test_case(check: &CheckVerdict, is_undecided: bool, target: &Target, attachment: Option<&Path>) -> TestCase {
    let day = target.window_from;
    let reason = visible(&headline(check));
    let what = description(check, day);
    let status = match (check.outcome, check.level) {
        (Outcome::Pass, _) => TestCaseStatus::success(),
        (Outcome::Fail, Level::Block) => non_success(NonSuccessKind::Failure, reason, "fail", what),
        (Outcome::Error, _) => non_success(NonSuccessKind::Error, reason, "error", what),
        // Another check decided: this one is no error of the deployment.
        (Outcome::Unknown, Level::Block) if !is_undecided => {
            skipped(&format!("evidence missing, another check decided: {reason}"), "unknown")
        }
        (Outcome::Pending, Level::Block) if !is_undecided => {
            skipped(&format!("not decided yet, another check decided: {reason}"), "pending")
        }
        (Outcome::Unknown, Level::Block) => non_success(NonSuccessKind::Error, reason, "unknown", what),
        (Outcome::Pending, Level::Block) => non_success(NonSuccessKind::Error, reason, "pending", what),
        (Outcome::Fail, Level::Advise) => skipped(&format!("advice: {reason}"), "advise"),
        (Outcome::Unknown, Level::Advise) => skipped(&format!("advice, evidence missing: {reason}"), "unknown"),
        (Outcome::Pending, Level::Advise) => skipped(&format!("advice, not decided yet: {reason}"), "pending"),
        (Outcome::Skip, _) => skipped(&reason, "skip"),
    };
    let shows_output = matches!(status, TestCaseStatus::NonSuccess { .. });
    let mut case = TestCase::new(visible(&check.id), status);
    case.set_classname(visible(&target.service));
    if let Some(time) = decided_after(check, target) {
        case.set_time(time);
    }
    // A log line must not be able to name a file.
    let mut output: Vec<String> =
        plain(check, day, CAUSES).iter().map(|line| line.replace("[[ATTACHMENT", "[ [ATTACHMENT")).collect();
    if let Some(path) = attachment.filter(|path| shows_output && is_in_project(path)) {
        output.insert(0, format!("[[ATTACHMENT|{}]]", visible(&path.display().to_string())));
    }
    if !output.is_empty() {
        case.set_system_out(output.join("\n"));
    }
    case
}

/// How long after the deployment's creation its first row happened.
fn decided_after(check: &CheckVerdict, target: &Target) -> Option<Duration> {
    let status = check.outcome.status()?;
    let first = check.rows.iter().filter(|row| row.status == status).filter_map(|row| row.at).min()?;
    u64::try_from(first.millis_since(target.deployment_created_at?)).ok().map(Duration::from_millis)
}

/// A test that passes where there are no problems.
pub(super) fn case_with_problems(class: &str, name: &str, problems: &[String]) -> TestCase {
    let status = match problems {
        [] => TestCaseStatus::success(),
        [first, ..] => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let message = first.lines().next().unwrap_or_default();
            status.set_message(visible(message)).set_description(visible(&problems.join("\n")));
            status
        }
    };
    let mut case = TestCase::new(visible(name), status);
    case.set_classname(class);
    case
}

fn non_success(kind: NonSuccessKind, reason: String, ty: &str, description: Vec<String>) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(reason).set_type(ty).set_description(description.join("\n"));
    status
}

fn skipped(message: &str, ty: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message).set_type(ty).set_description(message);
    status
}

/// The text that GitLab shows for an opened test case: the evidence in short, the gaps, and the remedies.
fn description(check: &CheckVerdict, day: Option<Timestamp>) -> Vec<String> {
    const SHORT: usize = 5;
    let mut lines = vec![visible(&format!("{} ({})", check.title, check.owner)), visible(&check.reason)];
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
