//! `analyze`: a bundle to a verdict, offline.

use casefile_analyzer::analyze;
use casefile_evidence::Timestamp;

use super::{open, options, pack, report};
use crate::cli::{Analyze, Global};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;

pub(crate) async fn run(args: &Analyze, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(global)?;
    let as_of = args.as_of.as_deref().map(Timestamp::parse).transpose();
    let as_of = as_of.map_err(|error| Error::usage(format!("--as-of: {error}")))?;
    let opened = open(&args.bundle, Some(&pack), global, printer)?;
    if let Some((as_of, first)) = as_of.zip(opened.bundle.manifest().window.from).filter(|(as_of, first)| as_of < first)
    {
        return Err(Error::usage(format!(
            "--as-of {as_of} is before the first snapshot of the bundle ({first}): nothing was known then"
        )));
    }
    let verdict = analyze(&opened.evidence, &pack, &opened.settings, &options(global, as_of)).await?;
    report(&verdict, &args.report, printer)
}
