//! From an assembled collection to a sealed bundle.

use std::collections::BTreeMap;
use std::path::Path;

use casefile_evidence::{Bundle, BundleWriter, ManifestHead, OpenError, Recovered, Sealed, Window, WriteError};
use serde_json::Value;

use crate::blocking::blocking;
use crate::normalise::Assembly;
use crate::stop_reason::StopReason;

/// Who makes the bundle.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Maker {
    /// The program and its version.
    pub tool: String,
    /// The config, whole.
    pub config: Option<Value>,
    /// The identity of the CI job, where one makes it.
    pub ci: BTreeMap<String, String>,
}

/// What the manifest says of what was assembled.
fn head(assembly: &Assembly, stop_reason: &str, maker: &Maker) -> ManifestHead {
    let row = assembly.target(stop_reason);
    let window = Window { from: row.window_from, to: row.window_to };
    let named = [
        ("service", Some(row.service)),
        ("cluster", row.cluster),
        ("region", row.region),
        ("account", row.account),
        ("expected_task_definition", row.expected_task_definition),
        ("task_definition", row.task_definition),
        ("deployment_id", row.deployment_id),
        ("service_deployment", row.service_deployment_arn),
        ("release", row.release),
    ];
    let target: BTreeMap<String, String> =
        named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    ManifestHead {
        tool: maker.tool.clone(),
        ci: maker.ci.clone(),
        target,
        window,
        stop_reason: stop_reason.to_owned(),
        redactions: assembly.redactions().clone(),
        pseudonym_key: assembly.pseudonym_key().map(str::to_owned),
        config: maker.config.clone(),
        remarks: assembly.remarks().iter().map(str::to_owned).collect(),
        parent: None,
    }
}

/// Seals what was assembled.
///
/// # Errors
/// Where the bundle cannot be written.
pub fn seal(
    assembly: &Assembly,
    mut writer: BundleWriter,
    stop_reason: &str,
    maker: &Maker,
) -> Result<Sealed, WriteError> {
    blocking(|| {
        writer.push(assembly.target(stop_reason))?;
        writer.seal(&head(assembly, stop_reason, maker))
    })
}

/// Puts everything on disk that a collection has so far. Were it killed now, [`recover`] would make a bundle of it.
///
/// # Errors
/// Where something cannot be written.
pub(crate) fn checkpoint(assembly: &Assembly, writer: &mut BundleWriter, maker: &Maker) -> Result<(), WriteError> {
    let reason = StopReason::Interrupted.name();
    let mut head = head(assembly, reason, maker);
    head.remarks.push("the collection was killed: what is here ends with its last whole poll".to_owned());
    writer.checkpoint(assembly.closing(reason), &head)
}

/// Makes a bundle of what a killed collection left at `<path>.partial`.
///
/// # Errors
/// Where there is nothing to be sealed, or it cannot be written.
pub fn recover(partial: &Path) -> Result<Bundle, RecoverError> {
    let path = match BundleWriter::recover(partial)? {
        Recovered::Finished(path) => path,
        Recovered::Writer(writer, head) => writer.seal(&head)?.path,
    };
    Ok(Bundle::open(&path)?)
}

/// What a killed collection left cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// It cannot be read or written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What came of it is not sound.
    #[error(transparent)]
    Open(#[from] OpenError),
}
