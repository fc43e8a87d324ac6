//! The report as one HTML file: no script, no request, readable and printable everywhere.
//!
//! Text from outside is escaped by the template, and its control characters are made visible. The policy in the head lets
//! no browser run or fetch anything.

mod scene;
mod site;
mod timeline;

use casefile_analyzer::{CheckVerdict, Conclusion, Level, Missing, Outcome, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};
pub(crate) use scene::Scene;
use scene::State;
pub(crate) use site::site;

use super::bundles::Change;
use super::evidence::{headline, plain};
use super::story::{Story, kinds};
use super::tail;
use super::terminal::{action, by_definition, deployment, observed, place, release, sentence};
use super::text::{conclusion, cut_middle, short, time, visible};

/// The generator that a page names in its head.
pub(crate) const GENERATOR: &str = "casefile: verdicts of ECS deployments";

const STYLE: &str = include_str!("style.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// Checks that stand before the timeline.
const FIRST: usize = 1;
/// Causes of one check that are shown.
const CAUSES: usize = 20;
/// Columns of a line of a log.
const LINE: usize = 2000;

/// A verdict, with the scene of its bundle.
pub(crate) fn verdict(verdict: &Verdict, scene: Option<&Scene>) -> String {
    let story = Story::of(verdict);
    let target = &verdict.bundle.target;
    let word = conclusion(verdict.verdict);
    let class = match verdict.verdict {
        Conclusion::Pass => "pass",
        Conclusion::Fail => "fail",
        Conclusion::Inconclusive | Conclusion::Error => "open",
    };
    let title = format!("{word}: {}{}", target.service, place(target));
    let body = html! {
        header class=(class) { (head(verdict, word)) }
        nav aria-label="Sections" { (contents(&story, scene)) }
        main {
            (causes(verdict, &story))
            @if let Some(scene) = scene { (rollout(scene)) }
            (further(verdict, &story))
            (checks(verdict))
            @if !story.missing.is_empty() { (missing(&story.missing)) }
            @if let Some((before, changes)) = scene.and_then(|scene| scene.before.as_ref()) {
                (definition(before, changes))
            }
            (provenance(verdict))
        }
    };
    document(&title, &body)
}

/// A page that stands alone.
fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(GENERATOR);
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (visible(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

/// The first screen: the verdict, the decision, the cause, the impact, and what it is about.
fn head(verdict: &Verdict, word: &str) -> Markup {
    let (decision, target) = (&verdict.decision, &verdict.bundle.target);
    let cause = decision.causes.first().map(sentence);
    let subject = [
        ("impact", Some(short(&verdict.impact.summary))),
        ("service", Some(format!("{}{}", target.service, place(target)))),
        ("release", Some(release(target))),
        ("deployment", Some(deployment(target))),
        ("observed", Some(observed(target))),
        ("tasks", by_definition(verdict)),
    ];
    html! {
        p.word { (word) }
        h1 { (visible(&action(decision))) }
        @if let Some(cause) = cause { p.cause { (visible(&cause)) } }
        @if let Some(runbook) = &decision.runbook { p { "Runbook: " (link(runbook)) } }
        dl {
            @for (name, value) in subject {
                @if let Some(value) = value { dt { (name) } dd { (visible(&value)) } }
            }
        }
    }
}

fn link(url: &str) -> Markup {
    let is_plain = url.starts_with("https://") && url.chars().all(|c| c.is_ascii_graphic());
    html! { @if is_plain { a href=(url) rel="noreferrer" { (url) } } @else { (visible(url)) } }
}

fn contents(story: &Story<'_>, scene: Option<&Scene>) -> Markup {
    html! {
        ul {
            li { a href="#causes" { "What happened" } }
            @if scene.is_some() { li { a href="#rollout" { "The rollout" } } }
            li { a href="#checks" { "Checks" } }
            @if !story.missing.is_empty() { li { a href="#missing" { "Missing evidence" } } }
            @if scene.is_some_and(|scene| scene.before.is_some()) { li { a href="#definition" { "Task definition" } } }
            li { a href="#provenance" { "Provenance" } }
        }
    }
}

/// The first check that tells something, with its evidence and the last log lines; the other causes.
fn causes(verdict: &Verdict, story: &Story<'_>) -> Markup {
    let told = telling(story);
    html! {
        section #causes {
            h2 { "What happened" }
            @if told.is_empty() { p { (story.rest()) "." } }
            @for check in told.iter().take(FIRST) { (evidence(verdict, story, check)) }
            @if verdict.decision.causes.len() > 1 {
                p { "Also:" }
                ul { @for cause in verdict.decision.causes.iter().skip(1) { li { (visible(&sentence(cause))) } } }
            }
        }
    }
}

/// The other checks that tell something.
fn further(verdict: &Verdict, story: &Story<'_>) -> Markup {
    let told = telling(story);
    html! {
        @if told.len() > FIRST {
            section #further {
                h2 { "Further findings" }
                @for check in told.iter().skip(FIRST) { (evidence(verdict, story, check)) }
            }
        }
    }
}

/// The checks that tell something: the first cause's first.
fn telling<'a>(story: &Story<'a>) -> Vec<&'a CheckVerdict> {
    let told =
        story.failing.iter().chain(&story.broken).chain(&story.untold).chain(&story.pending).chain(&story.noticed);
    told.copied().collect()
}

