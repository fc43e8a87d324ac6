//! A verdict, as the gate needs it.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

/// A bundle of a deployment, with one of its verdicts; without a verdict if it has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The service's name.
    pub service: String,
    /// The AWS region.
    pub region: String,
    /// The AWS account, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The bundle's digest.
    pub bundle: String,
    /// The verdict's digest.
    pub verdict: Option<String>,
    /// `pass`, `fail`, `inconclusive` or `error`; anything else counts as no verdict.
    pub conclusion: Option<String>,
    /// The first cause of the verdict.
    pub why: Option<String>,
    /// The moment that was judged; the end of the evidence where there is no verdict.
    pub as_of: Option<Timestamp>,
    /// The release's name.
    pub release: Option<String>,
    /// The image digests by essential container.
    pub images: BTreeMap<String, BTreeSet<String>>,
    /// The judged rollout.
    pub rollout: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// The run found that nothing was deployed, and judged the present state.
    pub nothing_deployed: bool,
    /// The version of casefile.
    pub engine: Option<String>,
    /// The digest of the checks.
    pub pack: Option<String>,
    /// The digest of the config.
    pub config: Option<String>,
    /// The number of the pipeline within its project (`CI_PIPELINE_IID`).
    pub sequence: Option<i64>,
    /// The project that `sequence` counts in (`CI_PROJECT_ID`).
    pub project: Option<String>,
}

impl Record {
    /// A bundle that nobody judged, and of which nothing else is known than when it may have ended.
    pub fn unjudged(service: &str, region: &str, bundle: String, as_of: Option<Timestamp>) -> Self {
        Self {
            service: service.to_owned(),
            region: region.to_owned(),
            account: None,
            bundle,
            verdict: None,
            conclusion: None,
            why: None,
            as_of,
            release: None,
            images: BTreeMap::new(),
            rollout: None,
            created_at: None,
            nothing_deployed: false,
            engine: None,
            pack: None,
            config: None,
            sequence: None,
            project: None,
        }
    }

    pub(crate) fn moment(&self) -> Timestamp {
        self.as_of.unwrap_or(Timestamp(i64::MIN))
    }

    /// The first cause of the verdict.
    pub(crate) fn why(&self) -> &str {
        self.why.as_deref().unwrap_or("no cause is named")
    }

    pub(crate) fn is_same_rollout(&self, other: &Self) -> bool {
        match (&self.rollout, &other.rollout) {
            (Some(rollout), Some(other)) => rollout == other,
            _ => self.bundle == other.bundle,
        }
    }

    /// How bad it is: the worst of several verdicts over the same evidence counts.
    pub(crate) fn badness(&self) -> u8 {
        match self.conclusion.as_deref() {
            Some("fail") => 3,
            Some("pass") => 0,
            Some("inconclusive") => 1,
            _ => 2,
        }
    }

    pub(crate) fn is_pass(&self) -> bool {
        self.conclusion.as_deref() == Some("pass")
    }
}
