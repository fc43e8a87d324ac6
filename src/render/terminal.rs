//! The verdict for a terminal: the action in the first lines, then the evidence.

use std::collections::BTreeMap;

use casefile_analyzer::{Action, Cause, CheckVerdict, Conclusion, Decision, EvidenceRow, Missing, Target, Verdict};
use casefile_evidence::Timestamp;

use super::Style;
use super::brief;
use super::evidence::{more, says_more, shown};
use super::page::{Page, Role};
use super::story::{Story, kinds};
use super::tail;
use super::text::{cause, conclusion, count, cut_middle, short, short_digest, span, stop_reason, time, visible};
use crate::say::{section_begin, section_end};

/// Causes of one blocking check that are shown.
const CAUSES: usize = 5;
/// Tasks of one check whose last lines are shown.
const TAILS: usize = 3;
/// Things to be done about missing evidence that are shown.
const REMEDIES: usize = 6;

pub(crate) fn verdict(verdict: &Verdict, style: Style) -> String {
    let mut page = Page::new(style);
    head(&mut page, verdict);
    body(&mut page, verdict);
    page.finish()
}

/// The verdict for the log of a GitLab job: all of it folded, then the evidence in brief. The verdict and the report's
/// address come last, since GitLab shows the last lines of a failed job.
pub(crate) fn job_log(verdict: &Verdict, report: Option<&str>, style: Style) -> String {
    let mut page = Page::new(Style { verbose: true, ..style });
    body(&mut page, verdict);
    let at = verdict.as_of.unwrap_or_default();
    let (begin, end) = (section_begin("evidence", "All of the evidence", true, at), section_end("evidence", at));
    let all = format!("{begin}\n{}{end}\n", page.finish());
    let mut page = Page::new(Style { verbose: false, ..style });
    body(&mut page, verdict);
    page.gap();
    head(&mut page, verdict);
    if let Some(report) = report {
        page.field("report", report);
    }
    all + &page.finish()
}

fn body(page: &mut Page, verdict: &Verdict) {
    let story = Story::of(verdict);
    let target = &verdict.bundle.target;
    let day = target.window_from;
    subject(page, target);
    if let Some(taken) = by_definition(verdict) {
        page.field("tasks", &taken);
    }
    if page.is_verbose() {
        failing(page, &story.failing, day);
        section(page, "could not be evaluated", &story.broken, broken);
        let title = "advice (does not affect the verdict)";
        section(page, title, &story.noticed, |page, check| noticed(page, check, day));
        missing(page, &story, target);
    } else {
        brief::evidence(page, verdict, &story);
    }
    if page.is_verbose() || story.failing.is_empty() {
        page.gap();
    }
    let is_all = page.is_verbose() || verdict.verdict == Conclusion::Pass;
    let more = if is_all { "" } else { "; -v shows all of the evidence" };
    page.item(0, 0, Role::Pass, if story.passed > 0 { "✓ " } else { "" }, &format!("{}{more}", story.rest()));
    digests(page, verdict);
}

/// The verdict, the decision and the first cause; the impact; the other causes.
fn head(page: &mut Page, verdict: &Verdict) {
    // In brief, two lines each.
    let (also, room) = if page.is_verbose() { (3, usize::MAX) } else { (2, page.width() - 14) };
    let decision = &verdict.decision;
    let (first, others) =
        decision.causes.split_first().map_or((None, &[][..]), |(first, others)| (Some(first), others));
    let cause = first.map(|cause| format!(": {}", sentence(cause))).unwrap_or_default();
    let what = cut_middle(&format!("{}{cause}", action(decision)), room.saturating_mul(3));
    page.item(0, 2, verdict.verdict.into(), &format!("{}  ", conclusion(verdict.verdict)), &what);
    page.field("impact", &verdict.impact.summary);
    for (number, cause) in others.iter().take(also).enumerate() {
        page.field(if number == 0 { "also" } else { "" }, &cut_middle(&sentence(cause), room.saturating_mul(2)));
    }
    if let Some(beyond) = others.len().checked_sub(also).filter(|beyond| *beyond > 0 && page.is_verbose()) {
        page.field("", &format!("and {beyond} more, below"));
    }
    if let Some(runbook) = &decision.runbook {
        page.field("runbook", runbook);
    }
}

