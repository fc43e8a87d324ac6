//! The result of a run over the corpus.

use casefile_analyzer::Level;
use quick_junit::{Report, TestSuite};
use serde_json::json;

use super::Style;
use super::junit::case_with_problems;
use super::markdown::{code, escape, line, table};
use super::page::{Page, Role};
use super::text::{count, cut_middle, visible};
use crate::corpus::{Difference, Outcome, Tested, Tried, Uncovered, word};
use crate::error::Error;
use crate::format::Format;

/// Mutations' problems that are listed.
const VIOLATIONS: usize = 40;

/// A run over the corpus, in any format.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn corpus(tested: &Tested, format: Format, style: Style) -> Result<String, Error> {
    match format {
        Format::Terminal => Ok(terminal(tested, style)),
        Format::Json => super::json(&document(tested)),
        Format::Markdown => Ok(markdown(tested)),
        Format::Junit => junit(tested),
        Format::Html | Format::Annotations | Format::Dotenv => {
            Err(Error::usage("that is a report of one verdict: `casefile report BUNDLE`, or `analyze`"))
        }
    }
}

/// `fail` where it was expected, `fail → pass` where something else came.
fn turned(outcome: &Outcome, what: &str, got: &str) -> String {
    match outcome.differences.iter().find(|difference| difference.what == what) {
        Some(difference) => format!("{} → {}", difference.expected, difference.got),
        None => got.to_owned(),
    }
}

fn title(outcome: &Outcome) -> &str {
    outcome.case.toml.as_ref().map_or("", |toml| &toml.title)
}

fn told(difference: &Difference) -> String {
    format!("{}: expected {}, got {}", difference.what, difference.expected, difference.got)
}

/// Which way a check is not tried.
fn lacks(check: &Uncovered) -> &'static str {
    match (check.never_passes, check.never_fails) {
        (true, true) => "no case makes it pass, and none makes it fail",
        (true, false) => "no case makes it pass",
        (false, _) => "no case makes it fail",
    }
}

/// The run in a sentence.
fn summary(tested: &Tested) -> String {
    let cases = tested.outcomes.len();
    let differing = tested.outcomes.iter().filter(|outcome| !outcome.differences.is_empty()).count();
    let mut text = match differing {
        0 => format!("{} as expected", count(cases, "case gives its verdict", "cases give their verdicts")),
        _ => format!("{differing} of {} not as expected", count(cases, "case", "cases")),
    };
    if !tested.accepted.is_empty() {
        text.push_str(&format!("; {} written down, look at the changes before you keep them", tested.accepted.len()));
    }
    let lacking = tested.lacking().count();
    if lacking > 0 {
        text.push_str(&format!(
            "; {} without a passing or a failing case",
            count(lacking, "blocking check", "blocking checks")
        ));
    }
    match (tested.tried, tested.violations.len()) {
        (None, _) => {}
        (Some(tried), 0) => text.push_str(&format!("; {}, nothing turned", mutations(tried))),
        (Some(tried), wrong) => {
            text.push_str(&format!("; {} in {}", count(wrong, "problem", "problems"), mutations(tried)));
        }
    }
    text
}

fn mutations(tried: Tried) -> String {
    let open = match tried.inconclusive {
        0 => String::new(),
        open => format!(" ({open} of them inconclusive)"),
    };
    format!("{} and {}{open}", count(tried.losses, "loss", "losses"), count(tried.gains, "gain", "gains"))
}

fn terminal(tested: &Tested, style: Style) -> String {
    let mut page = Page::new(style);
    let name = tested.outcomes.iter().map(|outcome| outcome.case.name.len()).max().unwrap_or_default().clamp(12, 44);
    page.line(0, Role::Strong, &format!("  {:<name$}  {:<13} {:<9} what happened", "case", "verdict", "decision"));
    for outcome in &tested.outcomes {
        let good = outcome.differences.is_empty();
        let (mark, role) = if good { ('✓', Role::Pass) } else { ('✗', Role::Fail) };
        let verdict = turned(outcome, "verdict", &word(&outcome.verdict.verdict));
        let decision = turned(outcome, "decision", &word(&outcome.verdict.decision.action));
        let lead = format!("{mark} {:<name$}", outcome.case.name);
        let room = style.width.saturating_sub(name + 28);
        let rest = format!("  {verdict:<13} {decision:<9} {}", cut_middle(&visible(title(outcome)), room.max(20)));
        page.item(0, name + 28, role, &lead, rest.trim_end());
        for difference in &outcome.differences {
            page.line(4, Role::Fail, &told(difference));
            page.line(6, Role::Plain, &difference.why);
        }
    }
    page.gap();
    if tested.whole && !tested.uncovered.is_empty() {
        let by = |level: Level| tested.uncovered.iter().filter(move |check| check.level == level);
        for check in by(Level::Block) {
            page.item(0, 2, Role::Fail, &check.id, &format!("  {}", lacks(check)));
        }
        let advice: Vec<&str> = by(Level::Advise).map(|check| check.id.as_str()).collect();
        if !advice.is_empty() {
            page.line(0, Role::Dim, &format!("not tried both ways, and only advising: {}", advice.join(", ")));
        }
        page.gap();
    }
    for violation in tested.violations.iter().take(VIOLATIONS) {
        page.item(0, 4, Role::Fail, &format!("✗ {}", violation.case), &format!("  {}", violation.change));
        page.line(4, Role::Plain, &violation.problem);
    }
    if let Some(more) = tested.violations.len().checked_sub(VIOLATIONS).filter(|more| *more > 0) {
        page.line(0, Role::Dim, &format!("and {more} more problems: --format json lists all"));
    }
    let (mark, role) = if tested.is_good() { ("✓ ", Role::Pass) } else { ("✗ ", Role::Fail) };
    page.item(0, 2, role, mark, &summary(tested));
    page.finish()
}

