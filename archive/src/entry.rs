//! A row of the index: a bundle, with one of its verdicts.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use casefile_evidence::tables::TargetRow;
use casefile_evidence::{Manifest, Timestamp, table};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ArchiveError;
use crate::layout::Partition;
use crate::verdict::{Gap, Summary};

table! {
    /// A bundle, with one of its verdicts; without a verdict if it has none.
    Entry => "index", version 1, sort 2 {
        /// The bundle's digest.
        bundle: String,
        /// The verdict's digest.
        verdict_digest: Option<String>,
        /// The service's name.
        service: String,
        /// The AWS region, or `unknown`.
        region: String,
        /// The UTC day of the first snapshot, or `unknown`.
        date: String,
        /// The AWS account id.
        account: Option<String>,
        /// The cluster's name.
        cluster: Option<String>,
        /// The release's name: a tag or a commit.
        release: Option<String>,
        /// The image digests of the essential containers, as JSON.
        images: Option<String>,
        /// The task definition ARN of the judged rollout.
        task_definition: Option<String>,
        /// The service deployment ARN of the judged rollout, else its deployment id.
        rollout: Option<String>,
        /// When the judged rollout was created.
        created_at: Option<Timestamp>,
        /// The first snapshot's moment.
        window_from: Option<Timestamp>,
        /// The last snapshot's moment.
        window_to: Option<Timestamp>,
        /// Why the collection stopped.
        stop_reason: String,
        /// `pass`, `fail`, `inconclusive` or `error`.
        verdict: Option<String>,
        /// `proceed`, `alert` or `delegate`.
        decision: Option<String>,
        /// The addressee of the decision.
        decided_to: Option<String>,
        /// The first cause of the verdict.
        why: Option<String>,
        /// Whether nothing was deployed.
        nothing_deployed: Option<bool>,
        /// The moment that was judged.
        as_of: Option<Timestamp>,
        /// The version of casefile.
        engine: Option<String>,
        /// The digest of the checks.
        pack: Option<String>,
        /// The digest of the settings.
        config: Option<String>,
        /// The blocking checks that failed, as a JSON array of ids.
        failed: Option<String>,
        /// The kinds of gaps (table, operation and status), as a JSON array.
        gaps: Option<String>,
        /// The CI identity of the collection, as JSON.
        ci: String,
        /// The bundle's key in the archive.
        key: String,
        /// The bundle's bytes.
        bytes: i64,
        /// Its tables, as a JSON array of table, offset and bytes within the bundle's object, and rows.
        tables: String,
    }
}

/// A table's file within the object of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTable {
    /// Its name.
    pub table: String,
    /// Where its file begins.
    pub offset: u64,
    /// The length of its file.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
}

/// A bundle as it is stored.
pub(crate) struct Stored<'a> {
    pub(crate) digest: String,
    pub(crate) partition: &'a Partition,
    pub(crate) target: &'a TargetRow,
    pub(crate) manifest: &'a Manifest,
    pub(crate) key: String,
    pub(crate) bytes: u64,
    pub(crate) tables: Vec<StoredTable>,
}

impl Entry {
    pub(crate) fn new(stored: &Stored<'_>, verdict: Option<&Summary>) -> Result<Self, ArchiveError> {
        let target = stored.target.clone();
        let failed = |summary: &Summary| -> Vec<String> {
            let failed = summary.checks.iter().filter(|check| check.level == "block" && check.outcome == "fail");
            failed.map(|check| check.id.clone()).collect()
        };
        let gaps = |summary: &Summary| -> Vec<String> {
            // Table and operation, without the stream or the task: those do not recur.
            let kind = |gap: &Gap| {
                let source: Vec<&str> = gap.source.split(' ').take(2).collect();
                format!("{} ({})", source.join(" "), gap.status)
            };
            let kinds: BTreeSet<String> = summary.gaps.iter().map(kind).collect();
            kinds.into_iter().collect()
        };
        let images = verdict.map(|it| &it.release.images).filter(|images| **images != Value::Null);
        Ok(Self {
            bundle: stored.digest.clone(),
            verdict_digest: verdict.map(|it| it.digest.clone()),
            service: stored.partition.service.clone(),
            region: stored.partition.region.clone(),
            date: stored.partition.date.clone(),
            account: target.account,
            cluster: target.cluster,
            release: verdict.and_then(|it| it.release.name.clone()).or(target.release),
            images: images.map(json).transpose()?,
            task_definition: target.task_definition,
            rollout: target.service_deployment_arn.or(target.deployment_id),
            created_at: target.deployment_created_at,
            window_from: target.window_from,
            window_to: target.window_to,
            stop_reason: target.stop_reason,
            verdict: verdict.map(|it| it.verdict.clone()),
            decision: verdict.map(|it| it.decision.action.clone()),
            decided_to: verdict.and_then(|it| it.decision.to.clone()),
            why: verdict.map(|it| it.decision.why.clone()),
            nothing_deployed: verdict.map(|it| it.rollout.nothing_deployed),
            as_of: verdict.and_then(|it| it.as_of),
            engine: verdict.map(|it| it.engine.casefile.clone()),
            pack: verdict.map(|it| it.pack.digest.clone()),
            config: verdict.map(|it| it.config.digest.clone()),
            failed: verdict.map(|it| json(&failed(it))).transpose()?,
            gaps: verdict.map(|it| json(&gaps(it))).transpose()?,
            ci: json(&stored.manifest.ci)?,
            key: stored.key.clone(),
            bytes: i64::try_from(stored.bytes).unwrap_or(i64::MAX),
            tables: json(&stored.tables)?,
        })
    }

    /// Rows of the index as an Arrow batch.
    ///
    /// # Errors
    /// Only by a fault of this program.
    pub fn to_batch(rows: &[Self]) -> Result<RecordBatch, ArchiveError> {
        crate::index::batch(rows)
    }

    /// A JSON array of texts, as columns `failed` and `gaps` have it.
    pub fn texts(column: Option<&String>) -> Vec<String> {
        column.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

fn json(value: &impl Serialize) -> Result<String, ArchiveError> {
    serde_json::to_string(value).map_err(ArchiveError::internal)
}
