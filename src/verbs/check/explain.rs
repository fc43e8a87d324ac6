//! `check explain`: the meaning of a check and, over a bundle, its outcome, its sources and near misses.

use std::fmt::Write as _;
use std::path::Path;

use casefile_analyzer::{
    Anchor, Check, CheckVerdict, EvidenceRow, Expect, Options, Pack, Quorum, Settings, Signature, analyze, near_misses,
    nearest,
};
use casefile_evidence::tables::{self, LogEventRow, SourceRow};

use crate::cli::JudgeArgs;
use crate::config::Loaded;
use crate::corpus::word;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::render::visible;
use crate::verbs::{Opened, open, options, pack};

/// Sources that are listed.
const SOURCES: usize = 30;

/// Over a bundle: the rows that were judged, the sources and how far they reach, and near misses.
pub(super) async fn over(id: &str, bundle: &Path, args: &JudgeArgs, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(&args.pack)?;
    let opened = open(bundle, Some(&pack), &args.config, printer)?;
    let options = options(&args.engine, None);
    let verdict = analyze(&opened.evidence, &pack, &opened.settings, &options).await?;
    let check = verdict
        .checks
        .iter()
        .find(|check| check.id == id)
        .ok_or_else(|| not_in_bundle(id, args).unwrap_or_else(|| unknown(id, &pack, &opened.settings)))?;
    let mut text = describe(id, &pack, &opened.settings)?;
    let _ = write!(text, "\n{}\n{}", judged(check), sources(id, &pack, &opened)?);
    if let Some(signature) = opened.settings.signature.iter().find(|signature| signature.id == id) {
        text.push_str(&near(signature, &opened, &options).await?);
    }
    printer.stdout(&text)?;
    Ok(Exit::Pass)
}

/// The sources that the check judges from, as the last snapshot left them.
fn sources(id: &str, pack: &Pack, opened: &Opened) -> Result<String, Error> {
    let requires = match pack.check(id) {
        Some(check) => check.header.requires.clone(),
        None => vec!["tasks".to_owned(), "log_events".to_owned()],
    };
    let feeds: Vec<&str> = requires.iter().filter_map(|table| tables::fed_by(table)).collect();
    let mut latest: std::collections::BTreeMap<_, SourceRow> = std::collections::BTreeMap::new();
    for source in opened.bundle.rows::<SourceRow>()? {
        if feeds.contains(&source.feeds.as_str()) {
            latest.insert((source.feeds.clone(), source.operation.clone(), source.parameters.clone()), source);
        }
    }
    // A read has the newest lines of a stream; what counts is all of them.
    let mut lines: std::collections::BTreeMap<(String, String), i64> = std::collections::BTreeMap::new();
    for rows in opened.bundle.row_batches::<LogEventRow>()? {
        for row in rows? {
            *lines.entry((row.log_group.into(), row.log_stream.into())).or_default() += 1;
        }
    }
    let mut text = format!("judged from  {}, of which these sources tell:\n", requires.join(", "));
    for source in latest.values().take(SOURCES) {
        let time = |at: Option<casefile_evidence::Timestamp>| at.map_or_else(|| "…".to_owned(), |at| at.to_string());
        let (place, rows) = match source.log_group.clone().zip(source.log_stream.clone()) {
            Some(stream) => (format!("{} {}", stream.0, stream.1), lines.get(&stream).copied().unwrap_or_default()),
            None => (source.parameters.clone(), source.rows),
        };
        let _ = writeln!(
            text,
            "  {:<10} {} {}  {} rows, {} to {}{}",
            source.status,
            source.operation,
            visible(&place),
            rows,
            time(source.covered_from),
            time(source.covered_to),
            source.error.as_ref().map(|error| format!(": {}", visible(error))).unwrap_or_default()
        );
    }
    if let Some(more) = latest.len().checked_sub(SOURCES).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more: casefile inspect has them all");
    }
    if latest.is_empty() {
        text.push_str("  none\n");
    }
    Ok(text)
}

/// Lines that almost match a signature.
async fn near(signature: &Signature, opened: &Opened, options: &Options) -> Result<String, Error> {
    let near = near_misses(&opened.evidence, signature, options).await?;
    let mut text = "\nnear misses  lines that almost match\n".to_owned();
    for miss in &near {
        let _ = writeln!(text, "  {}  {}  {}", miss.at, visible(&miss.log_stream), miss.why);
        let _ = writeln!(text, "    {}", visible(&miss.message));
    }
    if near.is_empty() {
        text.push_str("  none\n");
    }
    Ok(text)
}

pub(super) fn list(args: &JudgeArgs, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(&args.pack)?;
    let settings = Loaded::find(args.config.config.as_deref())?.config.settings();
    let checks = pack.checks().iter().map(|check| &check.header);
    let rows = checks
        .map(|header| (header.id.as_str(), word(&header.level), word(&header.owner), header.title.as_str()))
        .chain(
            settings.signature.iter().map(|it| (it.id.as_str(), word(&it.level), word(&it.owner), it.title.as_str())),
        );
    let text = rows.fold(String::new(), |mut text, (id, level, owner, title)| {
        let _ = writeln!(text, "{id:<34} {level:<7} {owner:<9} {title}");
        text
    });
    printer.stdout(&text)?;
    Ok(Exit::Pass)
}

