//! The verdict document, and the rules that compute it.

mod causes;
mod check;
mod coverage;
mod decision;
mod evidence_row;
mod gap;
mod missing;
mod new_errors;
mod outcome;
mod signatures;
mod tail;

use std::collections::BTreeMap;

use casefile_evidence::rollout::{Judged, Rollout};
use casefile_evidence::tables::TargetRow;
use casefile_evidence::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

pub use causes::Cause;
pub use check::{CheckVerdict, Kind, ROWS_KEPT};
pub(crate) use coverage::Coverage;
pub use decision::{Action, Decision};
pub(crate) use decision::{conclude, decide};
pub(crate) use evidence_row::read;
pub use gap::Gap;
pub use missing::Missing;
pub(crate) use new_errors::check as judge_history;
pub(crate) use outcome::judge;
pub use outcome::{EvidenceRow, Outcome};
pub(crate) use signatures::{Scene, judge as judge_signature};
pub use tail::Tail;
pub(crate) use tail::fill as fill_tails;

use crate::error::AnalyzeError;
use crate::tables::{History, Image, Impact};
use crate::terms::{Conclusion, Conclusive, Level};

/// The format of the verdict's JSON.
pub const FORMAT: &str = "casefile-verdict/1";

/// A verdict. Everything in it follows from the bundle, the pack, the config, the engine and the history, which is in it:
/// nothing of when, where or how fast it was computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// [`FORMAT`].
    pub format: String,
    /// The sha256 of the canonical JSON (RFC 8785) of everything else.
    pub digest: String,
    /// The conclusion.
    pub verdict: Conclusion,
    /// The decision.
    pub decision: Decision,
    /// The judged bundle.
    pub bundle: BundleSummary,
    /// The release, by names that are the same in every region.
    pub release: Release,
    /// The judged rollout, in addition to `bundle.target`.
    pub rollout: RolloutSummary,
    /// The revisions that run at the end.
    pub impact: Impact,
    /// The moment as of which it holds: the last snapshot's, or an earlier one that was asked for.
    pub as_of: Option<Timestamp>,
    /// The program that computed it.
    pub engine: Engine,
    /// The checks that were asked.
    pub pack: PackSummary,
    /// The config that was used.
    pub config: ConfigSummary,
    /// Every check and signature: the pack in the order of its files, then the signatures as configured, then
    /// `evidence.new-errors` where there is a history.
    pub checks: Vec<CheckVerdict>,
    /// Evidence that is missing, whether a check needed it or not.
    pub gaps: Vec<Gap>,
    /// What the log lines were compared with, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

/// The judged bundle.
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
    /// Its target.
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
    /// Tasks whose `startedBy` names no deployment, and which were taken for the rollout's by their task definition and
    /// the time of their creation.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tasks_by_definition: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl RolloutSummary {
    pub(crate) fn new(judged: &Judged, tasks_by_definition: usize) -> Self {
        let named = |rollout: &Option<Rollout>| rollout.as_ref().and_then(Rollout::id).map(str::to_owned);
        Self {
            nothing_deployed: judged.nothing_deployed,
            evidence_from: judged.evidence_from,
            took_over_from: named(&judged.took_over_from),
            superseded_by: named(&judged.superseded_by),
            tasks_by_definition,
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

/// The target of a bundle: its row of table `target`.
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

/// The program that computed a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// This program's version.
    pub casefile: String,
    /// The query engine's version.
    pub datafusion: String,
}

impl Engine {
    /// This version.
    pub fn current() -> Self {
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

impl Verdict {
    /// The canonical JSON (RFC 8785): the same bytes for the same verdict.
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

    /// The missing evidence, grouped by cause: the groups that blocking checks need come first, calls that were never
    /// made last.
    pub fn missing(&self) -> Vec<Missing<'_>> {
        missing::missing(&self.checks, &self.gaps)
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
