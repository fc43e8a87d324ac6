//! `redact`: a bundle anew, without what further rules call secret.

use std::path::{Path, PathBuf};

use casefile_collector::redact::redact_bundle;
use casefile_evidence::{Bundle, BundleWriter};

use super::TOOL;
use super::import::sealed_line;
use crate::cli::Global;
use crate::config::Loaded;
use crate::destination::{Destination, Upload};
use crate::error::Error;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Printer;

pub(crate) async fn run(path: &Path, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let bundle = Bundle::open(path)?;
    let loaded = Loaded::find(global.config.as_deref())?;
    let redactor = loaded.config.redact.redactor()?;
    let destination = Destination::decide(global.output.as_deref(), || default_output(path))?;
    let store = destination.connect(printer).await?;
    let before: u64 = bundle.manifest().redactions.values().sum();
    let sealed = redact_bundle(&bundle, &redactor, BundleWriter::create(&destination.path)?, TOOL)?;
    let after: u64 = sealed.manifest.redactions.values().sum();
    printer.note(&format!("{} more secrets were taken out than before", after - before));
    let upload = Upload::put(&sealed.path, store, &Interrupt::watch()?, printer).await;
    printer.stdout(&sealed_line(&sealed, upload.as_ref(), &bundle.rows()?))?;
    Ok(if upload.is_none_or(Upload::finish) { Exit::Pass } else { Exit::Internal })
}

/// `rollout.bundle` gives `rollout.redacted.bundle`, beside it.
fn default_output(path: &Path) -> PathBuf {
    path.with_extension("redacted.bundle")
}
