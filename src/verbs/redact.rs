//! `redact`: applies further redaction rules to a bundle.

use std::path::{Path, PathBuf};

use casefile_collector::redact::redact_bundle;
use casefile_evidence::tables::latest_sources;
use casefile_evidence::{Bundle, BundleWriter};

use super::archive::locate;
use super::import::sealed_line;
use super::{TOOL, redactor};
use crate::cli::Redact;
use crate::config::Loaded;
use crate::destination::{Destination, Upload};
use crate::error::Error;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Printer;

pub(crate) async fn run(args: &Redact, printer: &Printer) -> Result<Exit, Error> {
    let located = locate(&args.bundle.named, &args.bundle.from).await?;
    let bundle = Bundle::open(&located.path)?;
    let loaded = Loaded::find(args.config.config.as_deref())?;
    let redactor = redactor(&loaded)?;
    let destination =
        Destination::decide(args.output.output.as_deref(), || default_output(&args.bundle.named, &located.path))?;
    let store = destination.connect(printer).await?;
    let before: u64 = bundle.manifest().redactions.values().sum();
    let sealed = redact_bundle(&bundle, &redactor, BundleWriter::create(&destination.path)?, TOOL)?;
    let after: u64 = sealed.manifest.redactions.values().sum();
    printer.note(&format!("{} more secrets were taken out than before", after - before));
    let upload = Upload::put(&sealed.path, store, &Interrupt::watch()?, printer).await;
    let sources = bundle.rows()?;
    printer.stdout(&sealed_line(&sealed, upload.as_ref(), latest_sources(&sources)))?;
    Ok(if upload.is_none_or(Upload::finish) { Exit::Pass } else { Exit::Internal })
}

/// `rollout.bundle` gives `rollout.redacted.bundle`, beside it; a bundle of an archive `<digest>.redacted.bundle`, here.
fn default_output(named: &Path, path: &Path) -> PathBuf {
    let here = if named.exists() { named } else { Path::new(path.file_name().unwrap_or(named.as_os_str())) };
    here.with_extension("redacted.bundle")
}