fn evidence(verdict: &Verdict, story: &Story<'_>, check: &CheckVerdict) -> Markup {
    let day = verdict.bundle.target.window_from;
    let mut tails = tail::of_check(check, day);
    if tails.is_empty() && check.outcome == Outcome::Fail {
        tails.extend(tail::of_cause(verdict, check, day));
    }
    // Nothing is to be done about what can no longer change the verdict.
    let is_open = matches!(check.outcome, Outcome::Pending | Outcome::Unknown);
    let advices = if is_open && !story.is_undecided { Vec::new() } else { check.advices() };
    let mut lines = plain(check, day, CAUSES);
    if lines.is_empty() {
        lines.push(visible(&check.reason));
    }
    let lines: Vec<String> = lines.iter().map(|line| cut_middle(line, LINE)).collect();
    html! {
        article id=(format!("check-{}", check.id)) class=(class_of(check)) {
            h3 { span.outcome { (name_of(check.outcome)) } " " (visible(&check.title)) }
            p.facts { code { (visible(&check.id)) } " · " (check.level) " · " (check.owner) }
            pre tabindex="0" { (lines.join("\n")) }
            @for shown in &tails {
                @if shown.lines.is_empty() { p { (&shown.title) } }
                @else {
                    details open[check.outcome == Outcome::Fail] {
                        summary { (&shown.title) }
                        pre.log tabindex="0" { (shown.lines.iter().map(|line| cut_middle(line, LINE)).collect::<Vec<_>>().join("\n")) }
                    }
                }
            }
            @for advice in advices { p.advice { "What to do: " (visible(advice)) } }
        }
    }
}

fn class_of(check: &CheckVerdict) -> &'static str {
    match (check.outcome, check.level) {
        (Outcome::Pass, _) => "pass",
        (Outcome::Fail | Outcome::Error, Level::Block) => "fail",
        (Outcome::Skip, _) => "skip",
        _ => "open",
    }
}

const fn name_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fail => "fail",
        Outcome::Error => "error",
        Outcome::Unknown => "unknown",
        Outcome::Pending => "pending",
        Outcome::Pass => "pass",
        Outcome::Skip => "not applicable",
    }
}

fn rollout(scene: &Scene) -> Markup {
    html! {
        section #rollout {
            h2 { "The rollout" }
            div.chart tabindex="0" { (timeline::timeline(scene)) }
            ul.legend aria-label="Colours" {
                @for state in State::ALL { li { span class=(format!("swatch {}", state.name())) {} (state.name()) } }
                li { span.swatch.deployment {} "deployment" }
                li { span.swatch.gap {} "missing evidence" }
                li { "× stopped" }
                li { "● event or log line" }
                li { "│ polls; the strong line is the moment of the verdict" }
            }
            @if !scene.lanes.is_empty() {
                details {
                    summary { "Tasks (" (scene.lanes.len()) ")" }
                    table {
                        thead { tr { th scope="col" { "task" } th scope="col" { "revision" } th scope="col" { "first seen" } th scope="col" { "end" } } }
                        tbody {
                            @for lane in &scene.lanes {
                                tr id=(format!("task-{}", lane.task)) {
                                    td { code { (lane.task) } }
                                    td { (visible(&lane.revision)) @if lane.is_judged { " (judged)" } }
                                    td { @if let Some((from, _, _)) = lane.spans.first() { (time(*from, None)) } }
                                    td { @if let Some((at, why)) = &lane.ended { (time(*at, None)) ": " (why) } @else { (lane.spans.last().map_or("", |(_, _, state)| state.name())) } }
                                }
                            }
                        }
                    }
                }
            }
            @if !scene.events.is_empty() {
                details {
                    summary { "Service events (" (scene.events.len()) ")" }
                    ol.events { @for event in &scene.events { li { code { (time(event.at, None)) } " " (event.text) } } }
                }
            }
        }
    }
}

