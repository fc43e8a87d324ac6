//! The result of a backtest.

use std::collections::BTreeMap;

use casefile_archive::Cost;
use quick_junit::{Report as Junit, TestSuite};
use serde_json::json;

use super::Style;
use super::archive::megabytes;
use super::junit::case_with_problems;
use super::markdown::{code, escape, line, table};
use super::page::{Page, Role};
use super::text::{count, short_digest};
use crate::backtest::{CheckChange, How, Outcome, Report, Worth};
use crate::corpus::word;
use crate::error::Error;
use crate::format::BacktestFormat;

/// Flips that are told in full; the JSON has all.
const SHOWN: usize = 50;

/// A backtest, in any format.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn backtest(report: &Report, archive: &str, format: BacktestFormat, style: Style) -> Result<String, Error> {
    match format {
        BacktestFormat::Terminal => Ok(terminal(report, archive, style)),
        BacktestFormat::Json => super::json(&document(report)),
        BacktestFormat::Markdown => Ok(markdown(report)),
        BacktestFormat::Junit => junit(report),
    }
}

/// USD for a thousand GET requests: S3 Standard in us-east-1 (<https://aws.amazon.com/s3/pricing/>).
const USD_FOR_1000: f64 = 0.0004;

/// `read 38.2 MB from s3://evidence/casefile in 412 requests (Amazon S3 in us-east-1: less than 0.01 USD)`
pub(crate) fn cost(archive: &str, cost: &Cost) -> String {
    let requests = count(usize::try_from(cost.requests()).unwrap_or(usize::MAX), "request", "requests");
    let (megabytes, usd) = (megabytes(cost.bytes()), usd(cost.requests()));
    format!("read {megabytes:.1} MB from {archive} in {requests} (Amazon S3 in us-east-1: {usd})")
}

fn usd(requests: u64) -> String {
    match requests as f64 / 1000.0 * USD_FOR_1000 {
        usd if usd < 0.01 => "less than 0.01 USD".to_owned(),
        usd => format!("about {usd:.2} USD"),
    }
}

/// `this change turns 3 of 412 verdicts: 1 pass → fail, 2 inconclusive → pass`
fn summary(report: &Report) -> String {
    let mut turns: BTreeMap<(String, String), usize> = BTreeMap::new();
    for flip in report.flips() {
        *turns.entry((word(&flip.before.verdict), word(&flip.after.verdict))).or_default() += 1;
    }
    let flips: usize = turns.values().sum();
    if report.total() == 0 {
        return "nothing was compared: no deployment has a verdict".to_owned();
    }
    let all = count(report.total(), "verdict", "verdicts");
    if flips == 0 {
        return format!("these rules turn none of {all}");
    }
    let turns: Vec<String> = turns.iter().map(|((from, to), times)| format!("{times} {from} → {to}")).collect();
    format!("these rules turn {flips} of {all}: {}", turns.join(", "))
}

