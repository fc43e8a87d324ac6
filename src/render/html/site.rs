//! The pages of an archive: its deployments, with a report each.

use std::collections::BTreeMap;

use casefile_archive::{Entry, Group, Stats};
use maud::{Markup, html};

use super::super::text::{span, visible};
use super::document;

/// Months that the trend shows.
const MONTHS: usize = 24;

/// The first page: figures, the trend and the deployments, newest first. `reports` has the verdicts that have a report.
pub(crate) fn site(entries: &[Entry], stats: &Stats, reports: &BTreeMap<String, String>) -> String {
    let body = html! {
        header { p.word { "casefile" } h1 { "Deployments" } p { (summary(&stats.total)) } }
        main {
            section { h2 { "By month" } div.chart tabindex="0" { (trend(entries)) } }
            section { h2 { "By service and region" } div.wide tabindex="0" { (figures(stats)) } }
            section { h2 { "Latest" } div.wide tabindex="0" { (list(entries, reports)) } }
        }
    };
    document("Deployments", &body)
}

fn summary(group: &Group) -> String {
    let time = group.percentile(0.5).map_or_else(String::new, |seconds| {
        format!("; half of them within {} of the rollout's creation", span(seconds * 1000))
    });
    format!("{} of {} decided without a person{time}", group.decided, group.deployments)
}

fn class(verdict: Option<&str>) -> &'static str {
    match verdict {
        Some("pass") => "pass",
        Some("fail") => "fail",
        _ => "open",
    }
}

fn figures(stats: &Stats) -> Markup {
    let seconds = |group: &Group, share| group.percentile(share).map_or_else(|| "-".to_owned(), |it| span(it * 1000));
    let count = |group: &Group, verdict: &str| group.verdicts.get(verdict).copied().unwrap_or_default();
    html! {
        table {
            thead { tr {
                @for name in ["service", "region", "deployments", "pass", "fail", "other", "half decided within", "90 % within"] {
                    th scope="col" { (name) }
                }
            } }
            tbody {
                @for ((service, region), group) in &stats.groups {
                    @let (pass, fail) = (count(group, "pass"), count(group, "fail"));
                    tr {
                        td { (visible(service)) } td { (visible(region)) } td { (group.deployments) }
                        td { (pass) } td { (fail) } td { (group.deployments - pass - fail) }
                        td { (seconds(group, 0.5)) } td { (seconds(group, 0.9)) }
                    }
                }
            }
        }
    }
}

fn list(entries: &[Entry], reports: &BTreeMap<String, String>) -> Markup {
    html! {
        table {
            thead { tr {
                @for name in ["observed", "service", "region", "release", "verdict", "why"] { th scope="col" { (name) } }
            } }
            tbody {
                @for entry in entries {
                    @let verdict = entry.verdict.as_deref();
                    @let word = verdict.unwrap_or("no verdict");
                    @let report = entry.verdict_digest.as_ref().and_then(|digest| reports.get(digest));
                    tr class=(class(verdict)) {
                        td { @if let Some(at) = entry.window_from { (at.to_string().chars().take(16).collect::<String>()) } @else { (entry.date) } }
                        td { (visible(&entry.service)) }
                        td { (visible(&entry.region)) }
                        td { (visible(entry.release.as_deref().unwrap_or("-"))) }
                        td { @if let Some(path) = report { a href=(path) { span.outcome { (word) } } } @else { span.outcome { (word) } } }
                        td { (visible(&entry.why.as_deref().unwrap_or("-").chars().take(200).collect::<String>())) }
                    }
                }
            }
        }
    }
}

/// Deployments of each month by verdict, as bars.
#[expect(clippy::cast_precision_loss, reason = "numbers of deployments")]
fn trend(entries: &[Entry]) -> Markup {
    const HEIGHT: f64 = 120.0;
    const BAR: f64 = 30.0;
    let mut months: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for entry in entries {
        let place = ["pass", "fail", "open"].iter().position(|name| *name == class(entry.verdict.as_deref()));
        months.entry(entry.date.get(..7).unwrap_or("unknown")).or_default()[place.unwrap_or(2)] += 1;
    }
    let shown: Vec<(&str, [usize; 3])> =
        months.into_iter().rev().take(MONTHS).collect::<Vec<_>>().into_iter().rev().collect();
    let most = shown.iter().map(|(_, counts)| counts.iter().sum::<usize>()).max().unwrap_or(1).max(1) as f64;
    html! {
        svg viewBox="0 0 1000 160" role="img" aria-label="Deployments of each month by verdict" {
            @for (nth, (month, counts)) in shown.iter().enumerate() {
                @let x = 10.0 + nth as f64 * (BAR + 11.0);
                @for (place, class) in ["running", "unhealthy", "pending"].into_iter().enumerate() {
                    @let below = counts[..place].iter().sum::<usize>() as f64 / most * HEIGHT;
                    @let high = counts[place] as f64 / most * HEIGHT;
                    @if counts[place] > 0 {
                        rect class=(class) x=(format!("{x:.0}")) width=(BAR) y=(format!("{:.1}", HEIGHT - below - high)) height=(format!("{high:.1}")) {
                            title { (month) ": " (counts[place]) " " (["passed", "failed", "not decided"][place]) }
                        }
                    }
                }
                text.tick x=(format!("{x:.0}")) y="140" { (month.get(2..).unwrap_or(month)) }
                text.tick x=(format!("{x:.0}")) y="155" { (counts.iter().sum::<usize>()) }
            }
        }
        ul.legend {
            li { span.swatch.running {} "passed" } li { span.swatch.unhealthy {} "failed" } li { span.swatch.pending {} "not decided" }
        }
    }
}
