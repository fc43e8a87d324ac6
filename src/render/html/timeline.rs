//! The timeline as SVG.

use casefile_evidence::Timestamp;
use maud::{Markup, html};

use super::super::text::time;
use super::scene::{Lane, Mark, Scene, Span, State};

/// Columns of the drawing; the first are for names.
const WIDTH: f64 = 1000.0;
const NAMES: f64 = 190.0;
const RIGHT: f64 = 12.0;
const LANE: f64 = 16.0;
const GAP: f64 = 6.0;
/// More tasks than these are drawn as groups.
const LANES: usize = 40;
const GROUP: f64 = 48.0;

/// Draws a scene; nothing if it has no poll.
pub(super) fn timeline(scene: &Scene) -> Markup {
    if scene.polls.is_empty() {
        return html! { p { "Nothing was observed." } };
    }
    let mut rows: Vec<(String, f64, Markup)> = Vec::new();
    if !scene.deployment.is_empty() {
        rows.push(("deployment".to_owned(), LANE, deployment(scene)));
    }
    if !scene.events.is_empty() {
        rows.push(("service events".to_owned(), LANE, marks(scene, &scene.events)));
    }
    if !scene.signals.is_empty() {
        rows.push(("log signatures".to_owned(), LANE, marks(scene, &scene.signals)));
    }
    if scene.lanes.len() <= LANES {
        rows.extend(scene.lanes.iter().map(|lane| (name(lane), LANE, task(scene, lane))));
    } else {
        rows.extend(groups(scene));
    }
    if !scene.gaps.is_empty() {
        let gaps = html! { @for gap in &scene.gaps { (bar(scene, gap.from, gap.to, LANE, "gap", &gap.text)) } };
        rows.push(("missing evidence".to_owned(), LANE, gaps));
    }
    let mut y = 26.0;
    let mut placed = Vec::new();
    for (name, height, drawing) in rows {
        placed.push((name, y, height, drawing));
        y += height + GAP;
    }
    let height = y + 22.0;
    let decided = scene.decided.filter(|at| *at >= scene.from && *at <= scene.to);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height:.0}")) role="group" aria-labelledby="timeline-title" {
            title id="timeline-title" { "The rollout from " (scene.from) " to " (scene.to) }
            defs {
                pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect width="6" height="6" class="hatch-back" {}
                    line x1="0" y1="0" x2="0" y2="6" class="hatch-line" {}
                }
            }
            @for (at, label) in ticks(scene) {
                line.tick x1=(x(scene, at)) x2=(x(scene, at)) y1="18" y2=(format!("{y:.0}")) {}
                text.tick x=(x(scene, at)) y="12" text-anchor="middle" { (label) }
            }
            @for (name, y, height, drawing) in &placed {
                text.name x=(format!("{:.0}", NAMES - 8.0)) y=(format!("{:.1}", y + height / 2.0 + 4.0)) text-anchor="end" { (name) }
                g transform=(format!("translate(0 {y:.1})")) { (drawing) }
            }
            @for poll in &scene.polls {
                line.poll x1=(x(scene, *poll)) x2=(x(scene, *poll)) y1=(format!("{y:.0}")) y2=(format!("{:.0}", y + 5.0)) {}
            }
            text.tick x=(format!("{:.0}", NAMES - 8.0)) y=(format!("{:.0}", y + 7.0)) text-anchor="end" { "polls" }
            @if let Some(at) = decided {
                line.decided x1=(x(scene, at)) x2=(x(scene, at)) y1="18" y2=(format!("{:.0}", y + 5.0)) {
                    title { "decided as of " (at) }
                }
            }
        }
    }
}

