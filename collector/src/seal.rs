//! From an assembled collection to a sealed bundle.

use std::collections::BTreeMap;

use casefile_evidence::{BundleWriter, ManifestHead, Sealed, Window, WriteError};
use serde_json::Value;

use crate::normalise::Assembly;

/// Seals what was assembled. `tool` is the program and its version; `config` the config, whole.
///
/// # Errors
/// Where the bundle cannot be written.
pub fn seal(
    assembly: &Assembly,
    mut writer: BundleWriter,
    stop_reason: &str,
    tool: &str,
    config: Option<Value>,
) -> Result<Sealed, WriteError> {
    let row = assembly.target(stop_reason);
    let window = Window { from: row.window_from, to: row.window_to };
    let named = [
        ("service", Some(row.service.clone())),
        ("cluster", row.cluster.clone()),
        ("region", row.region.clone()),
        ("account", row.account.clone()),
        ("expected_task_definition", row.expected_task_definition.clone()),
        ("task_definition", row.task_definition.clone()),
        ("deployment_id", row.deployment_id.clone()),
    ];
    let target: BTreeMap<String, String> =
        named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    writer.push(row)?;
    writer.seal(&ManifestHead {
        tool: tool.to_owned(),
        target,
        window,
        stop_reason: stop_reason.to_owned(),
        redactions: assembly.redactions().clone(),
        config,
        remarks: assembly.remarks().iter().map(str::to_owned).collect(),
        parent: None,
    })
}
