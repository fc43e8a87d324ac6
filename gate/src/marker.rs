//! Documents by which people and pipelines tell the gate what no verdict says.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

/// What a marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkerKind {
    /// The deployment is about to begin.
    Begin,
    /// A person closed it: no verdict will come.
    Close,
}

/// The newest marker of a service in a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// `casefile-marker/1`.
    pub format: String,
    /// Begin or close.
    pub kind: MarkerKind,
    /// The service's name.
    pub service: String,
    /// The AWS region.
    pub region: String,
    /// The release's name.
    pub release: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The verdicts of the release in the region that were there when it began.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub verdicts: BTreeSet<String>,
    /// Why it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The identity of the CI job.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ci: BTreeMap<String, String>,
}

impl Marker {
    /// The value of `format`.
    pub const FORMAT: &'static str = "casefile-marker/1";
}

/// What a stop document says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// Nothing may be deployed.
    Stop,
    /// The stop is over.
    Lift,
}

/// The newest stop document of a service, or of all services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// `casefile-stop/1`.
    pub format: String,
    /// Stop or lift.
    pub kind: StopKind,
    /// The service; every service where it is absent.
    pub service: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

impl Stop {
    /// The value of `format`.
    pub const FORMAT: &'static str = "casefile-stop/1";
}
