//! The verdict for a merge request or a ticket.
//!
//! Text from outside stands in fenced blocks or is escaped: it cannot form markup, HTML, mentions or
//! references.

use std::fmt::Write as _;

use casefile_analyzer::{CheckVerdict, Conclusion, Level, Missing, Outcome, Verdict};
use casefile_evidence::Timestamp;

use super::evidence::{headline, plain};
use super::story::{Story, kinds};
use super::tail;
use super::terminal::{action, by_definition, deployment, observed, place, release, sentence};
use super::text::{conclusion, count, cut_middle, short, visible};

/// Causes of one check that are shown.
const CAUSES: usize = 5;
/// Columns of a table cell, and of a line in a block.
const CELL: usize = 300;
const BLOCK: usize = 2000;

/// Bytes of the whole page: a comment on GitHub takes 65,536 characters, a note on GitLab and a step summary more.
const LIMIT: usize = 60_000;
/// Log lines that stand above the fold, and columns of each.
const LINES: usize = 10;
const LINE: usize = 300;

pub(crate) fn verdict(verdict: &Verdict) -> String {
    let story = Story::of(verdict);
    let target = &verdict.bundle.target;
    let mut page = first_screen(verdict, &story);
    let mut rest: Vec<String> = Vec::new();
    let mut block = |fill: &mut dyn FnMut(&mut String)| {
        let mut text = String::new();
        fill(&mut text);
        rest.push(text);
    };
    if !story.missing.is_empty() {
        block(&mut |page| {
            let rows: Vec<Vec<String>> = story.missing.iter().map(missing).collect();
            folded(page, "Missing evidence", story.is_undecided, |page| {
                table(page, &["missing", "error", "needed by", "remedy"], &rows);
            });
        });
    }
    block(&mut |page| attention(page, verdict, &story));
    for check in story.failing.iter().chain(&story.broken).chain(&story.noticed) {
        block(&mut |page| evidence(page, check, target.window_from));
    }
    let mut last = String::new();
    decided(&mut last, verdict, &story);
    let left_out = "Further evidence is left out here: see the HTML or the JSON report.\n\n";
    let room = LIMIT.saturating_sub(last.len() + left_out.len());
    let mut is_whole = true;
    for text in rest {
        if page.len() + text.len() <= room {
            page.push_str(&text);
        } else {
            is_whole = false;
        }
    }
    if !is_whole {
        page.push_str(left_out);
    }
    page.push_str(&last);
    page
}

/// What is read in five seconds: the verdict, the cause, to whom, the last log lines, what to do.
fn first_screen(verdict: &Verdict, story: &Story<'_>) -> String {
    let target = &verdict.bundle.target;
    let decision = &verdict.decision;
    let mut page = String::new();
    let mark = match verdict.verdict {
        Conclusion::Pass => "✅",
        Conclusion::Fail => "❌",
        Conclusion::Inconclusive => "❔",
        Conclusion::Error => "💥",
    };
    line(&mut page, &format!("### {mark} {}: {}", conclusion(verdict.verdict), escape(&action(decision))));
    if let Some(cause) = decision.causes.first() {
        line(&mut page, &format!("**{}**", escape(&sentence(cause))));
    }
    if let Some(check) = story.failing.first() {
        if let Some(shown) = tail::of_cause(verdict, check, target.window_from) {
            line(&mut page, &format!("{}:", escape(&shown.title)));
            let last = &shown.lines[shown.lines.len().saturating_sub(LINES)..];
            fenced(&mut page, &last.iter().map(|line| cut_middle(line, LINE)).collect::<Vec<_>>());
        }
        if let Some(advice) = check.advices().first() {
            line(&mut page, &format!("What to do: {}", escape(&cut_middle(&visible(advice), 2 * LINE))));
        }
    }
    line(&mut page, &format!("Impact: {}", escape(&short(&verdict.impact.summary))));
    if let Some(runbook) = &decision.runbook {
        line(&mut page, &format!("Runbook: {}", link(runbook)));
    }
    let subject = [
        ("service", Some(format!("{}{}", target.service, place(target)))),
        ("release", Some(release(target))),
        ("deployment", Some(deployment(target))),
        ("observed", Some(observed(target))),
        ("tasks", by_definition(verdict)),
    ];
    let rows = subject.into_iter().filter_map(|(name, value)| Some(vec![name.to_owned(), escape(&value?)]));
    table(&mut page, &["", ""], &rows.collect::<Vec<_>>());
    page
}

/// Code within a line of HTML, where Markdown escapes nothing, and GitLab looks for no mention.
fn html_code(text: &str) -> String {
    let text = visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<code>{text}</code>")
}

/// What a click unfolds. The summary is HTML.
fn folded(page: &mut String, summary: &str, open: bool, fill: impl FnOnce(&mut String)) {
    let open = if open { " open" } else { "" };
    line(page, &format!("<details{open}><summary>{summary}</summary>"));
    fill(page);
    line(page, "</details>");
}

