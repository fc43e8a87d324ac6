//! `seal`: the partial bundle of a killed collection, to a bundle.

use std::path::Path;

use casefile_collector::recover;
use casefile_evidence::tables::latest_sources;

use super::import::line;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;

pub(crate) fn run(partial: &Path, printer: &Printer) -> Result<Exit, Error> {
    let bundle = recover(partial)?;
    printer
        .warn("the collection was killed: the bundle ends with its last whole poll, and says that it was interrupted");
    let (place, sources) = (bundle.root().display().to_string(), bundle.rows()?);
    printer.stdout(&line(&place, bundle.digest(), bundle.manifest(), latest_sources(&sources)))?;
    Ok(Exit::Pass)
}