/// A cause and the checks that tell it. A very long one loses its end, never its middle.
pub(crate) fn sentence(cause: &Cause) -> String {
    const LENGTH: usize = 400;
    const NAMED: usize = 2;
    let mut text = short(&cause.text);
    if let Some((end, _)) = text.char_indices().nth(LENGTH) {
        text.truncate(end);
        text.push('…');
    }
    // A gap's text says how many checks need it.
    if cause.checks.is_empty() || (cause.checks.len() > NAMED && cause.text.ends_with("checks lack evidence")) {
        return text;
    }
    let named: Vec<&str> = cause.checks.iter().take(NAMED).map(String::as_str).collect();
    let more = cause.checks.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    text.push_str(&format!(" ({}{more})", named.join(", ")));
    text
}

/// The action and its addressee.
pub(crate) fn action(decision: &Decision) -> String {
    match (decision.action, &decision.to) {
        (Action::Proceed, _) => "proceed".to_owned(),
        (Action::Alert, None) => "alert".to_owned(),
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

/// That tasks were taken for the rollout's without naming it.
pub(crate) fn by_definition(verdict: &Verdict) -> Option<String> {
    let tasks = verdict.rollout.tasks_by_definition;
    (tasks > 0).then(|| {
        format!(
            "{}: counted as this rollout's, by task definition and time of creation",
            count(tasks, "task names no deployment in startedBy", "tasks name no deployment in startedBy")
        )
    })
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

pub(super) fn heading(page: &mut Page, mark: &str, role: Role, check: &CheckVerdict) {
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
    for advice in check.advices() {
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

fn missing(page: &mut Page, story: &Story<'_>, target: &Target) {
    let day = target.window_from;
    let open: Vec<&CheckVerdict> = story.untold.iter().chain(&story.pending).copied().collect();
    let undecided = story.is_undecided;
    page.gap();
    if !story.missing.is_empty() || (undecided && !open.is_empty()) {
        let title = if undecided { "missing evidence" } else { "missing evidence (does not affect this verdict)" };
        page.line(0, Role::Strong, title);
    }
    if let Some(only) =
        story.missing.iter().find(|group| group.is_unreachable()).filter(|_| target.service_arn.is_none())
    {
        group(page, only, target);
        page.line(0, Role::Plain, "nothing is known of the service, so no other check could be judged");
        return;
    }
    for check in story.untold.iter().filter(|_| undecided) {
        heading(page, "?", Role::Inconclusive, check);
        told(page, check, day);
    }
    for entry in story.missing.iter().take(REMEDIES) {
        group(page, entry, target);
    }
    if let Some(beyond) = story.missing.len().checked_sub(REMEDIES).filter(|beyond| *beyond > 0) {
        page.line(0, Role::Dim, &format!("+{beyond} more: casefile inspect BUNDLE"));
    }
    for check in story.pending.iter().filter(|_| undecided) {
        heading(page, "…", Role::Inconclusive, check);
        told(page, check, day);
    }
    if !undecided && !open.is_empty() {
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

/// Missing evidence of one cause, and its remedies.
fn group(page: &mut Page, entry: &Missing<'_>, target: &Target) {
    const KINDS: usize = 2;
    const COMMANDS: usize = 6;
    let role = if entry.blocks.is_empty() { Role::Plain } else { Role::Inconclusive };
    page.item(0, 4, role, "? ", &short(&entry.sentence()));
    let not_called = entry.is_not_called();
    let kinds = kinds(entry);
    for (gap, _) in kinds.iter().take(KINDS).filter(|_| !not_called) {
        page.message(4, &gap.error);
    }
    if let Some(beyond) = kinds.len().checked_sub(KINDS).filter(|beyond| *beyond > 0 && !not_called) {
        page.line(4, Role::Dim, &format!("and {beyond} more kinds of error"));
    }
    let needed: Vec<&str> = entry.blocks.iter().chain(&entry.advises).copied().collect();
    if page.is_verbose() && !needed.is_empty() {
        page.line(4, Role::Plain, &format!("needed by {}", needed.join(", ")));
    }
    if not_called && target.stop_reason != "imported" {
        page.item(4, 6, Role::Strong, "→ ", "collect again: these calls follow from answers that did not come");
        return;
    }
    for remedy in entry.remedies.iter().take(COMMANDS) {
        page.item(4, 6, Role::Strong, "→ ", remedy);
    }
    if let Some(beyond) = entry.remedies.len().checked_sub(COMMANDS).filter(|beyond| *beyond > 0) {
        page.line(4, Role::Dim, &format!("+{beyond} more: casefile inspect BUNDLE"));
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
