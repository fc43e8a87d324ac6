//! `analyze`: a bundle to a verdict, offline.

use casefile_analyzer::Planning;
use casefile_evidence::Timestamp;

use super::archive::{self, locate};
use super::{check_reports, not_compared, open, options, pack, report};
use crate::cli::{Analyze, Report};
use crate::error::Error;
use crate::exit::Exit;
use crate::history;
use crate::output::Printer;
use crate::place::write_file;
use crate::render::{self, Scene};

pub(crate) async fn run(args: &Analyze, printer: &Printer) -> Result<Exit, Error> {
    check_reports(&args.report, args.output.as_deref())?;
    let pack = pack(&args.judge.pack)?;
    let as_of = args.as_of.as_deref().map(Timestamp::parse).transpose();
    let as_of = as_of.map_err(|error| Error::usage(format!("--as-of: {error}")))?;
    let options = options(&args.judge.engine, as_of);
    let planning = Planning::begin(&pack, &options)?;
    let located = locate(&args.bundle.named, &args.bundle.from).await?;
    let opened = open(&located.path, Some(&pack), &args.judge.config, printer)?;
    if let Some((as_of, first)) = as_of.zip(opened.bundle.manifest().window.from).filter(|(as_of, first)| as_of < first)
    {
        return Err(Error::usage(format!(
            "--as-of {as_of} is before the first snapshot of the bundle ({first}): nothing was known then"
        )));
    }
    let history = match &args.history {
        Some(place) => Some(history::of(&opened.bundle, archive::open(place, false).await).await),
        None => {
            not_compared(&opened.settings, "give --history", printer);
            None
        }
    };
    let evidence = opened.evidence.with_history(history);
    let verdict = planning.analyze(&evidence, &opened.settings).await?;
    report(&verdict, &opened.bundle, &args.report, args.output.as_deref(), printer)
}

/// `report`: the HTML report of a bundle.
pub(crate) async fn page(args: &Report, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(&args.judge.pack)?;
    let options = options(&args.judge.engine, None);
    let planning = Planning::begin(&pack, &options)?;
    let located = locate(&args.bundle.named, &args.bundle.from).await?;
    let opened = open(&located.path, Some(&pack), &args.judge.config, printer)?;
    let verdict = planning.analyze(&opened.evidence, &opened.settings).await?;
    let page = render::html(&verdict, Some(&Scene::of(&opened.bundle, &verdict)?));
    match &args.output {
        Some(path) => write_file(path, &page)?,
        None => printer.stdout(&page)?,
    }
    // The verdict is in the report; the report was made.
    Ok(Exit::Pass)
}
