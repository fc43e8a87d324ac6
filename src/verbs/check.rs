//! `check lint` and `check explain`.

use std::fmt::Write as _;

use casefile_analyzer::{Check, CheckVerdict, EvidenceRow, Pack, Settings, Signature, analyze, lint};

use super::{open, options, pack};
use crate::cli::{CheckVerb, Format, Global};
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;

pub(crate) async fn run(verb: &CheckVerb, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    super::only(printer, "check", &[Format::Terminal])?;
    match verb {
        CheckVerb::Lint => run_lint(global, printer).await,
        CheckVerb::Explain { id: None, .. } => list(global, printer),
        CheckVerb::Explain { id: Some(id), bundle: None } => explain(id, global, printer),
        CheckVerb::Explain { id: Some(id), bundle: Some(bundle) } => {
            let pack = pack(global)?;
            let opened = open(bundle, Some(&pack), global, printer)?;
            let verdict = analyze(&opened.evidence, &pack, &opened.settings, &options(global, None)).await?;
            let check = verdict
                .checks
                .iter()
                .find(|check| check.id == *id)
                .ok_or_else(|| unknown(id, &pack, &opened.settings))?;
            let described = describe(id, &pack, &opened.settings)?;
            printer.result(|_| format!("{described}\n{}", judged(check)))?;
            Ok(Exit::Pass)
        }
    }
}

async fn run_lint(global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(global)?;
    let loaded = Loaded::find(global.config.as_deref())?;
    let settings = loaded.config.settings();
    let mut problems = lint(&pack).await?;
    problems.extend(settings.validate(&pack).err().map(|errors| loaded.locate(errors)).unwrap_or_default());
    if !problems.is_empty() {
        return Err(Error::Analyze(problems.into()));
    }
    let line = format!(
        "{} checks and {} signatures are sound  pack sha256:{}\n",
        pack.checks().len(),
        settings.signature.len(),
        pack.digest()
    );
    printer.result(|_| line)?;
    Ok(Exit::Pass)
}

fn list(global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(global)?;
    let settings = Loaded::find(global.config.as_deref())?.config.settings();
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
    printer.result(|_| text)?;
    Ok(Exit::Pass)
}

fn explain(id: &str, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(global)?;
    let settings = Loaded::find(global.config.as_deref())?.config.settings();
    let text = describe(id, &pack, &settings)?;
    printer.result(|_| text)?;
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

fn unknown(id: &str, pack: &Pack, settings: &Settings) -> Error {
    let checks = pack.checks().iter().map(|check| check.header.id.as_str());
    let mut ids: Vec<&str> = checks.chain(settings.signature.iter().map(|signature| signature.id.as_str())).collect();
    ids.sort_unstable();
    Error::usage(format!("there is no check or signature {id:?}; there are {}", ids.join(", ")))
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
        let _ = write!(text, ", within {within} after the deployment was created");
    }
    let _ = write!(text, "\ncontainer    {}\n", signature.container.as_deref().unwrap_or("any"));
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
    crate::render::visible(&line)
}

/// A value of one of the analyzer's enums, as its JSON has it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
