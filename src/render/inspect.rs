//! The contents of a bundle, and its gaps.

use std::collections::{BTreeMap, BTreeSet};

use casefile_analyzer::Target;
use casefile_evidence::tables::{SnapshotRow, SourceRow, TargetRow};
use casefile_evidence::{Digest, Manifest, tables};
use serde_json::json;

use super::Style;
use super::markdown::{code, escape, line, table};
use super::page::{Page, Role};
use super::terminal::{deployment, observed, place, release};
use super::text::{count, short};
use crate::error::Error;
use crate::format::TableFormat;

/// The parts of a bundle that are shown.
#[derive(Debug, Clone)]
pub(crate) struct Inspection {
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// Its table `target`: one row.
    pub(crate) target: Vec<TargetRow>,
    /// Its table `snapshots`, in time order.
    pub(crate) snapshots: Vec<SnapshotRow>,
    /// Its table `sources`: all rows, or the last of each source.
    pub(crate) sources: Vec<SourceRow>,
}

impl Inspection {
    /// Its target. A bundle without one is shown all the same.
    fn target(&self) -> Target {
        self.target.first().map_or_else(|| Target::from(&TargetRow::default()), Target::from)
    }
}

/// The contents of a bundle, and its gaps.
///
/// # Errors
/// For JUnit; else only by a fault of this program.
pub(crate) fn inspect(bundle: &Inspection, format: TableFormat, style: Style) -> Result<String, Error> {
    match format {
        TableFormat::Terminal => Ok(terminal(bundle, style)),
        TableFormat::Json => json(bundle),
        TableFormat::Markdown => Ok(markdown(bundle)),
    }
}

/// How the sources of one table stand at the end.
#[derive(Debug, Default)]
struct Feed<'a> {
    operations: BTreeSet<&'a str>,
    complete: usize,
    assumed: usize,
    rows: i64,
    gaps: Vec<&'a SourceRow>,
}

fn feeds(bundle: &Inspection) -> BTreeMap<&str, Feed<'_>> {
    let mut feeds: BTreeMap<&str, Feed<'_>> = BTreeMap::new();
    for source in tables::latest_sources(&bundle.sources) {
        let feed = feeds.entry(&source.feeds).or_default();
        feed.operations.insert(&source.operation);
        feed.rows = feed.rows.saturating_add(source.rows);
        if source.status == "complete" && source.exhausted {
            feed.complete += 1;
            feed.assumed += usize::from(source.assumed);
        } else {
            feed.gaps.push(source);
        }
    }
    // Tables without any source are gaps too, except task sets, which only other deployment controllers have.
    let ecs = matches!(bundle.target().deployment_controller.as_str(), "" | "ECS");
    for feed in tables::all().iter().filter_map(|table| tables::fed_by(table.info.name)) {
        if !(ecs && feed == "task_sets") {
            feeds.entry(feed).or_default();
        }
    }
    feeds
}

impl Feed<'_> {
    /// Whether zero rows of it would mean that there was none.
    fn is_complete(&self) -> bool {
        self.gaps.is_empty() && self.complete > 0
    }

    fn complete(&self) -> String {
        if self.gaps.is_empty() && self.complete == 0 {
            return "never asked for".to_owned();
        }
        let operations: Vec<&str> = self.operations.iter().copied().collect();
        let all = if self.gaps.is_empty() { "complete" } else { "not complete" };
        let of = match self.gaps.len() {
            0 => count(self.complete, "source", "sources"),
            gaps => format!("{} of {}", self.complete, count(self.complete + gaps, "source", "sources")),
        };
        let assumed = match self.assumed {
            0 => String::new(),
            _ => ", assumed from the documents: they do not hold the request".to_owned(),
        };
        format!("{all}: {of} by {}{assumed}", operations.join(", "))
    }
}

/// Gaps that one remedy closes and one error explains.
fn gaps<'a>(feeds: &BTreeMap<&'a str, Feed<'a>>) -> Vec<(&'a SourceRow, usize)> {
    let mut kinds: Vec<(&SourceRow, usize)> = Vec::new();
    for gap in feeds.values().flat_map(|feed| &feed.gaps) {
        let same = |other: &SourceRow| {
            let kind = |source: &SourceRow| {
                let error = super::text::cause(source.error.as_deref().unwrap_or_default());
                (source.status.clone(), source.error_code.clone(), error, source.remedy.clone())
            };
            kind(other) == kind(gap)
        };
        match kinds.iter_mut().find(|(other, _)| same(other)) {
            Some((_, more)) => *more += 1,
            None => kinds.push((gap, 0)),
        }
    }
    kinds
}

