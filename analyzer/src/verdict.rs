//! The verdict: what is handed on, compared, kept, and reproduced.

use std::collections::BTreeMap;

use casefile_evidence::rollout::{Judged, Rollout};
use casefile_evidence::tables::TargetRow;
use casefile_evidence::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::coverage::Gap;
use crate::decision::{Conclusion, Decision};
use crate::error::AnalyzeError;
use crate::impact::Impact;
use crate::outcome::{EvidenceRow, Outcome, Status};
use crate::pack::{Conclusive, Level, Owner};

/// The format of the verdict's JSON.
pub const FORMAT: &str = "casefile-verdict/1";

/// A verdict. Everything in it follows from the bundle, the pack, the config and the engine: nothing of
/// when, where or how fast it was computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// [`FORMAT`].
    pub format: String,
    /// The sha256 of the canonical JSON (RFC 8785) of everything else.
    pub digest: String,
    /// What it comes to.
    pub verdict: Conclusion,
    /// What that asks of the operator.
    pub decision: Decision,
    /// What was judged.
    pub bundle: BundleSummary,
    /// What went out, by what is the same in every region.
    pub release: Release,
    /// Which rollout was judged, beside what `bundle.target` says of it.
    pub rollout: RolloutSummary,
    /// What runs at the end.
    pub impact: Impact,
    /// The moment as of which it holds: the last snapshot's, or an earlier one that was asked for.
    pub as_of: Option<Timestamp>,
    /// What computed it.
    pub engine: Engine,
    /// The checks that were asked.
    pub pack: PackSummary,
    /// The config that was used.
    pub config: ConfigSummary,
    /// Every check and signature: the pack in the order of its files, then the signatures as configured.
    pub checks: Vec<CheckVerdict>,
    /// Evidence that is missing, whether a check needed it or not.
    pub gaps: Vec<Gap>,
}

/// What was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleSummary {
    /// The bundle's digest; null for a verdict over evidence that is not sealed yet.
    pub digest: Option<String>,
    /// The bundle's format; null where it is not sealed yet.
    pub format: Option<u32>,
    /// The identity of the CI job that made it, by the names of GitLab's predefined variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ci: BTreeMap<String, String>,
    /// What it is about.
    pub target: Target,
}

/// Which rollout was judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutSummary {
    /// Nothing was deployed: the newest rollout is older than the change that was to be judged. The present state was
    /// judged.
    pub nothing_deployed: bool,
    /// From when on evidence was needed.
    pub evidence_from: Option<Timestamp>,
    /// The rollout of the same release that was judged before this one began, during the watch.
    pub took_over_from: Option<String>,
    /// The newest rollout, where it is another one.
    pub superseded_by: Option<String>,
}

impl From<&Judged> for RolloutSummary {
    fn from(judged: &Judged) -> Self {
        let named = |rollout: &Option<Rollout>| rollout.as_ref().and_then(Rollout::id).map(str::to_owned);
        Self {
            nothing_deployed: judged.nothing_deployed,
            evidence_from: judged.evidence_from,
            took_over_from: named(&judged.took_over_from),
            superseded_by: named(&judged.superseded_by),
        }
    }
}

/// A release across regions: task definition revisions and registries differ by region and identify nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its name: a tag or a commit.
    pub name: Option<String>,
    /// The images that the essential containers of the rollout's tasks run, each once.
    pub images: Vec<Image>,
}

/// An image that a container runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The container.
    pub container: String,
    /// `imageDigest`.
    pub digest: String,
    /// `image`, as the task definition names it.
    pub image: Option<String>,
}

/// What a bundle is about: its row of table `target`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the columns of table target, documented there")]
pub struct Target {
    pub service: String,
    pub cluster: Option<String>,
    pub region: Option<String>,
    pub account: Option<String>,
    pub service_arn: Option<String>,
    pub expected_task_definition: Option<String>,
    pub expectation: String,
    pub deployment_id: Option<String>,
    pub task_definition: Option<String>,
    pub deployment_created_at: Option<Timestamp>,
    pub deployment_controller: String,
    pub window_from: Option<Timestamp>,
    pub window_to: Option<Timestamp>,
    pub stop_reason: String,
    pub ingestion_grace_ms: i64,
    pub stable_for_ms: i64,
    pub service_deployment_arn: Option<String>,
    pub expected_service_deployment: Option<String>,
    pub expected_deployment: Option<String>,
    pub started_after: Option<Timestamp>,
    pub require_rollout: Option<bool>,
    pub release: Option<String>,
    pub expected_image_digests: Option<String>,
}

impl From<&TargetRow> for Target {
    fn from(row: &TargetRow) -> Self {
        let row = row.clone();
        Self {
            service: row.service,
            cluster: row.cluster,
            region: row.region,
            account: row.account,
            service_arn: row.service_arn,
            expected_task_definition: row.expected_task_definition,
            expectation: row.expectation,
            deployment_id: row.deployment_id,
            task_definition: row.task_definition,
            deployment_created_at: row.deployment_created_at,
            deployment_controller: row.deployment_controller,
            window_from: row.window_from,
            window_to: row.window_to,
            stop_reason: row.stop_reason,
            ingestion_grace_ms: row.ingestion_grace_ms,
            stable_for_ms: row.stable_for_ms,
            service_deployment_arn: row.service_deployment_arn,
            expected_service_deployment: row.expected_service_deployment,
            expected_deployment: row.expected_deployment,
            started_after: row.started_after,
            require_rollout: row.require_rollout,
            release: row.release,
            expected_image_digests: row.expected_image_digests,
        }
    }
}

