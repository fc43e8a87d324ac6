//! The verdict as an operator reads it: what to do within the first lines, then what it rests on.

use std::collections::BTreeMap;

use casefile_analyzer::{Action, CheckVerdict, Conclusion, Decision, EvidenceRow, Target, Verdict};
use casefile_evidence::Timestamp;

use super::Style;
use super::evidence::{more, says_more, shown};
use super::page::{Page, Role};
use super::story::{Missing, Story};
use super::tail;
use super::text::{cause, conclusion, count, cut_middle, short, short_digest, span, stop_reason, time, visible};

/// Causes of one blocking check that are shown.
const CAUSES: usize = 5;
/// Tasks of one check whose last lines are shown.
const TAILS: usize = 3;
/// Things to be done about missing evidence that are shown.
const REMEDIES: usize = 6;

pub(crate) fn verdict(verdict: &Verdict, style: Style) -> String {
    let story = Story::of(verdict);
    let mut page = Page::new(style);
    let target = &verdict.bundle.target;
    let day = target.window_from;
    head(&mut page, verdict, &story);
    subject(&mut page, target);
    failing(&mut page, &story.failing, day);
    section(&mut page, "could not be evaluated", &story.broken, broken);
    section(&mut page, "advice (does not affect the verdict)", &story.noticed, |page, check| noticed(page, check, day));
    missing(&mut page, &story, day, verdict.verdict);
    page.gap();
    page.item(0, 0, Role::Pass, if story.passed > 0 { "✓ " } else { "" }, &story.rest());
    digests(&mut page, verdict);
    page.finish()
}

/// The verdict, the decision, and why: a line for each cause.
fn head(page: &mut Page, verdict: &Verdict, story: &Story<'_>) {
    const LINES: usize = 5;
    let decision = &verdict.decision;
    page.item(0, 2, verdict.verdict.into(), &format!("{}  ", conclusion(verdict.verdict)), &action(decision));
    let causes = story.why(verdict);
    let room = page.width().saturating_sub(14);
    if causes.is_empty() {
        page.field("why", &cut_middle(&visible(&decision.why), 3 * room));
    }
    let shown = if causes.len() > LINES { LINES - 1 } else { LINES };
    for (number, cause) in causes.iter().take(shown).enumerate() {
        page.field(if number == 0 { "why" } else { "" }, &cut_middle(&visible(cause), room));
    }
    if let Some(beyond) = causes.len().checked_sub(shown).filter(|beyond| *beyond > 0) {
        page.field("", &format!("and {beyond} more, below"));
    }
    if let Some(runbook) = &decision.runbook {
        page.field("runbook", runbook);
    }
}

/// What to do, and to whom it goes.
pub(crate) fn action(decision: &Decision) -> String {
    match (decision.action, &decision.to) {
        (Action::Proceed, _) => "proceed".to_owned(),
        (Action::Alert, None) => "alert (look at it before anything else is deployed)".to_owned(),
        (Action::Alert, Some(to)) => format!("alert {to}"),
        (Action::Delegate, Some(to)) => format!("delegate to {to}"),
        (Action::Delegate, None) => "delegate".to_owned(),
    }
}

fn subject(page: &mut Page, target: &Target) {
    page.gap();
    page.item(0, 2, Role::Strong, &target.service, &place(target));
    page.field("release", &release(target));
    page.field("deployment", &deployment(target));
    page.field("observed", &observed(target));
}

/// ` in ap-southeast-2/production`.
pub(crate) fn place(target: &Target) -> String {
    let parts: Vec<&str> = [&target.region, &target.cluster].into_iter().flatten().map(String::as_str).collect();
    if parts.is_empty() { String::new() } else { format!(" in {}", parts.join("/")) }
}

/// The release that was expected, and who said so.
pub(crate) fn release(target: &Target) -> String {
    let revision = target.expected_task_definition.as_ref().or(target.task_definition.as_ref());
    let revision = revision.map_or_else(|| "unknown".to_owned(), |name| short(name));
    let name = target.release.iter().map(|name| visible(name)).chain([revision]).collect::<Vec<_>>().join(", ");
    match (target.expectation.as_str(), &target.deployment_id) {
        ("pinned", Some(_)) => format!("{name} (pinned)"),
        ("pinned", None) => format!("{name} (pinned; no deployment of it was ever seen)"),
        _ => format!("{name} (not pinned: the newest deployment was judged)"),
    }
}

