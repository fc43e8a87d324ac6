//! `inspect`: what is in a bundle, and what is missing from it and why.

use std::path::Path;

use casefile_evidence::Bundle;
use casefile_evidence::tables::{SnapshotRow, SourceRow, TargetRow};

use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::render::{self, Inspection};

pub(crate) fn run(path: &Path, printer: &Printer) -> Result<Exit, Error> {
    let bundle = Bundle::open(path)?;
    let inspection = Inspection {
        digest: bundle.digest(),
        manifest: bundle.manifest().clone(),
        target: bundle.rows::<TargetRow>()?,
        snapshots: bundle.rows::<SnapshotRow>()?,
        sources: bundle.rows::<SourceRow>()?,
    };
    printer.try_result(|style| render::inspect(&inspection, printer.format, style))?;
    Ok(Exit::Pass)
}