fn checks(verdict: &Verdict) -> Markup {
    let order = [Outcome::Fail, Outcome::Error, Outcome::Unknown, Outcome::Pending, Outcome::Pass, Outcome::Skip];
    html! {
        section #checks {
            h2 { "Checks" }
            div.wide tabindex="0" {
                table {
                    thead { tr { th scope="col" { "outcome" } th scope="col" { "check" } th scope="col" { "level" } th scope="col" { "owner" } th scope="col" { "why" } } }
                    tbody {
                        @for check in order.into_iter().flat_map(|outcome| verdict.with_outcome(outcome)) {
                            tr class=(class_of(check)) {
                                td { span.outcome { (name_of(check.outcome)) } }
                                td { (visible(&check.title)) br; code { (visible(&check.id)) } }
                                td { (check.level) }
                                td { (check.owner) }
                                td { (cut_middle(&visible(&headline(check)), 300)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn missing(groups: &[Missing<'_>]) -> Markup {
    html! {
        section #missing {
            h2 { "Missing evidence" }
            @for group in groups {
                article.open {
                    h3 { (visible(&short(&group.sentence()))) }
                    ul {
                        @for (gap, more) in kinds(group) {
                            li {
                                (cut_middle(&visible(&short(&gap.source)), 300)) ": " (gap.status.replace('_', " ")) ", " (cut_middle(&visible(&gap.error), 300))
                                @if more > 0 { " (and " (more) " more like it)" }
                            }
                        }
                    }
                    @for remedy in &group.remedies { p.advice { "What to do: " (visible(remedy)) } }
                    @let needed = group.blocks.iter().chain(&group.advises).copied().collect::<Vec<_>>();
                    @if !needed.is_empty() { p.facts { "needed by " (needed.join(", ")) } }
                }
            }
        }
    }
}

fn definition(before: &str, changes: &[Change]) -> Markup {
    html! {
        section #definition {
            h2 { "Task definition" }
            @if changes.is_empty() { p { "The same as " (visible(before)) "." } }
            @else {
                p { "What differs from " (visible(before)) ", which ran before:" }
                div.wide tabindex="0" {
                    table {
                        thead { tr { th scope="col" { "field" } th scope="col" { "before" } th scope="col" { "now" } } }
                        tbody {
                            @for (path, before, after) in changes {
                                tr {
                                    td { code { (visible(path)) } }
                                    td { (cut_middle(&visible(before), 300)) }
                                    td { (cut_middle(&visible(after), 300)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What an auditor asks for: which evidence, which rules, which program, whose job.
fn provenance(verdict: &Verdict) -> Markup {
    let images = verdict.release.images.iter().map(|image| format!("{}: {}", image.container, image.digest));
    let rows = [
        ("verdict", verdict.digest.clone()),
        ("bundle", verdict.bundle.digest.clone().unwrap_or_else(|| "not sealed yet".to_owned())),
        ("checks", verdict.pack.digest.clone()),
        ("config", verdict.config.digest.clone()),
        ("casefile", verdict.engine.casefile.clone()),
        ("engine", format!("DataFusion {}", verdict.engine.datafusion)),
    ];
    html! {
        section #provenance {
            h2 { "Provenance" }
            dl.digests {
                @for (name, value) in rows { dt { (name) } dd { code { (value) } } }
                @for image in images { dt { "image" } dd { code { (visible(&image)) } } }
                @if let Some(at) = verdict.as_of { dt { "as of" } dd { (at) } }
                @for (name, value) in &verdict.bundle.ci { dt { (visible(name)) } dd { (link(value)) } }
            }
            p { "The same bundle, checks and config give the same verdict: " code { "casefile reproduce" } "." }
        }
    }
}
