//! The judged rollout as of a moment, derived from the rows by the same rules as the collector's
//! ([`casefile_evidence::rollout`]), as the tables `judged_rollout` and `judged_tasks`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use casefile_evidence::Timestamp;
use casefile_evidence::rollout::{Expected, Judged, Origin, Rollout, Rollouts, expected_image};
use casefile_evidence::tables::{
    AnyRow, DeploymentRow, ServiceDeploymentRow, ServiceEventRow, ServiceRevisionRow, SnapshotRow, TargetRow,
    TaskDefinitionRow, TaskRow, TaskSetRow,
};

use super::derived::{batch, doc, texts, times};
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::tasks::{int, rows, text, time};
use super::views::TableDoc;
use crate::error::AnalyzeError;

/// `[rollout]`: the trouble that a successful rollout may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutSettings {
    /// How many tasks may die by their own fault before the rollout completes: one, or a tenth of the desired count,
    /// whichever is more, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_deaths: Option<u32>,
    /// The first death of a task is a failure, even if the rollout completes (`[collect] fail_fast`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_fast: bool,
}

impl RolloutSettings {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How many deaths are tolerated; `None`: as many as the desired count allows.
    pub(crate) fn tolerated(&self) -> Option<i64> {
        if self.fail_fast { Some(0) } else { self.tolerated_deaths.map(i64::from) }
    }
}

/// The judged rollout, and which tasks are its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct JudgedRollout {
    pub(crate) judged: Judged,
    /// The ARNs of its tasks, and how each was attributed.
    tasks: BTreeMap<String, Origin>,
    /// The image digests that were expected, as `container=sha256:...` or `sha256:...`.
    expected_images: Vec<String>,
}

impl JudgedRollout {
    /// From the rows that had been observed at a moment; all of them where none is given.
    pub(crate) fn derive(
        evidence: &Evidence,
        target: &TargetRow,
        moment: Option<Timestamp>,
    ) -> Result<Self, AnalyzeError> {
        let mut known: Vec<(i64, Timestamp, AnyRow)> = Vec::new();
        macro_rules! read {
            ($($row:ty),+) => {$(
                let rows = evidence.read::<$row>()?.into_iter();
                known.extend(rows.map(|row| (row.snapshot, row.observed_at, row.into())));
            )+};
        }
        read!(SnapshotRow, DeploymentRow, TaskSetRow, ServiceDeploymentRow, ServiceRevisionRow);
        read!(ServiceEventRow, TaskDefinitionRow);
        let tasks = task_origins(evidence)?;
        known.extend(tasks.iter().map(|task| (task.snapshot, task.observed_at, task.clone().into())));
        known.retain(|(_, observed_at, _)| moment.is_none_or(|moment| *observed_at <= moment));
        known.sort_by_key(|(snapshot, ..)| *snapshot);
        let mut rollouts = Rollouts::new(Expected::from(target));
        for (snapshot, observed_at, row) in &known {
            rollouts.begin_snapshot(*snapshot, *observed_at);
            rollouts.observe(row);
        }
        let judged = rollouts.judged();
        let own = |task: &TaskRow| Some((task.task_arn.clone(), rollouts.origin(&judged, task.into())?));
        let tasks = tasks.iter().filter_map(own).collect();
        Ok(Self { judged, tasks, expected_images: rollouts.expected().image_digests.clone() })
    }

    /// The target with the rollout that is judged as of the moment.
    pub(crate) fn apply(&self, target: &mut TargetRow) {
        let Rollout { deployment, service_deployment, task_definition, created_at } = self.judged.rollout.clone();
        target.deployment_id = deployment;
        target.service_deployment_arn = service_deployment;
        target.task_definition = task_definition;
        target.deployment_created_at = created_at;
    }

    /// How many of its tasks name no deployment.
    pub(crate) fn tasks_by_definition(&self) -> usize {
        self.tasks.values().filter(|origin| **origin == Origin::TaskDefinition).count()
    }