/// The deployment that was judged.
pub(crate) fn deployment(target: &Target) -> String {
    let Some(id) = &target.deployment_id else { return "none was seen".to_owned() };
    let controller = match target.deployment_controller.as_str() {
        "" | "ECS" => String::new(),
        other => format!(" by {other}"),
    };
    let created = target.deployment_created_at.map(|at| format!(", created {}", time(at, target.window_from)));
    format!("{id}{controller}{}", created.unwrap_or_default())
}

/// From when to when, how long, and why no longer.
pub(crate) fn observed(target: &Target) -> String {
    let stopped = stop_reason(&target.stop_reason);
    match (target.window_from, target.window_to) {
        (Some(from), Some(to)) if from != to => {
            format!("{from} to {} ({}){stopped}", time(to, Some(from)), span(to.millis_since(from)))
        }
        (Some(at), _) | (None, Some(at)) => format!("{at}, one moment{stopped}"),
        (None, None) => format!("never{stopped}"),
    }
}

fn section(page: &mut Page, title: &str, checks: &[&CheckVerdict], mut one: impl FnMut(&mut Page, &CheckVerdict)) {
    if !checks.is_empty() {
        page.gap();
        page.line(0, Role::Strong, title);
        checks.iter().for_each(|check| one(page, check));
    }
}

fn heading(page: &mut Page, mark: &str, role: Role, check: &CheckVerdict) {
    page.item(0, 4, role, &format!("{mark} {}", check.id), &format!("  {} ({})", check.title, check.owner));
}

/// The blocking checks that failed. Evidence that an earlier one gave is not given again.
fn failing(page: &mut Page, checks: &[&CheckVerdict], day: Option<Timestamp>) {
    let mut given: BTreeMap<(String, String), &str> = BTreeMap::new();
    for check in checks {
        page.gap();
        heading(page, "✗", Role::Fail, check);
        let (shown, beyond) = shown(check, day, CAUSES);
        if says_more(check, &shown) {
            page.line(4, Role::Plain, &short(&check.reason));
        }
        let mut again: Option<&str> = None;
        let mut room = TAILS;
        let mut left_out = 0;
        for shown in &shown {
            let keys = || shown.rows.iter().map(|row| (row.resource.clone(), cause(&row.reason)));
            let before = keys().map(|key| given.get(&key).copied()).collect::<Option<Vec<_>>>();
            if let Some(id) = before.as_deref().and_then(|ids| ids.first()) {
                again = Some(id);
                continue;
            }
            keys().for_each(|key| _ = given.entry(key).or_insert(&check.id));
            let at = shown.at.as_ref().map(|at| format!("{at}  ")).unwrap_or_default();
            page.item(4, 6, Role::Strong, &at, &shown.what);
            if let Some(also) = &shown.also {
                page.line(6, Role::Plain, also);
            }
            page.message(6, shown.message);
            left_out += tails(page, &shown.rows, day, &mut room);
        }
        if left_out > 0 {
            let of = count(left_out, "more task", "more tasks");
            page.line(4, Role::Dim, &format!("(lines of {of}: --format json or --format markdown)"));
        }
        if let Some(id) = again {
            page.line(4, Role::Dim, &format!("the same evidence as {id}"));
        }
        if beyond > 0 {
            page.line(4, Role::Dim, &more(check, beyond));
        }
        advice(page, check);
    }
}

/// The last log lines of tasks, as many as there is room for. Says how many are left out.
fn tails(page: &mut Page, rows: &[&EvidenceRow], day: Option<Timestamp>, room: &mut usize) -> usize {
    let shown = tail::of_rows(rows, day);
    let listed = shown.len().min(*room);
    for shown in shown.iter().take(listed) {
        page.line(6, Role::Dim, &shown.title);
        page.log(6, &shown.lines);
    }
    *room -= listed;
    shown.iter().skip(listed).filter(|shown| !shown.lines.is_empty()).count()
}

fn advice(page: &mut Page, check: &CheckVerdict) {
    if let Some(advice) = &check.advice {
        page.item(4, 6, Role::Strong, "→ ", advice);
    }
}

fn broken(page: &mut Page, check: &CheckVerdict) {
    heading(page, "!", Role::Error, check);
    page.message(4, &check.reason);
}

