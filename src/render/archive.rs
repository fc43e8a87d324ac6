//! Lists, figures and checks of an archive.

use std::collections::BTreeMap;
use std::fmt::Write;

use casefile_archive::{Compacted, Entry, Group, Stats, Verified};
use serde_json::{Value, json};

use super::markdown::{code, escape, line, table};
use super::page::{Page, Role};
use super::text::{count, cut_middle, short_digest, visible};
use super::{Style, json as json_line};
use crate::error::Error;
use crate::format::{StatsFormat, TableFormat, TextFormat};

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
pub(super) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// What a run of `archive compact` did.
pub(crate) fn compacted(archive: &str, months: &[Compacted]) -> String {
    if months.is_empty() {
        return format!("{archive}: the compacted copy is up to date\n");
    }
    let mut text = String::new();
    for Compacted { month, read, bundles, files, bytes, problems } in months {
        let files = count(*files, "file", "files");
        let _ = writeln!(text, "{month}  {read} bundles read, {bundles} in {files}, {:.1} MB", megabytes(*bytes));
        for (key, problem) in problems {
            let _ = writeln!(text, "  left out: {key}: {problem}");
        }
    }
    text
}

/// Deployments, in the order given.
///
/// # Errors
/// Only internal errors.
pub(crate) fn list(entries: &[Entry], format: TableFormat, style: Style) -> Result<String, Error> {
    const HEAD: [&str; 7] = ["date", "service", "region", "verdict", "decision", "release", "bundle"];
    let cells = |entry: &Entry| -> [String; 7] {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            entry.window_from.map_or_else(|| entry.date.clone(), |at| at.to_string().chars().take(16).collect()),
            entry.service.clone(),
            entry.region.clone(),
            or_dash(&entry.verdict),
            or_dash(&entry.decision),
            or_dash(&entry.release),
            short_digest(&entry.bundle).to_owned(),
        ]
    };
    Ok(match format {
        TableFormat::Json => json_line(&entries.iter().map(document).collect::<Vec<_>>())?,
        TableFormat::Markdown => {
            let mut page = String::new();
            let rows = entries.iter().map(|entry| cells(entry).iter().map(|cell| escape(cell)).collect());
            table(&mut page, &HEAD, &rows.collect::<Vec<Vec<String>>>());
            page
        }
        TableFormat::Terminal => {
            let mut page = Page::new(style);
            let shorten = |cell: String| cut_middle(&visible(&cell), 32);
            let rows: Vec<[String; 7]> = entries.iter().map(|entry| cells(entry).map(shorten)).collect();
            let width =
                |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0).max(HEAD[column].len());
            let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
            let text = |row: &[String]| {
                let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
                cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
            };
            page.line(0, Role::Strong, &text(&HEAD.map(str::to_owned)));
            for (row, entry) in rows.iter().zip(entries) {
                page.line(0, role(entry), &text(row));
            }
            page.gap();
            page.line(0, Role::Dim, &count(entries.len(), "deployment", "deployments"));
            page.finish()
        }
    })
}

fn role(entry: &Entry) -> Role {
    match entry.verdict.as_deref() {
        Some("fail" | "error") => Role::Fail,
        Some("inconclusive") => Role::Inconclusive,
        _ => Role::Plain,
    }
}

fn document(entry: &Entry) -> Value {
    json!({
        "bundle": entry.bundle,
        "verdict_digest": entry.verdict_digest,
        "service": entry.service,
        "region": entry.region,
        "date": entry.date,
        "account": entry.account,
        "cluster": entry.cluster,
        "release": entry.release,
        "task_definition": entry.task_definition,
        "rollout": entry.rollout,
        "created_at": entry.created_at,
        "window": { "from": entry.window_from, "to": entry.window_to },
        "stop_reason": entry.stop_reason,
        "verdict": entry.verdict,
        "decision": entry.decision,
        "decided_to": entry.decided_to,
        "why": entry.why,
        "nothing_deployed": entry.nothing_deployed,
        "as_of": entry.as_of,
        "engine": entry.engine,
        "pack": entry.pack,
        "config": entry.config,
        "failed": Entry::texts(entry.failed.as_ref()),
        "gaps": Entry::texts(entry.gaps.as_ref()),
        "key": entry.key,
        "bytes": entry.bytes,
    })
}

