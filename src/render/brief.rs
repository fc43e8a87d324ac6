//! A verdict in a screen: the cause with its last log lines, and the other checks in a line each. `-v` gives all of it
//! ([`super::terminal`]).

use casefile_analyzer::{CheckVerdict, Missing, Outcome, Verdict};

use super::evidence::{headline, shown};
use super::page::{Page, Role};
use super::story::Story;
use super::tail;
use super::terminal::heading;
use super::text::{count, cut_middle, short, visible};

/// Log lines of the first cause.
const LINES: usize = 5;
/// Checks of one kind that are named.
const NAMED: usize = 4;
/// Checks that failed besides the first, by their ids.
const ALSO: usize = 3;
/// Lines that an advice may take.
const ADVICE: usize = 2;
/// Kinds of missing evidence that are named.
const MISSING: usize = 3;

/// The evidence of a verdict.
pub(super) fn evidence(page: &mut Page, verdict: &Verdict, story: &Story<'_>) {
    if let Some((first, others)) = story.failing.split_first() {
        page.gap();
        let told = verdict.decision.causes.first().map_or("", |cause| &cause.text);
        first_failure(page, verdict, first, told);
        also_failed(page, others);
    }
    if !story.broken.is_empty() {
        page.gap();
        story.broken.iter().take(NAMED).for_each(|check| one_line(page, "!", Role::Error, check));
        beyond(page, story.broken.len(), NAMED, "check could not be evaluated", "checks could not be evaluated");
    }
    if !story.noticed.is_empty() {
        page.gap();
        story.noticed.iter().take(NAMED).for_each(|check| one_line(page, "!", Role::Inconclusive, check));
        beyond(page, story.noticed.len(), NAMED, "advice", "pieces of advice");
    }
    missing(page, verdict, story);
}

/// Says how many of `all` are beyond the `shown` ones.
fn beyond(page: &mut Page, all: usize, shown: usize, one: &str, many: &str) {
    if all > shown {
        page.line(2, Role::Dim, &format!("+{}", count(all - shown, &format!("more {one}"), &format!("more {many}"))));
    }
}

/// The other checks that failed, by their ids: the first lines of the verdict tell the causes.
fn also_failed(page: &mut Page, others: &[&CheckVerdict]) {
    if others.is_empty() {
        return;
    }
    let ids: Vec<&str> = others.iter().take(ALSO).map(|check| check.id.as_str()).collect();
    let more = others.len().checked_sub(ALSO).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    page.item(0, 2, Role::Fail, "✗ ", &format!("also failed: {}{more}", ids.join(", ")));
}

/// The check of the first cause: its first row, the last log lines, and what to do. `told`: the cause, as the first line
/// has it.
fn first_failure(page: &mut Page, verdict: &Verdict, check: &CheckVerdict, told: &str) {
    let day = verdict.bundle.target.window_from;
    heading(page, "✗", Role::Fail, check);
    let (shown, _) = shown(check, day, 1);
    if let Some(shown) = shown.first() {
        let room = page.width() - 8;
        let at = shown.at.as_ref().map(|at| format!("{at}  ")).unwrap_or_default();
        // The resource and the container; further facts are for -v.
        let whose: Vec<&str> = shown.what.split(" · ").take(2).collect();
        let more = shown.rows.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let tails = tail::of_rows(&shown.rows, day);
        let lines = tail::of_cause(verdict, check, day);
        let follow = if lines.is_some() { ", the last log lines:" } else { "" };
        let text = cut_middle(&format!("{}{more}{follow}", whose.join(" · ")), room - at.len());
        page.item(4, 6, Role::Strong, &at, &text);
        match &lines {
            Some(tail) => {
                let last = &tail.lines[tail.lines.len().saturating_sub(LINES)..];
                let last: Vec<String> = last.iter().map(|line| cut_middle(line, room)).collect();
                page.log(6, &last);
            }
            None => {
                if !told.contains(shown.message.trim()) {
                    page.message(6, &cut_middle(&visible(shown.message), 2 * room));
                }
                tails.iter().take(1).for_each(|tail| page.line(6, Role::Dim, &tail.title));
            }
        }
    } else {
        page.line(4, Role::Plain, &cut_middle(&short(&check.reason), ADVICE * page.width()));
    }
    advice(page, check);
}

