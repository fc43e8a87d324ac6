//! `seal`: the partial bundle of a killed collection, to a bundle.

use std::path::Path;

use casefile_collector::recover;

use super::import::line;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;

pub(crate) fn run(partial: &Path, printer: &Printer) -> Result<Exit, Error> {
    let bundle = recover(partial)?;
    printer
        .warn("the collection was killed: the bundle ends with its last whole poll, and says that it was interrupted");
    printer.stdout(&line(&bundle.root().display().to_string(), bundle.digest(), bundle.manifest(), &bundle.rows()?))?;
    Ok(Exit::Pass)
}
