//! `redact`: a bundle anew, without what further rules call secret.

use std::path::{Path, PathBuf};

use casefile_collector::redact::redact_bundle;
use casefile_evidence::{Bundle, BundleWriter};

use super::TOOL;
use super::import::sealed_line;
use crate::cli::Global;
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Printer, outside_of_bundles};

pub(crate) fn run(path: &Path, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let bundle = Bundle::open(path)?;
    let loaded = Loaded::find(global.config.as_deref())?;
    let redactor = loaded.config.redact.redactor()?;
    let output = global.output.clone().unwrap_or_else(|| default_output(path));
    outside_of_bundles(&output)?;
    let before: u64 = bundle.manifest().redactions.values().sum();
    let sealed = redact_bundle(&bundle, &redactor, BundleWriter::create(&output)?, TOOL)?;
    let after: u64 = sealed.manifest.redactions.values().sum();
    printer.note(&format!("{} more secrets were taken out than before", after - before));
    printer.stdout(&sealed_line(&sealed, &bundle.rows()?))?;
    Ok(Exit::Pass)
}

/// `rollout.bundle` gives `rollout.redacted.bundle`, beside it.
fn default_output(path: &Path) -> PathBuf {
    path.with_extension("redacted.bundle")
}