/// Figures.
///
/// # Errors
/// Only internal errors.
pub(crate) fn stats(stats: &Stats, format: StatsFormat, style: Style) -> Result<String, Error> {
    Ok(match format {
        StatsFormat::Json => {
            let groups: Vec<Value> = stats
                .groups
                .iter()
                .map(|((service, region), group)| {
                    let mut figures = figures(group);
                    figures["service"] = json!(service);
                    figures["region"] = json!(region);
                    figures
                })
                .collect();
            json_line(&json!({ "total": figures(&stats.total), "groups": groups }))?
        }
        StatsFormat::Csv => {
            let mut text =
                "service,region,deployments,pass,fail,inconclusive,decided_share,median_s,p90_s\n".to_owned();
            for ((service, region), group) in &stats.groups {
                let of = |verdict: &str| group.verdicts.get(verdict).copied().unwrap_or_default();
                let seconds =
                    |share: f64| group.percentile(share).map(|seconds| seconds.to_string()).unwrap_or_default();
                // Names have no comma: an archive refuses them.
                text.push_str(&format!(
                    "{service},{region},{},{},{},{},{:.3},{},{}\n",
                    group.deployments,
                    of("pass"),
                    of("fail"),
                    of("inconclusive"),
                    share(group),
                    seconds(0.5),
                    seconds(0.9),
                ));
            }
            text
        }
        StatsFormat::Markdown => {
            let mut page = String::new();
            let rows: Vec<Vec<String>> =
                rows(stats).into_iter().map(|row| row.map(|cell| escape(&cell)).into()).collect();
            table(&mut page, &HEAD, &rows);
            for (title, tally) in [("check that failed", &stats.total.failed_checks), ("gap", &stats.total.gaps)] {
                if !tally.is_empty() {
                    let rows = most(tally).into_iter().map(|(name, times)| vec![code(name), times.to_string()]);
                    line(&mut page, "");
                    table(&mut page, &[title, "deployments"], &rows.collect::<Vec<_>>());
                }
            }
            page
        }
        StatsFormat::Terminal => {
            let mut page = Page::new(style);
            let rows = rows(stats);
            let width =
                |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0).max(HEAD[column].len());
            let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
            let text = |row: &[String]| {
                let cells = row.iter().zip(&widths).enumerate();
                let cell = |(place, (cell, width)): (usize, (&String, &usize))| {
                    if place < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                };
                cells.map(cell).collect::<Vec<_>>().join("  ")
            };
            page.line(0, Role::Strong, &text(&HEAD.map(str::to_owned)));
            rows.iter().for_each(|row| page.line(0, Role::Plain, &text(row)));
            for (title, tally) in
                [("checks that fail most", &stats.total.failed_checks), ("gaps that recur", &stats.total.gaps)]
            {
                if !tally.is_empty() {
                    page.gap();
                    page.line(0, Role::Strong, title);
                    most(tally).into_iter().for_each(|(name, times)| {
                        page.item(2, 9, Role::Plain, &format!("{times:>5}  "), &visible(name));
                    });
                }
            }
            page.finish()
        }
    })
}

const HEAD: [&str; 9] =
    ["service", "region", "deployments", "pass", "fail", "inconclusive", "decided", "median", "90 %"];

/// A row per service and region, and one for all.
fn rows(stats: &Stats) -> Vec<[String; 9]> {
    let row = |service: &str, region: &str, group: &Group| -> [String; 9] {
        let of = |verdict: &str| group.verdicts.get(verdict).copied().unwrap_or_default().to_string();
        let seconds = |share: f64| group.percentile(share).map_or_else(|| "-".to_owned(), |it| format!("{it} s"));
        [
            service.to_owned(),
            region.to_owned(),
            group.deployments.to_string(),
            of("pass"),
            of("fail"),
            of("inconclusive"),
            format!("{:.0} %", share(group) * 100.0),
            seconds(0.5),
            seconds(0.9),
        ]
    };
    let mut rows: Vec<_> = stats.groups.iter().map(|((service, region), group)| row(service, region, group)).collect();
    rows.push(row("all", "", &stats.total));
    rows
}

/// The share of deployments that were decided without a person.
#[expect(clippy::cast_precision_loss, reason = "numbers of deployments")]
fn share(group: &Group) -> f64 {
    if group.deployments == 0 { 0.0 } else { group.decided as f64 / group.deployments as f64 }
}

/// The most frequent names.
fn most(tally: &BTreeMap<String, usize>) -> Vec<(&str, usize)> {
    const LISTED: usize = 10;
    let mut most: Vec<(&str, usize)> = tally.iter().map(|(name, times)| (name.as_str(), *times)).collect();
    most.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    most.truncate(LISTED);
    most
}

fn figures(group: &Group) -> Value {
    json!({
        "deployments": group.deployments,
        "verdicts": group.verdicts,
        "decided": group.decided,
        "decided_share": share(group),
        "nothing_deployed": group.nothing_deployed,
        "seconds_to_decision": { "median": group.percentile(0.5), "p90": group.percentile(0.9) },
        "failed_checks": group.failed_checks,
        "gaps": group.gaps,
    })
}

/// The result of checking an archive.
///
/// # Errors
/// Only internal errors.
pub(crate) fn verified(archive: &str, verified: &Verified, format: TextFormat) -> Result<String, Error> {
    if format == TextFormat::Json {
        let problems: Vec<Value> =
            verified.problems.iter().map(|it| json!({ "key": it.key, "problem": it.problem })).collect();
        return json_line(&json!({
            "archive": archive,
            "intact": verified.problems.is_empty(),
            "bundles": verified.bundles,
            "checked": verified.checked,
            "checked_earlier": verified.earlier,
            "verdicts": verified.verdicts,
            "problems": problems,
        }));
    }
    let mut text = String::new();
    for problem in &verified.problems {
        text.push_str(&format!("{}: {}\n", visible(&problem.key), visible(&problem.problem)));
    }
    let state = match verified.problems.len() {
        0 => "intact".to_owned(),
        problems => count(problems, "problem", "problems"),
    };
    let earlier = match verified.earlier {
        0 => String::new(),
        earlier => format!(", {earlier} of them by an earlier run"),
    };
    text.push_str(&format!(
        "{}: {state}  ({} of {} checked{earlier}, {})\n",
        visible(archive),
        verified.checked,
        count(verified.bundles, "bundle", "bundles"),
        count(verified.verdicts, "verdict", "verdicts"),
    ));
    Ok(text)
}