/// What was judged again, and how much of it.
fn effort(report: &Report) -> String {
    let of = |how: How, words: &str| report.compared.get(&how).map(|number| format!("{number} {words}"));
    let parts = [
        of(How::SameRules, "have these rules already"),
        of(How::SameLines, "by their log lines, which match as before"),
        of(How::ChangedChecks, "by the checks that changed"),
        of(How::Whole, "as a whole"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn subject(outcome: &Outcome) -> String {
    format!("{} {} {} {}", outcome.date, outcome.service, outcome.region, short_digest(&outcome.bundle))
}

fn told(check: &CheckChange) -> String {
    let of = |outcome: &Option<String>| outcome.clone().unwrap_or_else(|| "(none)".to_owned());
    let turn = match check.before == check.after {
        true => of(&check.after),
        false => format!("{} → {}", of(&check.before), of(&check.after)),
    };
    let evidence = check.evidence.as_deref().map(|evidence| format!(" [{evidence}]")).unwrap_or_default();
    format!("{} {turn}: {}{evidence}", check.id, check.reason)
}

/// The checks that have to do with a difference: those whose outcome differs, if there are any.
fn shown(outcome: &Outcome) -> impl Iterator<Item = &CheckChange> {
    let checks = outcome.deciding();
    let differ = checks.iter().any(|check| check.before != check.after);
    checks.into_iter().filter(move |check| !differ || check.before != check.after)
}

fn decision(side: &crate::backtest::Side) -> String {
    match &side.to {
        Some(to) => format!("{} to {to}", side.action),
        None => side.action.clone(),
    }
}

fn terminal(report: &Report, archive: &str, style: Style) -> String {
    let mut page = Page::new(style);
    for flip in report.flips().take(SHOWN) {
        let turn = format!("{} → {}", word(&flip.before.verdict), word(&flip.after.verdict));
        page.line(0, Role::Strong, &format!("{turn}  {}", subject(flip)));
        for check in shown(flip) {
            page.message(4, &told(check));
        }
        page.line(4, Role::Dim, &format!("casefile analyze {} --archive {archive}", short_digest(&flip.bundle)));
    }
    if let Some(more) = report.flips().count().checked_sub(SHOWN).filter(|more| *more > 0) {
        page.line(0, Role::Dim, &format!("and {more} more: --format json lists all"));
    }
    let others: Vec<&Outcome> = report.differing.iter().filter(|outcome| !outcome.is_flip()).collect();
    if !others.is_empty() {
        page.gap();
        let number = count(
            others.len(),
            "verdict stays with another decision or reason",
            "verdicts stay with another decision or reason",
        );
        page.line(0, Role::Plain, &format!("{number}{}", if style.verbose { ":" } else { "; -v lists them" }));
        for outcome in others.into_iter().filter(|_| style.verbose) {
            page.line(2, Role::Plain, &format!("{} {}", word(&outcome.after.verdict), subject(outcome)));
            if decision(&outcome.before) != decision(&outcome.after) {
                page.line(4, Role::Plain, &format!("{} → {}", decision(&outcome.before), decision(&outcome.after)));
            }
            for check in shown(outcome) {
                page.message(4, &told(check));
            }
        }
    }
    if !report.worth.is_empty() {
        page.gap();
        page.line(
            0,
            Role::Strong,
            &columns(["by labels", "caught", "missed", "alarms", "precision", "recall", "a month"]),
        );
        for worth in &report.worth {
            page.line(0, Role::Plain, &row(worth));
        }
    }
    for (key, problem) in &report.problems {
        page.item(0, 4, Role::Fail, &format!("✗ {key}"), &format!("  {problem}"));
    }
    page.gap();
    if report.without_verdict > 0 {
        let without = count(report.without_verdict, "bundle has no verdict", "bundles have no verdict");
        page.line(0, Role::Dim, &format!("{without} to compare with, and stayed out"));
    }
    page.line(0, Role::Dim, &effort(report));
    let (mark, role) =
        if report.flips().next().is_none() && report.total() > 0 { ("✓ ", Role::Pass) } else { ("✗ ", Role::Fail) };
    page.item(0, 2, role, mark, &summary(report));
    page.finish()
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

fn row(worth: &Worth) -> String {
    columns([
        &worth.id,
        &worth.caught.to_string(),
        &worth.missed.to_string(),
        &worth.false_alarms.to_string(),
        &percent(worth.precision),
        &percent(worth.recall),
        &worth.false_alarms_a_month.map_or_else(|| "-".to_owned(), |alarms| format!("{alarms:.1}")),
    ])
}

fn columns([id, caught, missed, alarms, precision, recall, a_month]: [&str; 7]) -> String {
    format!("{id:<40} {caught:>6} {missed:>6} {alarms:>7} {precision:>9} {recall:>6}  {a_month}")
}

fn document(report: &Report) -> serde_json::Value {
    json!({
        "compared": report.total(),
        "flips": report.flips().count(),
        "judged": report.compared.iter().map(|(how, number)| (word(how), *number)).collect::<BTreeMap<_, _>>(),
        "verdicts": report.after,
        "differing": report.differing,
        "without_verdict": report.without_verdict,
        "problems": report.problems.iter().map(|(key, problem)| json!({ "key": key, "problem": problem })).collect::<Vec<_>>(),
        "labelled": report.labelled,
        "worth": report.worth,
    })
}

fn markdown(report: &Report) -> String {
    let mut page = String::new();
    line(&mut page, &format!("### Backtest: {}", escape(&summary(report))));
    let rows: Vec<Vec<String>> = report
        .flips()
        .take(SHOWN)
        .map(|flip| {
            let checks: Vec<String> = shown(flip).map(|check| escape(&told(check))).collect();
            vec![
                format!("{} → {}", word(&flip.before.verdict), word(&flip.after.verdict)),
                escape(&flip.date),
                format!("{} {}", escape(&flip.service), escape(&flip.region)),
                code(short_digest(&flip.bundle)),
                checks.join("<br>"),
            ]
        })
        .collect();
    if !rows.is_empty() {
        table(&mut page, &["turns", "date", "deployment", "bundle", "because"], &rows);
    }
    let stays = report.differing.len() - report.flips().count();
    if stays > 0 {
        line(
            &mut page,
            &count(
                stays,
                "verdict stays with another decision or reason.",
                "verdicts stay with another decision or reason.",
            ),
        );
    }
    if !report.worth.is_empty() {
        let of = |worth: &Worth| {
            vec![
                code(&worth.id),
                worth.caught.to_string(),
                worth.missed.to_string(),
                worth.false_alarms.to_string(),
                percent(worth.precision),
                percent(worth.recall),
            ]
        };
        let rows: Vec<Vec<String>> = report.worth.iter().map(of).collect();
        table(&mut page, &["check", "caught", "missed", "false alarms", "precision", "recall"], &rows);
    }
    let problems: Vec<Vec<String>> =
        report.problems.iter().map(|(key, problem)| vec![code(key), escape(problem)]).collect();
    if !problems.is_empty() {
        table(&mut page, &["bundle", "could not be judged"], &problems);
    }
    line(&mut page, &escape(&effort(report)));
    page
}

fn junit(report: &Report) -> Result<String, Error> {
    let mut suite = TestSuite::new("casefile backtest");
    let mut add = |name: &str, problems: &[String]| {
        suite.add_test_case(case_with_problems("casefile.backtest", name, problems));
    };
    for flip in report.flips() {
        let turn = format!("{} → {}", word(&flip.before.verdict), word(&flip.after.verdict));
        let why: Vec<String> = std::iter::once(turn).chain(shown(flip).map(told)).collect();
        add(&subject(flip), &why);
    }
    for (key, problem) in &report.problems {
        add(key, std::slice::from_ref(problem));
    }
    let same = report.total() - report.flips().count();
    add(&format!("{} as before", count(same, "verdict", "verdicts")), &[]);
    let mut junit = Junit::new("casefile backtest");
    junit.add_test_suite(suite);
    junit.to_string().map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::usd;

    #[test]
    fn what_requests_cost() {
        let costs = [0, 24_999, 25_000, 2_000_000].map(usd);
        assert_eq!(costs, ["less than 0.01 USD", "less than 0.01 USD", "about 0.01 USD", "about 0.80 USD"]);
    }
}