/// What computed a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// This program's version.
    pub casefile: String,
    /// The query engine's version.
    pub datafusion: String,
}

impl Engine {
    pub(crate) fn current() -> Self {
        Self { casefile: env!("CARGO_PKG_VERSION").to_owned(), datafusion: datafusion::DATAFUSION_VERSION.to_owned() }
    }
}

/// The checks that were asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackSummary {
    /// The sha256 over the checks and the views.
    pub digest: String,
    /// How many checks.
    pub checks: usize,
}

/// The config that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigSummary {
    /// The sha256 of the settings' canonical JSON.
    pub digest: String,
    /// The service's name.
    pub service: Option<String>,
    /// To whom a failure of the service is delegated.
    pub owner: Option<String>,
    /// Where the owner's runbook is.
    pub runbook: Option<String>,
    /// How many signatures.
    pub signatures: usize,
}

/// What one check or signature came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckVerdict {
    /// Its id.
    pub id: String,
    /// What is true when it passes.
    pub title: String,
    /// Whether it is SQL of the pack or a signature of the config.
    pub kind: Kind,
    /// Whether it decides.
    pub level: Level,
    /// Who takes over when it fails.
    pub owner: Owner,
    /// What one row proves even when evidence is missing.
    pub conclusive: Conclusive,
    /// What it came to.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub reason: String,
    /// How many rows it gave, by status.
    pub counts: BTreeMap<Status, usize>,
    /// The rows, failing ones first, up to [`ROWS_KEPT`].
    pub rows: Vec<EvidenceRow>,
    /// How many rows are not listed.
    pub rows_omitted: usize,
    /// The evidence whose lack made it unknown.
    pub unknown_because: Vec<Gap>,
    /// What to do when it fails; what a row advises comes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Where a check comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A file of the pack.
    Check,
    /// A signature of the config.
    Signature,
}

/// Rows of a check that a verdict lists.
pub const ROWS_KEPT: usize = 50;

impl CheckVerdict {
    /// Takes the rows over, in their total order, and counts those beyond [`ROWS_KEPT`].
    pub(crate) fn with_rows(mut self, mut rows: Vec<EvidenceRow>) -> Self {
        rows.sort();
        for row in &rows {
            *self.counts.entry(row.status).or_default() += 1;
        }
        self.rows_omitted = rows.len().saturating_sub(ROWS_KEPT);
        rows.truncate(ROWS_KEPT);
        self.rows = rows;
        self
    }

    /// What to do, each once: what the rows that make the outcome advise; where they advise nothing, what the check does.
    pub fn advices(&self) -> Vec<&str> {
        let telling = |row: &&EvidenceRow| Some(row.status) == self.outcome.status();
        let mut all: Vec<&str> = Vec::new();
        for advice in self.rows.iter().filter(telling).filter_map(|row| row.advice.as_deref()) {
            if !all.contains(&advice) {
                all.push(advice);
            }
        }
        if all.is_empty() {
            all.extend(self.advice.as_deref());
        }
        all
    }
}

impl Verdict {
    /// The canonical JSON (RFC 8785): the same bytes for the same verdict, whoever writes it.
    ///
    /// # Errors
    /// Only by a fault of this program.
    pub fn to_canonical_json(&self) -> Result<String, AnalyzeError> {
        serde_json_canonicalizer::to_string(self).map_err(AnalyzeError::internal)
    }

    /// The digest that the verdict should carry.
    ///
    /// # Errors
    /// Only by a fault of this program.
    pub fn computed_digest(&self) -> Result<String, AnalyzeError> {
        let mut json = serde_json::to_value(self).map_err(AnalyzeError::internal)?;
        if let Some(object) = json.as_object_mut() {
            object.remove("digest");
        }
        let bytes = serde_json_canonicalizer::to_vec(&json).map_err(AnalyzeError::internal)?;
        Ok(Digest::of(&bytes).to_string())
    }

    pub(crate) fn sealed(mut self) -> Result<Self, AnalyzeError> {
        self.digest = self.computed_digest()?;
        Ok(self)
    }

    /// The checks whose outcome that is, blocking ones first.
    pub fn with_outcome(&self, outcome: Outcome) -> impl Iterator<Item = &CheckVerdict> {
        let of = move |level: Level| self.checks.iter().filter(move |c| c.outcome == outcome && c.level == level);
        of(Level::Block).chain(of(Level::Advise))
    }
}

/// Whether waiting can still turn the verdict to the better: nothing blocking has failed for good, and
/// something blocking is open.
pub fn can_still_improve(verdict: &Verdict) -> bool {
    let blocking = || verdict.checks.iter().filter(|check| check.level == Level::Block);
    // A signature fails only once its line was seen, or its deadline is over.
    let for_good = |check: &CheckVerdict| check.kind == Kind::Signature || check.conclusive == Conclusive::Fail;
    let failed_for_good = blocking().any(|check| check.outcome == Outcome::Fail && for_good(check));
    let open = blocking().any(|check| match check.outcome {
        Outcome::Unknown | Outcome::Pending => true,
        Outcome::Fail => !for_good(check),
        Outcome::Error | Outcome::Pass | Outcome::Skip => false,
    });
    let judged = blocking().any(|check| matches!(check.outcome, Outcome::Pass | Outcome::Fail));
    !failed_for_good && (open || !judged)
}