fn place_of(source: &SourceRow) -> String {
    let place = match (&source.log_group, &source.log_stream) {
        (Some(group), Some(stream)) => format!("{group} {stream}"),
        (Some(group), None) => group.clone(),
        _ if source.parameters == "{}" || source.parameters == "null" => String::new(),
        _ => source.parameters.clone(),
    };
    format!("{}: {} {}", source.feeds, source.operation, short(&place)).trim_end().to_owned()
}

fn error_of(source: &SourceRow) -> String {
    match (&source.error_code, &source.error) {
        (Some(code), Some(error)) if !error.is_empty() => format!("{code}: {error}"),
        (Some(code), _) => code.clone(),
        (None, Some(error)) => error.clone(),
        (None, None) if !source.exhausted => "not every page was read".to_owned(),
        (None, None) => String::new(),
    }
}

/// Tables in the order of the format, then those that only the manifest knows.
fn listed(manifest: &Manifest) -> Vec<(&str, u64)> {
    let known: Vec<&str> = tables::all().iter().map(|table| table.info.name).collect();
    let place = |name: &str| known.iter().position(|other| *other == name).unwrap_or(known.len());
    let mut listed: Vec<(&str, u64)> =
        manifest.tables.iter().map(|(name, entry)| (name.as_str(), entry.rows)).collect();
    listed.sort_by_key(|(name, _)| place(name));
    listed
}

fn snapshots(bundle: &Inspection) -> String {
    let number = bundle.snapshots.len();
    let assumed = bundle.snapshots.iter().filter(|snapshot| snapshot.assumed).count();
    let documents: i64 = bundle.snapshots.iter().map(|snapshot| snapshot.documents).sum();
    let assumed =
        if assumed > 0 { format!("; the moment of {assumed} was derived from the documents") } else { String::new() };
    format!("{number}, of {documents} documents{assumed}")
}

fn subject(bundle: &Inspection) -> Vec<(&'static str, String)> {
    let target = bundle.target();
    let mut fields = vec![
        ("release", release(&target)),
        ("deployment", deployment(&target)),
        ("observed", observed(&target)),
        ("snapshots", snapshots(bundle)),
        ("digest", bundle.digest.to_string()),
        ("format", format!("{}, made by {}", bundle.manifest.format, bundle.manifest.tool)),
        ("config", if bundle.manifest.config.is_some() { "sealed with it" } else { "none" }.to_owned()),
    ];
    fields.extend(bundle.manifest.parent.as_ref().map(|parent| ("made from", parent.clone())));
    fields
}

fn terminal(bundle: &Inspection, style: Style) -> String {
    let mut page = Page::new(style);
    let target = bundle.target();
    page.item(0, 2, Role::Strong, &target.service, &place(&target));
    for (name, value) in subject(bundle) {
        page.field(name, &value);
    }
    page.gap();
    page.line(0, Role::Strong, "tables");
    let (some, none): (Vec<_>, Vec<_>) = listed(&bundle.manifest).into_iter().partition(|(_, rows)| *rows > 0);
    for (name, rows) in some {
        page.line(2, Role::Plain, &format!("{name:<22} {rows:>9}"));
    }
    if !none.is_empty() {
        let names: Vec<&str> = none.into_iter().map(|(name, _)| name).collect();
        page.item(2, 4, Role::Dim, "without rows: ", &names.join(", "));
    }
    page.gap();
    page.line(0, Role::Strong, "coverage");
    let feeds = feeds(bundle);
    for (name, feed) in &feeds {
        let (mark, role) = match (feed.is_complete(), feed.gaps.is_empty()) {
            (true, _) => ("✓", Role::Pass),
            (false, true) => ("?", Role::Inconclusive),
            (false, false) => ("✗", Role::Fail),
        };
        page.item(2, 6, role, &format!("{mark} {name:<20} "), &feed.complete());
    }
    let gaps = gaps(&feeds);
    if !gaps.is_empty() {
        page.gap();
        page.line(0, Role::Strong, "missing");
        for (gap, more) in gaps {
            let more = if more > 0 { format!(" (and {more} more like it)") } else { String::new() };
            let status = gap.status.replace('_', " ");
            page.item(2, 6, Role::Inconclusive, &format!("? {status}"), &format!("  {}{more}", place_of(gap)));
            page.message(6, &error_of(gap));
            if let Some(remedy) = &gap.remedy {
                page.item(6, 8, Role::Strong, "→ ", remedy);
            }
        }
    }
    page.gap();
    page.line(0, Role::Strong, "redactions");
    match bundle.manifest.redactions.is_empty() {
        true => page.line(2, Role::Plain, "none"),
        false => bundle
            .manifest
            .redactions
            .iter()
            .for_each(|(rule, times)| page.line(2, Role::Plain, &format!("{rule:<22} {times:>9}"))),
    }
    if !bundle.manifest.remarks.is_empty() {
        page.gap();
        page.line(0, Role::Strong, "remarks");
        bundle.manifest.remarks.iter().for_each(|remark| page.item(2, 4, Role::Plain, "- ", remark));
    }
    page.finish()
}