    /// The tables that SQL reads.
    pub(crate) fn tables(
        &self,
        settings: &RolloutSettings,
        ended: bool,
    ) -> Result<Vec<(&'static str, RecordBatch)>, AnalyzeError> {
        let Judged { superseded_by, took_over_from, nothing_deployed, evidence_from, ends_from, .. } = &self.judged;
        let newest = superseded_by.clone().unwrap_or_default();
        let one = |value: Option<&str>| texts([value].into_iter());
        let moment = |at: Option<Timestamp>| times([at.map(Timestamp::as_millis)].into_iter());
        let flag = |value: bool| -> ArrayRef { Arc::new(BooleanArray::from(vec![value])) };
        let tolerated = settings.tolerated();
        let rollout = batch(vec![
            ("evidence_from", true, moment(*evidence_from)),
            ("ends_from", true, moment(*ends_from)),
            ("nothing_deployed", false, flag(*nothing_deployed)),
            ("took_over_from", true, one(took_over_from.as_ref().and_then(Rollout::id))),
            ("superseded_by", true, one(newest.id())),
            ("superseded_by_task_definition", true, one(newest.task_definition.as_deref())),
            ("superseded_at", true, moment(newest.created_at)),
            ("ended", false, flag(ended)),
            ("tolerated_deaths", true, Arc::new(Int64Array::from(vec![tolerated]))),
        ])?;
        let tasks = texts(self.tasks.keys().map(Some));
        let images: Vec<_> = self.expected_images.iter().map(|image| expected_image(image)).collect();
        let images = batch(vec![
            ("container", true, texts(images.iter().map(|(container, _)| *container))),
            ("digest", false, texts(images.iter().map(|(_, digest)| Some(*digest)))),
        ])?;
        Ok(vec![
            ("judged_rollout", rollout),
            ("judged_tasks", batch(vec![("task_arn", false, tasks)])?),
            ("expected_images", images),
        ])
    }
}

/// The columns of a task that attribute it to a rollout, and those that say when it was seen.
const ORIGIN: [&str; 8] =
    ["snapshot", "task_arn", "observed_at", "task_definition", "started_by", "task_group", "selected_by", "created_at"];

/// The fields of each task that attribute it to a rollout, from its first snapshot: they never change.
fn task_origins(evidence: &Evidence) -> Result<Vec<TaskRow>, AnalyzeError> {
    let mut seen = BTreeSet::new();
    let mut tasks = Vec::new();
    for batch in evidence.columns::<TaskRow>(&ORIGIN, None)? {
        let batch = batch?;
        for (batch, row) in rows(std::slice::from_ref(&batch)) {
            let Some(task_arn) = text(batch, "task_arn", row).filter(|arn| seen.insert(arn.clone())) else { continue };
            tasks.push(TaskRow {
                task_arn,
                snapshot: int(batch, "snapshot", row).unwrap_or_default(),
                observed_at: time(batch, "observed_at", row).unwrap_or_default(),
                started_by: text(batch, "started_by", row),
                task_group: text(batch, "task_group", row),
                task_definition: text(batch, "task_definition", row),
                selected_by: text(batch, "selected_by", row),
                created_at: time(batch, "created_at", row),
                ..TaskRow::default()
            });
        }
    }
    Ok(tasks)
}

const ROLLOUT: &[(&str, &str)] = &[
    (
        "evidence_from",
        "Evidence is needed from this moment: the creation of the judged rollout, or, where nothing was deployed, the first snapshot.",
    ),
    (
        "ends_from",
        "The ends of tasks count from this moment: `evidence_from`, or, where nothing was deployed, `target.started_after`, else an hour before the first snapshot.",
    ),
    (
        "nothing_deployed",
        "Whether nothing was deployed: the judged rollout was complete by `target.started_after`; where that is not given, it completed more than an hour before the first snapshot.",
    ),
    ("took_over_from", "The rollout of the same release that was judged until this one began during the watch."),
    ("superseded_by", "The newest rollout, if it is not the judged one."),
    ("superseded_by_task_definition", "The ARN of the task definition that the newest rollout brings."),
    ("superseded_at", "When the newest rollout was created."),
    ("ended", "Whether the collection has ended."),
    (
        "tolerated_deaths",
        "`[rollout] tolerated_deaths` of the config, 0 with `[collect] fail_fast`; null where neither is set.",
    ),
];

const IMAGES: &[(&str, &str)] = &[
    ("container", "The container that must run it; null: any essential container."),
    ("digest", "The digest, e.g. `sha256:...`."),
];

/// The documentation of these tables.
pub(crate) fn table_docs() -> Vec<TableDoc> {
    let tables = JudgedRollout::default().tables(&RolloutSettings::default(), false).unwrap_or_default();
    let documented = |(name, batch): (&'static str, RecordBatch)| {
        let (what, columns) = match name {
            "judged_rollout" => ("Which rollout is judged, beside the columns of `target`: one row.", ROLLOUT),
            "judged_tasks" => ("One row for each task of the judged rollout.", &[("task_arn", "`taskArn`.")][..]),
            _ => ("One row for each expected image digest (`target.expected_image_digests`).", IMAGES),
        };
        doc(name, what, columns, &batch)
    };
    tables.into_iter().map(documented).collect()
}