fn x(scene: &Scene, at: Timestamp) -> String {
    format!("{:.1}", place(scene, at))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a rollout")]
fn place(scene: &Scene, at: Timestamp) -> f64 {
    let whole = scene.to.millis_since(scene.from).max(1) as f64;
    let part = at.clamp(scene.from, scene.to).millis_since(scene.from) as f64;
    NAMES + (WIDTH - NAMES - RIGHT) * part / whole
}

fn bar(scene: &Scene, from: Timestamp, to: Timestamp, height: f64, class: &str, text: &str) -> Markup {
    let (start, end) = (place(scene, from), place(scene, to));
    html! {
        rect class=(class) x=(format!("{start:.1}")) width=(format!("{:.1}", (end - start).max(1.0)))
            height=(format!("{height:.0}")) rx="2" {
            title { (time(from, None)) " to " (time(to, Some(from))) "\n" (text) }
        }
    }
}

/// The deployment's state, with its counts where they fit.
fn deployment(scene: &Scene) -> Markup {
    const LETTER: f64 = 7.0;
    html! {
        @for Span { from, to, text, label, is_bad } in &scene.deployment {
            (bar(scene, *from, *to, LANE, if *is_bad { "deployment bad" } else { "deployment" }, text))
            @let room = place(scene, *to) - place(scene, *from);
            @if room > LETTER * (label.chars().map(|_| 1.0).sum::<f64>() + 1.0) {
                text.inside x=(format!("{:.1}", place(scene, *from) + 4.0)) y="12" { (label) }
            }
        }
    }
}

fn marks(scene: &Scene, marks: &[Mark]) -> Markup {
    html! {
        @for mark in marks {
            circle.mark.bad[mark.is_bad] cx=(x(scene, mark.at)) cy="8" r="5" {
                title { (time(mark.at, None)) "\n" (mark.text) }
            }
        }
    }
}

fn name(lane: &Lane) -> String {
    format!("{} {}", lane.task, lane.revision)
}

fn task(scene: &Scene, lane: &Lane) -> Markup {
    html! {
        a href=(format!("#task-{}", lane.task)) aria-label=(format!("task {}", name(lane))) class=(if lane.is_judged { "lane judged" } else { "lane" }) {
            @for (from, to, state) in &lane.spans {
                (bar(scene, *from, *to, LANE, state.name(), &format!("task {}: {}", name(lane), state.name())))
            }
            @if let Some((at, why)) = &lane.ended {
                @let at_x = place(scene, *at);
                path.end.bad[lane.failed] d=(format!("M{:.1} 1 l8 14 m0 -14 l-8 14", at_x - 4.0)) {
                    title { "task " (name(lane)) " stopped at " (time(*at, None)) "\n" (why) }
                }
            }
        }
    }
}

/// Tasks of one revision and one end: how many of them are in each state, over time.
fn groups(scene: &Scene) -> Vec<(String, f64, Markup)> {
    let mut groups: Vec<((String, bool), Vec<&Lane>)> = Vec::new();
    for lane in &scene.lanes {
        let key = (lane.revision.clone(), lane.failed);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, lanes)) => lanes.push(lane),
            None => groups.push((key, vec![lane])),
        }
    }
    groups
        .into_iter()
        .map(|((revision, failed), lanes)| {
            let fate = if failed { ", failed" } else { "" };
            (format!("{} × {revision}{fate}", lanes.len()), GROUP, stack(scene, &lanes))
        })
        .collect()
}

/// Areas of the states upon each other, by changes of any task.
#[expect(clippy::cast_precision_loss, reason = "numbers of tasks")]
fn stack(scene: &Scene, lanes: &[&Lane]) -> Markup {
    let mut moments: Vec<Timestamp> =
        lanes.iter().flat_map(|lane| lane.spans.iter().flat_map(|(from, to, _)| [*from, *to])).collect();
    moments.sort_unstable();
    moments.dedup();
    let count = |state: State, at: Timestamp| {
        let is_in = |lane: &&&Lane| {
            let of = |wanted: State| lane.spans.iter().any(|(from, to, it)| *it == wanted && *from <= at && at < *to);
            of(state) && !(state == State::Running && of(State::Unhealthy))
        };
        lanes.iter().filter(is_in).count()
    };
    let unit = GROUP / lanes.len() as f64;
    html! {
        @for pair in moments.windows(2) {
            @let counts = State::ALL.map(|state| count(state, pair[0]));
            @for (at, state) in State::ALL.into_iter().enumerate() {
                @let below: usize = counts[..at].iter().sum();
                @if counts[at] > 0 {
                    @let (start, end) = (place(scene, pair[0]), place(scene, pair[1]));
                    @let high = counts[at] as f64 * unit;
                    rect class=(state.name()) x=(format!("{start:.1}")) width=(format!("{:.1}", end - start + 0.2))
                        y=(format!("{:.1}", GROUP - below as f64 * unit - high)) height=(format!("{high:.1}")) {
                        title { (time(pair[0], None)) "\n" (counts[at]) " " (state.name()) }
                    }
                }
            }
        }
    }
}

/// Round moments, at most eight.
fn ticks(scene: &Scene) -> Vec<(Timestamp, String)> {
    const STEPS: [i64; 11] = [5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];
    let seconds = scene.to.millis_since(scene.from) / 1000;
    let step = STEPS.into_iter().find(|step| seconds / step <= 8).unwrap_or(seconds / 8) * 1000;
    let first = (scene.from.as_millis() / step + 1) * step;
    let moments = (0..9).map(|nth| Timestamp(first + nth * step)).take_while(|at| *at <= scene.to);
    moments.map(|at| (at, at.to_string().chars().skip(11).take(8).collect())).collect()
}
