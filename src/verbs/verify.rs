//! `verify`: checks that a bundle is unchanged.

use casefile_evidence::{OpenError, verify};

use super::archive::locate;
use crate::cli::Verify;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::TextFormat;
use crate::output::Printer;

pub(crate) async fn run(args: &Verify, printer: &Printer) -> Result<Exit, Error> {
    let output = args.output.as_deref();
    let name = args.bundle.display().to_string();
    let located = locate(&args.bundle, &args.from).await?;
    match verify(&located.path) {
        Ok((digest, manifest)) => {
            let files = manifest.tables.len() + 1;
            printer.result(output, |_| Ok(match args.format {
                TextFormat::Json => json(&serde_json::json!({
                    "bundle": name, "intact": true, "digest": digest.to_string(), "format": manifest.format, "problems": [],
                })),
                TextFormat::Terminal => format!("{name}: intact  sha256:{digest}  ({files} files, format {})\n", manifest.format),
            }))?;
            Ok(Exit::Pass)
        }
        Err(OpenError::Integrity { problems, .. }) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            printer.result(output, |_| {
                Ok(match args.format {
                    TextFormat::Json => {
                        json(&serde_json::json!({ "bundle": name, "intact": false, "problems": problems }))
                    }
                    TextFormat::Terminal => {
                        let list: String = problems.iter().map(|problem| format!("  {problem}\n")).collect();
                        format!("{name}: CHANGED after it was sealed\n{list}")
                    }
                })
            })?;
            Ok(Exit::Integrity)
        }
        Err(error) => Err(error.into()),
    }
}

fn json(value: &serde_json::Value) -> String {
    format!("{value}\n")
}
