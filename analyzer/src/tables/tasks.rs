//! The state of the tasks, as far as signatures and coverage need it.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use casefile_evidence::Timestamp;

/// The state of one task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Task {
    /// Whether it belongs to the deployment that is judged.
    pub(crate) judged: bool,
    /// Whether it is a one-off task that the config names, recent enough to belong to the release.
    pub(crate) one_off: bool,
    /// Its task definition's family.
    pub(crate) family: Option<String>,
    /// When it was created.
    pub(crate) created_at: Option<Timestamp>,
    /// When it came to RUNNING.
    pub(crate) started_at: Option<Timestamp>,
    /// Whether it ever reached RUNNING, or a container of it ran.
    pub(crate) started: bool,
    /// When it stopped, where it did.
    pub(crate) stopped_at: Option<Timestamp>,
    /// When its containers ended; while it is stopping, when it was last seen. From then on it writes nothing.
    pub(crate) wrote_until: Option<Timestamp>,
    /// How it died, in words, where it did not end well and that has not healed.
    pub(crate) death: Option<String>,
    /// Whether the rollout still runs, so that its death may heal.
    pub(crate) may_heal: bool,
    /// In how many snapshots it was described.
    pub(crate) snapshots: i64,
    /// How many answers about a container of its task definition are missing in these snapshots.
    pub(crate) lost_containers: i64,
}

impl Task {
    /// Whether it is a one-off task of that family; where none is named, a task of the judged deployment.
    pub(crate) fn is_of(&self, family: Option<&str>) -> bool {
        match family {
            None => self.judged,
            Some(family) => self.one_off && self.family.as_deref() == Some(family),
        }
    }

    /// When it died. One that is stopping, and does not say why yet, counts too: its last lines may tell.
    pub(crate) fn died_at(&self) -> Option<Timestamp> {
        self.wrote_until.filter(|_| self.started && (self.death.is_some() || self.stopped_at.is_none()))
    }
}

/// Every task that was ever seen, by its id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tasks(BTreeMap<String, Task>);

impl Tasks {
    /// From the views `latest_tasks`, `latest_containers` and `task_ends`.
    pub(crate) fn from_views(tasks: &[RecordBatch], containers: &[RecordBatch], ends: &[RecordBatch]) -> Self {
        let mut all = BTreeMap::new();
        for (batch, row) in rows(tasks) {
            let Some(task_id) = text(batch, "task_id", row) else { continue };
            let task = Task {
                judged: flag(batch, "judged", row).unwrap_or(false),
                one_off: flag(batch, "one_off", row).unwrap_or(false),
                family: text(batch, "task_definition", row).and_then(|arn| family(&arn)),
                created_at: time(batch, "created_at", row),
                started_at: time(batch, "started_at", row),
                started: time(batch, "started_at", row).is_some(),
                stopped_at: time(batch, "ended_at", row),
                wrote_until: wrote_until(batch, row),
                death: None,
                may_heal: false,
                snapshots: int(batch, "snapshots", row).unwrap_or_default(),
                lost_containers: 0,
            };
            all.insert(task_id, task);
        }
        for (batch, row) in rows(containers) {
            let Some(task) = text(batch, "task_id", row).and_then(|id| all.get_mut(&id)) else { continue };
            let is_running = text(batch, "last_status", row).as_deref() == Some("RUNNING");
            task.started |= int(batch, "exit_code", row).is_some() || is_running;
            // AWS may add a container later.
            if flag(batch, "added_by_aws", row) == Some(false) {
                task.lost_containers += task.snapshots - int(batch, "snapshots", row).unwrap_or_default();
            }
        }
        for (batch, row) in rows(ends) {
            let Some(task) = text(batch, "task_id", row).and_then(|id| all.get_mut(&id)) else { continue };
            let cause = text(batch, "cause", row);
            let died = matches!(
                cause.as_deref(),
                Some("exit" | "memory" | "health" | "image" | "resource" | "command" | "start")
            );
            let standing = text(batch, "standing", row);
            if died && standing.as_deref() != Some("healed") {
                task.death = text(batch, "reason", row);
                task.may_heal = standing.as_deref() == Some("open");
            }
        }
        Self(all)
    }

    /// Whether lines of that task count.
    pub(crate) fn is_judged(&self, task_id: Option<&str>) -> bool {
        task_id.and_then(|id| self.0.get(id)).is_some_and(|task| task.judged)
    }

    pub(crate) fn get(&self, task_id: &str) -> Option<&Task> {
        self.0.get(task_id)
    }

    /// Every task, by id.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Task)> {
        self.0.iter().map(|(id, task)| (id.as_str(), task))
    }
}

/// When the containers of a task ended. One that is stopping may write until its `stopTimeout` is over.
fn wrote_until(batch: &RecordBatch, row: usize) -> Option<Timestamp> {
    let is = |column: &str, of: &[&str]| text(batch, column, row).is_some_and(|status| of.contains(&status.as_str()));
    let has_stopped = is("last_status", &["STOPPED", "DELETED"]);
    let is_stopping = is("last_status", &["DEACTIVATING", "STOPPING", "DEPROVISIONING"])
        || is("desired_status", &["STOPPED"])
        || text(batch, "stop_code", row).is_some_and(|code| !code.is_empty());
    let stopped_at = time(batch, "stopped_at", row).filter(|_| has_stopped);
    let at = time(batch, "execution_stopped_at", row).or(stopped_at).or(time(batch, "observed_at", row));
    at.filter(|_| has_stopped || is_stopping)
}

/// `arn:...:task-definition/NAME:7` is of family NAME.
pub(crate) fn family(arn: &str) -> Option<String> {
    let (family, _) = arn.rsplit('/').next()?.rsplit_once(':')?;
    Some(family.to_owned())
}

pub(crate) fn rows(batches: &[RecordBatch]) -> impl Iterator<Item = (&RecordBatch, usize)> {
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)))
}

pub(crate) fn text(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = batch.column_by_name(column)?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row).to_owned())
}

pub(crate) fn int(batch: &RecordBatch, column: &str, row: usize) -> Option<i64> {
    let column = batch.column_by_name(column)?.as_primitive_opt::<Int64Type>()?;
    column.is_valid(row).then(|| column.value(row))
}

pub(crate) fn time(batch: &RecordBatch, column: &str, row: usize) -> Option<Timestamp> {
    let column = batch.column_by_name(column)?.as_primitive_opt::<TimestampMillisecondType>()?;
    column.is_valid(row).then(|| Timestamp(column.value(row)))
}

pub(crate) fn flag(batch: &RecordBatch, column: &str, row: usize) -> Option<bool> {
    let column = batch.column_by_name(column)?.as_boolean_opt()?;
    column.is_valid(row).then(|| column.value(row))
}
