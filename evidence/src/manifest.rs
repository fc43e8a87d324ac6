//! `data/manifest.json`: what the bundle says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// The bundle format that this crate writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The time that a bundle speaks about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The first snapshot's moment.
    pub from: Option<Timestamp>,
    /// The last snapshot's moment.
    pub to: Option<Timestamp>,
}

/// What the caller says of a bundle; the writer adds the tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ManifestHead {
    /// The program and version that made it.
    pub tool: String,
    /// The identity of the CI job that made it, by the names of GitLab's predefined variables; empty elsewhere.
    #[serde(default)]
    pub ci: BTreeMap<String, String>,
    /// Region, account, cluster, service and the expected release.
    pub target: BTreeMap<String, String>,
    /// The time that it speaks about.
    pub window: Window,
    /// Why the collection stopped.
    pub stop_reason: String,
    /// How often each redaction rule replaced something.
    pub redactions: BTreeMap<String, u64>,
    /// Which key made the pseudonyms of secrets, where they have any.
    pub pseudonym_key: Option<String>,
    /// The config that it was collected with, whole.
    pub config: Option<Value>,
    /// What the documents held that could not be taken up.
    pub remarks: Vec<String>,
    /// The bundle that this one was made from, where it was.
    pub parent: Option<String>,
}

/// `data/manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The bundle format.
    pub format: u32,
    /// The program and version that made it.
    pub tool: String,
    /// The identity of the CI job that made it, by the names of GitLab's predefined variables; empty elsewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ci: BTreeMap<String, String>,
    /// Region, account, cluster, service and the expected release.
    pub target: BTreeMap<String, String>,
    /// The time that it speaks about.
    pub window: Window,
    /// Why the collection stopped.
    pub stop_reason: String,
    /// Its tables, by name.
    pub tables: BTreeMap<String, TableEntry>,
    /// How often each redaction rule replaced something.
    pub redactions: BTreeMap<String, u64>,
    /// Which key made the pseudonyms of secrets, where they have any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonym_key: Option<String>,
    /// The config that it was collected with, whole.
    pub config: Option<Value>,
    /// What the documents held that could not be taken up.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// The bundle that this one was made from, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// A table as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Its file, relative to `data/`.
    pub file: String,
    /// Its rows.
    pub rows: u64,
    /// Its schema version.
    pub version: u32,
    /// The columns that it is sorted by; the rest break ties.
    pub sort_key: Vec<String>,
}