fn json(bundle: &Inspection) -> Result<String, Error> {
    let feeds = feeds(bundle);
    let gap = |source: &&SourceRow| {
        json!({
            "operation": source.operation, "parameters": source.parameters, "status": source.status,
            "error": error_of(source), "remedy": source.remedy,
            "log_group": source.log_group, "log_stream": source.log_stream,
        })
    };
    let coverage: BTreeMap<&str, serde_json::Value> = feeds
        .iter()
        .map(|(name, feed)| {
            let gaps: Vec<_> = feed.gaps.iter().map(gap).collect();
            let value = json!({
                "complete": feed.is_complete(), "sources": feed.complete + feed.gaps.len(),
                "operations": feed.operations, "rows": feed.rows, "gaps": gaps,
            });
            (*name, value)
        })
        .collect();
    let snapshots: Vec<_> =
        bundle.snapshots.iter().map(|snapshot| json!({ "snapshot": snapshot.snapshot, "observed_at": snapshot.observed_at, "documents": snapshot.documents, "assumed": snapshot.assumed })).collect();
    super::json(&json!({
        "digest": bundle.digest.to_string(),
        "target": bundle.target(),
        "manifest": bundle.manifest,
        "snapshots": snapshots,
        "coverage": coverage,
    }))
}

fn markdown(bundle: &Inspection) -> String {
    let mut page = String::new();
    let target = bundle.target();
    line(&mut page, &format!("### {}{}", escape(&target.service), escape(&place(&target))));
    let rows: Vec<Vec<String>> =
        subject(bundle).into_iter().map(|(name, value)| vec![name.to_owned(), escape(&value)]).collect();
    table(&mut page, &["", ""], &rows);
    let rows: Vec<Vec<String>> =
        listed(&bundle.manifest).into_iter().map(|(name, rows)| vec![code(name), rows.to_string()]).collect();
    table(&mut page, &["table", "rows"], &rows);
    let feeds = feeds(bundle);
    let rows: Vec<Vec<String>> = feeds.iter().map(|(name, feed)| vec![code(name), escape(&feed.complete())]).collect();
    table(&mut page, &["source of", "coverage"], &rows);
    let gaps = gaps(&feeds);
    if !gaps.is_empty() {
        let rows: Vec<Vec<String>> = gaps
            .into_iter()
            .map(|(gap, more)| {
                let more = if more > 0 { format!(" (and {more} more like it)") } else { String::new() };
                let what = format!("{}{more}", place_of(gap));
                [&what, &gap.status, &error_of(gap), gap.remedy.as_deref().unwrap_or_default()].map(escape).to_vec()
            })
            .collect();
        table(&mut page, &["missing", "status", "error", "how to get it"], &rows);
    }
    let redactions = &bundle.manifest.redactions;
    let rows: Vec<Vec<String>> = redactions.iter().map(|(rule, times)| vec![code(rule), times.to_string()]).collect();
    if !rows.is_empty() {
        table(&mut page, &["redaction rule", "times"], &rows);
    }
    for remark in &bundle.manifest.remarks {
        page.push_str(&format!("- {}\n", escape(remark)));
    }
    page
}
