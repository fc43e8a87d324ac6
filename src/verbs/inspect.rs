//! `inspect`: the contents of a bundle, and its gaps.

use casefile_evidence::Bundle;
use casefile_evidence::tables::{SnapshotRow, SourceRow, TargetRow};

use super::archive::locate;
use crate::cli::Inspect;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::render::{self, Inspection};

pub(crate) async fn run(args: &Inspect, printer: &Printer) -> Result<Exit, Error> {
    let located = locate(&args.bundle.named, &args.bundle.from).await?;
    let bundle = Bundle::open(&located.path)?;
    let inspection = Inspection {
        digest: bundle.digest(),
        manifest: bundle.manifest().clone(),
        target: bundle.rows::<TargetRow>()?,
        snapshots: bundle.rows::<SnapshotRow>()?,
        sources: bundle.rows::<SourceRow>()?,
    };
    printer.result(args.output.as_deref(), |style| render::inspect(&inspection, args.format, style))?;
    Ok(Exit::Pass)
}
