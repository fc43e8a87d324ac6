//! `verify`: is a bundle what was sealed?

use std::path::Path;

use casefile_evidence::{OpenError, verify};

use super::only;
use crate::cli::Format;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;

pub(crate) fn run(bundle: &Path, printer: &Printer) -> Result<Exit, Error> {
    only(printer, "verify", &[Format::Terminal, Format::Json])?;
    let name = bundle.display().to_string();
    match verify(bundle) {
        Ok((digest, manifest)) => {
            let files = manifest.tables.len() + 1;
            printer.result(|_| match printer.format {
                Format::Json => json(&serde_json::json!({
                    "bundle": name, "intact": true, "digest": digest.to_string(), "format": manifest.format, "problems": [],
                })),
                _ => format!("{name}: intact  sha256:{digest}  ({files} files, format {})\n", manifest.format),
            })?;
            Ok(Exit::Pass)
        }
        Err(OpenError::Integrity { problems, .. }) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            printer.result(|_| match printer.format {
                Format::Json => json(&serde_json::json!({ "bundle": name, "intact": false, "problems": problems })),
                _ => {
                    let list: String = problems.iter().map(|problem| format!("  {problem}\n")).collect();
                    format!("{name}: NOT what was sealed\n{list}")
                }
            })?;
            Ok(Exit::Integrity)
        }
        Err(error) => Err(error.into()),
    }
}

fn json(value: &serde_json::Value) -> String {
    format!("{value}\n")
}