/// An advising check in at most a few lines.
fn noticed(page: &mut Page, check: &CheckVerdict, day: Option<Timestamp>) {
    heading(page, "!", Role::Inconclusive, check);
    let (shown, beyond) = shown(check, day, 1);
    match shown.first() {
        Some(first) => {
            let at = first.at.as_ref().map(|at| format!("{at}  ")).unwrap_or_default();
            let message = cut_middle(&visible(first.message), page.width());
            page.item(4, 6, Role::Plain, &format!("{at}{}", first.what), &format!(": {message}"));
            tails(page, &first.rows, day, &mut 1);
            let rows = first.rows.len() - 1 + beyond;
            if rows > 0 {
                page.line(4, Role::Dim, &more(check, rows));
            }
        }
        None => page.line(4, Role::Plain, &check.reason),
    }
}

fn missing(page: &mut Page, story: &Story<'_>, day: Option<Timestamp>, conclusion: Conclusion) {
    let open: Vec<&CheckVerdict> = story.untold.iter().chain(&story.pending).copied().collect();
    // What is not decided decides nothing any more once the verdict is a fail.
    let hangs = matches!(conclusion, Conclusion::Inconclusive | Conclusion::Error);
    page.gap();
    if !story.missing.is_empty() || (hangs && !open.is_empty()) {
        let title = if hangs { "missing evidence" } else { "missing evidence (does not affect this verdict)" };
        page.line(0, Role::Strong, title);
    }
    for check in story.untold.iter().filter(|_| hangs) {
        heading(page, "?", Role::Inconclusive, check);
        told(page, check, day);
    }
    for entry in story.missing.iter().take(REMEDIES) {
        remedy(page, entry);
    }
    if let Some(beyond) = story.missing.len().checked_sub(REMEDIES).filter(|beyond| *beyond > 0) {
        page.line(0, Role::Dim, &format!("+{beyond} more: casefile inspect BUNDLE"));
    }
    for check in story.pending.iter().filter(|_| hangs) {
        heading(page, "…", Role::Inconclusive, check);
        told(page, check, day);
    }
    if !hangs && !open.is_empty() {
        let ids: Vec<&str> = open.iter().map(|check| check.id.as_str()).collect();
        page.item(0, 2, Role::Inconclusive, "… ", &format!("not decided: {}", ids.join(", ")));
    }
}

/// A check that is not decided, by its own reason or its rows.
fn told(page: &mut Page, check: &CheckVerdict, day: Option<Timestamp>) {
    let (shown, _) = shown(check, day, 2);
    let mut room = TAILS;
    if says_more(check, &shown) {
        page.line(4, Role::Plain, &check.reason);
    }
    for shown in &shown {
        page.line(4, Role::Plain, &shown.what);
        page.message(6, shown.message);
        tails(page, &shown.rows, day, &mut room);
    }
    advice(page, check);
}

fn remedy(page: &mut Page, entry: &Missing<'_>) {
    const KINDS: usize = 2;
    let kinds = entry.kinds();
    for (gap, more) in kinds.iter().take(KINDS) {
        let more = if *more > 0 { format!(" (and {more} more like it)") } else { String::new() };
        let role = if entry.blocks.is_empty() { Role::Plain } else { Role::Inconclusive };
        let lead = format!("? {}", gap.status.replace('_', " "));
        page.item(0, 4, role, &lead, &format!("  {}{more}", cut_middle(&short(&gap.source), 2 * page.width())));
        page.message(4, &gap.error);
    }
    if let Some(beyond) = kinds.len().checked_sub(KINDS).filter(|beyond| *beyond > 0) {
        page.line(4, Role::Dim, &format!("and {beyond} more kinds of error"));
    }
    let needed: Vec<&str> = entry.blocks.iter().chain(&entry.advises).copied().collect();
    if !needed.is_empty() {
        page.line(4, Role::Plain, &format!("needed by {}", needed.join(", ")));
    }
    if !entry.remedy.is_empty() {
        page.item(4, 6, Role::Strong, "→ ", entry.remedy);
    }
}

fn digests(page: &mut Page, verdict: &Verdict) {
    let bundle = verdict.bundle.digest.as_deref().map_or("not sealed yet", short_digest);
    let line = format!(
        "bundle {bundle}  pack {}  config {}  verdict {}  casefile {}",
        short_digest(&verdict.pack.digest),
        short_digest(&verdict.config.digest),
        short_digest(&verdict.digest),
        verdict.engine.casefile,
    );
    page.line(0, Role::Dim, &line);
}