fn document(tested: &Tested) -> serde_json::Value {
    let cases = tested.outcomes.iter().map(|outcome| {
        let differences = outcome
            .differences
            .iter()
            .map(|it| json!({ "what": it.what, "expected": it.expected, "got": it.got, "why": it.why }));
        json!({
            "case": outcome.case.name,
            "title": title(outcome),
            "modes": outcome.case.toml.as_ref().map(|toml| &toml.modes),
            "verdict": outcome.verdict.verdict,
            "decision": outcome.verdict.decision.action,
            "digest": outcome.verdict.digest,
            "differences": differences.collect::<Vec<_>>(),
            "accepted": tested.accepted.contains(&outcome.case.name),
        })
    });
    let uncovered = tested.uncovered.iter().map(|check| {
        json!({ "check": check.id, "level": check.level, "never_passes": check.never_passes, "never_fails": check.never_fails })
    });
    let violations =
        tested.violations.iter().map(|it| json!({ "case": it.case, "change": it.change, "problem": it.problem }));
    json!({
        "good": tested.is_good(),
        "cases": cases.collect::<Vec<_>>(),
        "uncovered": uncovered.collect::<Vec<_>>(),
        "mutations": tested.tried.map(|tried| json!({ "losses": tried.losses, "gains": tried.gains, "inconclusive": tried.inconclusive })),
        "violations": violations.collect::<Vec<_>>(),
    })
}

fn markdown(tested: &Tested) -> String {
    let mut page = String::new();
    line(&mut page, &format!("### Cases: {}", escape(&summary(tested))));
    let rows: Vec<Vec<String>> = tested
        .outcomes
        .iter()
        .map(|outcome| {
            let differences: Vec<String> = outcome.differences.iter().map(|it| escape(&told(it))).collect();
            vec![
                if outcome.differences.is_empty() { "✓" } else { "✗" }.to_owned(),
                code(&outcome.case.name),
                turned(outcome, "verdict", &word(&outcome.verdict.verdict)),
                turned(outcome, "decision", &word(&outcome.verdict.decision.action)),
                differences.join("<br>"),
            ]
        })
        .collect();
    table(&mut page, &["", "case", "verdict", "decision", "not as expected"], &rows);
    let lacking: Vec<Vec<String>> = tested
        .uncovered
        .iter()
        .map(|check| vec![code(&check.id), word(&check.level), lacks(check).to_owned()])
        .collect();
    if !lacking.is_empty() {
        table(&mut page, &["check", "level", "is not tried"], &lacking);
    }
    let violations: Vec<Vec<String>> =
        tested.violations.iter().map(|it| vec![code(&it.case), escape(&it.change), escape(&it.problem)]).collect();
    if !violations.is_empty() {
        table(&mut page, &["case", "change", "problem"], &violations);
    }
    page
}

fn junit(tested: &Tested) -> Result<String, Error> {
    let mut suite = TestSuite::new("casefile corpus");
    let mut add = |name: &str, problems: Vec<String>| {
        suite.add_test_case(case_with_problems("casefile.corpus", name, &problems));
    };
    for outcome in &tested.outcomes {
        let problems = outcome.differences.iter().map(|it| format!("{} ({})", told(it), it.why)).collect();
        add(&outcome.case.name, problems);
    }
    if tested.whole {
        add("coverage", tested.lacking().map(|check| format!("{}: {}", check.id, lacks(check))).collect());
    }
    if tested.tried.is_some() {
        let problems = tested.violations.iter().map(|it| format!("{}: {}: {}", it.case, it.change, it.problem));
        add("mutations", problems.collect());
    }
    let mut report = Report::new("casefile test");
    report.add_test_suite(suite);
    report.to_string().map_err(Error::internal)
}
