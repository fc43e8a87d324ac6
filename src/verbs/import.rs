//! `import`: a recording, or plain AWS CLI outputs, to a bundle.

use std::path::{Path, PathBuf};

use casefile_collector::import::import;
use casefile_collector::recording::Recording;
use casefile_collector::{Maker, seal};
use casefile_evidence::tables::{ApiCallRow, SourceRow};
use casefile_evidence::{BundleWriter, Digest, Manifest, Row, Sealed};

use super::{TOOL, redactor};
use crate::cli::Import;
use crate::destination::{Destination, Upload};
use crate::error::Error;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::target::{ci_identity, has_begun, recording_about, recording_config};

pub(crate) async fn run(args: &Import, printer: &Printer) -> Result<Exit, Error> {
    let recording = Recording::open(&args.dir)?;
    for file in &recording.unknown {
        printer.warn(&format!("{}: {}; it is not in the bundle", file.path.display(), file.why));
    }
    let loaded = recording_config(&args.dir, &recording.info, args.config.config.as_deref())?;
    let redactor = redactor(&loaded)?;
    let about = recording_about(&args.service, &args.expect, &recording.info, &loaded.config)?;
    let destination = Destination::decide(args.output.output.as_deref(), || default_output(&args.dir))?;
    let store = destination.connect(printer).await?;
    let mut writer = BundleWriter::create(&destination.path)?;
    let stop_reason = recording.info.stop_reason.as_deref().unwrap_or("imported");
    let imported = import(&recording, about, redactor, &mut writer).map_err(Error::from).and_then(|assembly| {
        let target = assembly.target(stop_reason);
        target.window_to.map_or(Ok(()), |last| has_begun(&(&target).into(), last))?;
        Ok(assembly)
    });
    let assembly = match imported {
        Ok(assembly) => assembly,
        Err(error) => {
            writer.discard()?;
            return Err(error);
        }
    };
    for remark in assembly.remarks().iter() {
        printer.warn(remark);
    }
    let sealed = seal(
        &assembly,
        writer,
        stop_reason,
        &Maker { tool: TOOL.to_owned(), config: loaded.sealed_value()?, ci: ci_identity() },
    )?;
    let upload = Upload::put(&sealed.path, store, &Interrupt::watch()?, printer).await;
    printer.stdout(&sealed_line(&sealed, upload.as_ref(), assembly.coverage().sources()))?;
    Ok(if upload.is_none_or(Upload::finish) { Exit::Pass } else { Exit::Internal })
}

/// `incident` gives `incident.bundle`, in the working directory.
fn default_output(dir: &Path) -> PathBuf {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let mut name = absolute.file_name().unwrap_or_else(|| "recording".as_ref()).to_owned();
    name.push(".bundle");
    name.into()
}

/// The last line: the bundle's place, its digest, and its contents.
pub(crate) fn sealed_line<'a>(
    sealed: &Sealed,
    upload: Option<&Upload>,
    sources: impl Iterator<Item = &'a SourceRow>,
) -> String {
    let place = upload.map_or_else(|| sealed.path.display().to_string(), |upload| upload.place.clone());
    line(&place, sealed.digest, &sealed.manifest, sources)
}

/// `sources`: the last row of each.
pub(crate) fn line<'a>(
    place: &str,
    digest: Digest,
    manifest: &Manifest,
    sources: impl Iterator<Item = &'a SourceRow>,
) -> String {
    let filled = manifest.tables.iter().filter(|(name, table)| table.rows > 0 && !UNCOUNTED.contains(&name.as_str()));
    let rows: Vec<String> = filled.map(|(name, table)| format!("{name} {}", table.rows)).collect();
    let calls = manifest.tables.get(ApiCallRow::TABLE).map_or(0, |table| table.rows);
    let gaps = match sources.filter(|source| source.status != "complete").count() {
        0 => "no gaps".to_owned(),
        1 => "1 gap".to_owned(),
        gaps => format!("{gaps} gaps"),
    };
    format!("{place}  sha256:{digest}  {}; {calls} calls, {gaps}\n", rows.join(", "))
}

/// Tables that say nothing of the service.
const UNCOUNTED: [&str; 4] = ["target", "sources", "api_calls", "task_selectors"];
