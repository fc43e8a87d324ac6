//! `import`: a recording, or plain AWS CLI outputs, to a bundle.

use std::path::{Path, PathBuf};

use casefile_collector::import::import;
use casefile_collector::normalise::About;
use casefile_collector::recording::{Recording, RecordingInfo};
use casefile_collector::{Maker, seal};
use casefile_evidence::tables::{ApiCallRow, SourceRow, latest_sources};
use casefile_evidence::{BundleWriter, Digest, Manifest, Row, Sealed};

use super::TOOL;
use crate::cli::{ExpectArgs, Global, Import};
use crate::config::{Config, Loaded, Origin};
use crate::destination::{Destination, Upload};
use crate::error::Error;
use crate::exit::Exit;
use crate::expected::{self, ci_identity, has_begun, is_of};
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::target::{ingestion_grace, millis, stable_for};

pub(crate) async fn run(args: &Import, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let recording = Recording::open(&args.dir)?;
    for file in &recording.unknown {
        printer.warn(&format!("{}: {}; it is not in the bundle", file.path.display(), file.why));
    }
    let loaded = config(&args.dir, &recording.info, global.config.as_deref())?;
    let redactor = loaded.config.redact.redactor()?;
    let about = about(&args.service, &args.expect, &recording.info, &loaded.config)?;
    let destination = Destination::decide(global.output.as_deref(), || default_output(&args.dir))?;
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
    printer.stdout(&sealed_line(&sealed, upload.as_ref(), assembly.sources()))?;
    Ok(if upload.is_none_or(Upload::finish) { Exit::Pass } else { Exit::Internal })
}

/// The config: what `--config` names, else the recording's own, else ./casefile.toml.
pub(crate) fn config(dir: &Path, info: &RecordingInfo, flag: Option<&Path>) -> Result<Loaded, Error> {
    match (flag, &info.config) {
        (None, Some(named)) => {
            let path = dir.join(named);
            Ok(Loaded { config: Config::read(&path)?, origin: Some(Origin::File(path)) })
        }
        (flag, _) => Loaded::find(flag),
    }
}

/// Flags win over what the recording says of itself, that over the config.
pub(crate) fn about(
    service: &Option<String>,
    expect: &ExpectArgs,
    info: &RecordingInfo,
    config: &Config,
) -> Result<About, Error> {
    let pick = |flag: &Option<String>, said: &Option<String>, set: &Option<String>| {
        flag.clone().or_else(|| said.clone()).or_else(|| set.clone())
    };
    let target = &config.target;
    let about = About {
        service: pick(service, &info.service, &target.service).unwrap_or_default(),
        cluster: pick(&None, &info.cluster, &target.cluster),
        region: pick(&None, &info.region, &target.region),
        account: pick(&None, &info.account, &target.account),
        expected: expected::of_recording(expect, info.expected(), config)?,
        ingestion_grace_ms: info.ingestion_grace_ms.unwrap_or_else(|| millis(ingestion_grace(None, config))),
        stable_for_ms: info.stable_for_ms.unwrap_or_else(|| millis(stable_for(None, config))),
        tasks: config.collect.selectors(),
        log_groups: config.collect.log_groups.clone(),
    };
    is_of(&about)?;
    Ok(about)
}

/// `incident` gives `incident.bundle`, in the working directory.
fn default_output(dir: &Path) -> PathBuf {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let mut name = absolute.file_name().unwrap_or_else(|| "recording".as_ref()).to_owned();
    name.push(".bundle");
    name.into()
}

/// The last line: where the bundle is, what fixes every byte of it, and what is in it.
pub(crate) fn sealed_line(sealed: &Sealed, upload: Option<&Upload>, sources: &[SourceRow]) -> String {
    let place = upload.map_or_else(|| sealed.path.display().to_string(), |upload| upload.place.clone());
    line(&place, sealed.digest, &sealed.manifest, sources)
}

pub(crate) fn line(place: &str, digest: Digest, manifest: &Manifest, sources: &[SourceRow]) -> String {
    let filled = manifest.tables.iter().filter(|(name, table)| table.rows > 0 && !UNCOUNTED.contains(&name.as_str()));
    let rows: Vec<String> = filled.map(|(name, table)| format!("{name} {}", table.rows)).collect();
    let calls = manifest.tables.get(ApiCallRow::TABLE).map_or(0, |table| table.rows);
    let gaps = match latest_sources(sources).filter(|source| source.status != "complete").count() {
        0 => "no gaps".to_owned(),
        1 => "1 gap".to_owned(),
        gaps => format!("{gaps} gaps"),
    };
    format!("{place}  sha256:{digest}  {}; {calls} calls, {gaps}\n", rows.join(", "))
}

/// Tables that say nothing of the service.
const UNCOUNTED: [&str; 4] = ["target", "sources", "api_calls", "task_selectors"];