pub(super) fn alone(id: &str, args: &JudgeArgs, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(&args.pack)?;
    let settings = Loaded::find(args.config.config.as_deref())?.config.settings();
    let text = describe(id, &pack, &settings)?;
    printer.stdout(&text)?;
    Ok(Exit::Pass)
}

fn describe(id: &str, pack: &Pack, settings: &Settings) -> Result<String, Error> {
    let signature = settings.signature.iter().find(|signature| signature.id == id);
    match (pack.check(id), signature) {
        (Some(check), _) => Ok(describe_check(check)),
        (None, Some(signature)) => Ok(describe_signature(signature)),
        (None, None) => Err(unknown(id, pack, settings)),
    }
}

/// The error about an id that ./casefile.toml has, and the config that was sealed into the bundle has not.
fn not_in_bundle(id: &str, args: &JudgeArgs) -> Option<Error> {
    let here = Loaded::find(None).ok().filter(|_| args.config.config.is_none())?;
    here.config.signature.iter().any(|signature| signature.id == id).then(|| {
        Error::usage(format!(
            "there is no signature {id:?} in the config that is sealed into the bundle; ./casefile.toml has it: add --config casefile.toml"
        ))
    })
}

fn unknown(id: &str, pack: &Pack, settings: &Settings) -> Error {
    let checks = pack.checks().iter().map(|check| check.header.id.as_str());
    let ids = checks.chain(settings.signature.iter().map(|signature| signature.id.as_str()));
    let near = nearest(id, ids).map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
    Error::usage(format!("there is no check or signature {id:?}: {near}`casefile check explain` lists all of them"))
}

fn describe_check(check: &Check) -> String {
    let header = &check.header;
    let mut text = format!("{}  ({}, {})\n{}\n", header.id, word(&header.level), word(&header.owner), header.title);
    let prose = check.prose();
    if !prose.is_empty() {
        let _ = write!(text, "\n{prose}\n");
    }
    let proves = match word(&header.conclusive).as_str() {
        "none" => "no row proves anything while evidence is missing".to_owned(),
        status => format!("one {status} proves itself even while other evidence is missing"),
    };
    let _ = write!(text, "\njudges from  {}\nconclusive   {proves}\n", header.requires.join(", "));
    if let Some(advice) = &header.advice {
        let _ = writeln!(text, "advice       {advice}");
    }
    let _ = write!(text, "\n{}:\n{}\n", check.file, check.sql.trim_end());
    text
}

fn describe_signature(signature: &Signature) -> String {
    let mut text = format!(
        "{}  ({}, {})\n{}\n\nexpects      {}",
        signature.id,
        word(&signature.level),
        word(&signature.owner),
        signature.title,
        word(&signature.expect)
    );
    if let Some(within) = &signature.within {
        let after = match signature.anchor {
            Anchor::Deployment => "the deployment was created",
            Anchor::Task => "its task started",
        };
        let _ = write!(text, ", within {within} after {after}");
    }
    if signature.expect == Expect::Success {
        let by = match signature.quorum {
            Quorum::Once => "once, by any task",
            Quorum::Any => "by a task that runs at the end",
            Quorum::Every => "by every task that runs at the end",
        };
        let _ = write!(text, "\nlogged       {by}");
    }
    let _ = write!(text, "\ncontainer    {}\n", signature.container.as_deref().unwrap_or("any"));
    if let Some(family) = &signature.family {
        let _ = writeln!(text, "tasks        one-off tasks of family {family}");
    }
    if let Some(group) = &signature.log_group {
        let _ = writeln!(text, "log group    {group}");
    }
    for (field, pattern) in &signature.json {
        let _ = writeln!(text, "json         {field} = {pattern}");
    }
    for (name, value) in
        [("pattern", &signature.pattern), ("contains", &signature.contains), ("advice", &signature.advice)]
    {
        if let Some(value) = value {
            let _ = writeln!(text, "{name:<12} {value}");
        }
    }
    text
}

fn judged(check: &CheckVerdict) -> String {
    let mut text = format!("outcome      {}: {}\n", word(&check.outcome), check.reason);
    for gap in &check.unknown_because {
        let _ = writeln!(text, "missing      {} ({}): {}; {}", gap.source, gap.status, gap.error, gap.remedy);
    }
    for row in &check.rows {
        let _ = writeln!(text, "  {}", line(row));
    }
    if check.rows_omitted > 0 {
        let _ = writeln!(text, "  and {} more rows", check.rows_omitted);
    }
    text
}

fn line(row: &EvidenceRow) -> String {
    let mut line = format!("{:<7} {}", word(&row.status), row.resource);
    if let Some(at) = row.at {
        let _ = write!(line, "  {at}");
    }
    let _ = write!(line, "  {}", row.reason);
    for (name, value) in [("observed", &row.observed), ("expected", &row.expected)] {
        if let Some(value) = value {
            let _ = write!(line, "  {name}={value}");
        }
    }
    for (name, value) in &row.more {
        let _ = write!(line, "  {name}={value}");
    }
    visible(&line)
}