/// Every check that neither passed nor was skipped.
fn attention(page: &mut String, verdict: &Verdict, story: &Story<'_>) {
    let undecided = [Outcome::Unknown, Outcome::Pending].into_iter().flat_map(|outcome| verdict.with_outcome(outcome));
    let (blocking, advising): (Vec<&CheckVerdict>, Vec<&CheckVerdict>) =
        undecided.partition(|check| check.level == Level::Block);
    let known = story.failing.iter().chain(&story.broken).copied();
    let all = known.chain(blocking).chain(story.noticed.iter().copied()).chain(advising);
    let rows: Vec<Vec<String>> = all.map(row).collect();
    if !rows.is_empty() {
        let title = not_passed_title(rows.len());
        folded(page, &title, rows.len() <= 8, |page| {
            table(page, &["check", "outcome", "level", "owner", "why"], &rows)
        });
    }
}

fn not_passed_title(checks: usize) -> String {
    count(checks, "check that did not pass", "checks that did not pass")
}

fn row(check: &CheckVerdict) -> Vec<String> {
    vec![
        code(&check.id),
        outcome(check.outcome).to_owned(),
        check.level.to_string(),
        check.owner.to_string(),
        match check.unknown_because.as_slice() {
            [] => escape(&cut_middle(&visible(&headline(check)), CELL)),
            _ => "evidence is missing, see below".to_owned(),
        },
    ]
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fail => "fail",
        Outcome::Error => "error",
        Outcome::Unknown => "unknown",
        Outcome::Pending => "pending",
        Outcome::Pass => "pass",
        Outcome::Skip => "skip",
    }
}

fn evidence(page: &mut String, check: &CheckVerdict, day: Option<Timestamp>) {
    folded(page, &html_code(&format!("{}: {}", check.id, check.title)), false, |page| {
        let mut lines = plain(check, day, CAUSES);
        if lines.is_empty() {
            lines.push(visible(&check.reason));
        }
        fenced(page, &lines);
        for shown in tail::of_check(check, day) {
            line(page, &escape(&shown.title));
            if !shown.lines.is_empty() {
                fenced(page, &shown.lines);
            }
        }
        for advice in check.advices() {
            line(page, &format!("What to do: {}", escape(advice)));
        }
    });
}

fn missing(entry: &Missing<'_>) -> Vec<String> {
    let cell = |text: &str| escape(&cut_middle(&visible(text), CELL));
    let (mut what, mut errors) = (Vec::new(), Vec::new());
    for (gap, more) in kinds(entry) {
        let more = if more > 0 { format!(" (and {more} more like it)") } else { String::new() };
        what.push(format!("{}{more}", cell(&short(&gap.source))));
        errors.push(format!("{}: {}", gap.status.replace('_', " "), cell(&gap.error)));
    }
    let needed: Vec<String> = entry.blocks.iter().chain(&entry.advises).map(|id| code(id)).collect();
    vec![
        what.join("<br>"),
        errors.join("<br>"),
        needed.join(", "),
        entry.remedies.iter().map(|remedy| cell(remedy)).collect::<Vec<_>>().join("<br>"),
    ]
}

/// The checks that passed or were skipped, and the digests.
fn decided(page: &mut String, verdict: &Verdict, story: &Story<'_>) {
    folded(page, &story.rest(), false, |page| {
        let good = [Outcome::Pass, Outcome::Skip].into_iter().flat_map(|outcome| verdict.with_outcome(outcome));
        let rows: Vec<Vec<String>> = good.map(row).collect();
        if !rows.is_empty() {
            table(page, &["check", "outcome", "level", "owner", "why"], &rows);
        }
        let digests = [
            ("bundle", verdict.bundle.digest.as_deref().unwrap_or("not sealed yet")),
            ("pack", &verdict.pack.digest),
            ("config", &verdict.config.digest),
            ("verdict", &verdict.digest),
            ("casefile", &verdict.engine.casefile),
            ("datafusion", &verdict.engine.datafusion),
        ];
        table(page, &["", ""], &digests.map(|(name, value)| vec![name.to_owned(), code(value)]));
    });
}

/// A paragraph.
pub(crate) fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push_str("\n\n");
}

/// A table; its cells are Markdown already.
pub(crate) fn table(page: &mut String, head: &[&str], rows: &[Vec<String>]) {
    // Writing to a string cannot fail.
    _ = writeln!(page, "| {} |", head.join(" | "));
    _ = writeln!(page, "|{}", "---|".repeat(head.len()));
    for row in rows {
        _ = writeln!(page, "| {} |", row.join(" | "));
    }
    page.push('\n');
}

/// A block whose fence is longer than any run of backticks in it.
fn fenced(page: &mut String, lines: &[String]) {
    let fence = "`".repeat(lines.iter().map(|line| backticks(line)).max().unwrap_or_default().max(2) + 1);
    _ = writeln!(page, "{fence}text");
    for line in lines {
        _ = writeln!(page, "{}", cut_middle(line, BLOCK));
    }
    line(page, &fence);
}

/// Text as code, also within a table's cell.
pub(crate) fn code(text: &str) -> String {
    let text = visible(text).replace('|', "\\|");
    if text.trim().is_empty() {
        return String::new();
    }
    let fence = "`".repeat(backticks(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// The longest run of backticks.
fn backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// Text that stays text. GitLab takes a backslash before `@`, `#`, `!`, `~`, `%`, `$` and `^` as "no
/// reference".
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '+' | '!' | '|' | '~' | '@' | '$' | '%' | '^' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

fn link(url: &str) -> String {
    let plain = url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '\\' | '`'));
    if plain && url.starts_with("https://") { format!("<{url}>") } else { escape(url) }
}