/// The first advice of a check, as far as there is room.
fn advice(page: &mut Page, check: &CheckVerdict) {
    if let Some(advice) = check.advices().first() {
        let room = ADVICE * (page.width() - 8);
        page.item(4, 6, Role::Strong, "→ ", &cut_end(advice, room));
    }
}

/// A text that ends at a word.
fn cut_end(text: &str, room: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(room) else { return text.to_owned() };
    let cut = text[..end].rfind(' ').unwrap_or(end);
    format!("{} …", text[..cut].trim_end_matches([',', ':', ';']))
}

fn one_line(page: &mut Page, mark: &str, role: Role, check: &CheckVerdict) {
    let room = (2 * page.width()).saturating_sub(check.id.len() + 8);
    let why = cut_middle(&visible(&short(&headline(check))), room);
    page.item(0, 4, role, &format!("{mark} {}", check.id), &format!("  {why}"));
}

fn missing(page: &mut Page, verdict: &Verdict, story: &Story<'_>) {
    let open: Vec<&CheckVerdict> = story.untold.iter().chain(&story.pending).copied().collect();
    if story.missing.is_empty() && open.is_empty() {
        return;
    }
    if !story.is_undecided {
        let unknown = verdict.with_outcome(Outcome::Unknown).count();
        let pending = verdict.with_outcome(Outcome::Pending).count();
        let mut parts = Vec::new();
        if unknown > 0 {
            parts.push(count(unknown, "check lacks evidence", "checks lack evidence"));
        }
        if pending > 0 {
            parts.push(count(pending, "check was not decided yet", "checks were not decided yet"));
        }
        if !parts.is_empty() {
            if story.failing.is_empty() {
                page.gap();
            }
            let text = format!("{} (does not affect this verdict)", parts.join(", "));
            page.item(0, 2, Role::Inconclusive, "? ", &text);
        }
        return;
    }
    page.gap();
    let unreachable = story.missing.iter().find(|group| group.is_unreachable());
    if let Some(only) = unreachable.filter(|_| verdict.bundle.target.service_arn.is_none()) {
        group(page, only, true);
        page.line(0, Role::Plain, "nothing is known of the service, so no other check could be judged");
        return;
    }
    for (number, entry) in story.missing.iter().take(MISSING).enumerate() {
        group(page, entry, number == 0);
    }
    let kinds = ["kind of missing evidence", "kinds of missing evidence"];
    beyond(page, story.missing.len(), MISSING, kinds[0], kinds[1]);
    for check in open.iter().take(NAMED) {
        let mark = if check.outcome == Outcome::Pending { "…" } else { "?" };
        one_line(page, mark, Role::Inconclusive, check);
        if story.missing.is_empty() {
            advice(page, check);
        }
    }
    beyond(page, open.len(), NAMED, "check is not decided", "checks are not decided");
}

/// Missing evidence of one cause: the error, and the first remedy.
fn group(page: &mut Page, entry: &Missing<'_>, first: bool) {
    let role = if entry.blocks.is_empty() { Role::Plain } else { Role::Inconclusive };
    page.item(0, 4, role, "? ", &short(&entry.sentence()));
    if let Some(gap) = entry.gaps.first().filter(|gap| first && !entry.is_not_called() && !gap.error.is_empty()) {
        page.message(4, &cut_middle(&visible(&gap.error), ADVICE * page.width()));
    }
    if let Some(remedy) = entry.remedies.first() {
        page.item(4, 6, Role::Strong, "→ ", &cut_end(remedy, ADVICE * (page.width() - 8)));
    }
}
