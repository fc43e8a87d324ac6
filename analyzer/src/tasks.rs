//! What became of the tasks, as far as signatures and coverage need it.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use casefile_evidence::Timestamp;

/// What became of one task.
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
    /// How it died, in words, where it did not end well.
    pub(crate) death: Option<String>,
    /// In how many snapshots it was described.
    pub(crate) snapshots: i64,
}

impl Task {
    /// Whether it is a one-off task of that family; where none is named, a task of the judged deployment.
    pub(crate) fn is_of(&self, family: Option<&str>) -> bool {
        match family {
            None => self.judged,
            Some(family) => self.one_off && self.family.as_deref() == Some(family),
        }
    }
}

/// Every task that was ever seen, by its id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tasks(BTreeMap<String, Task>);

impl Tasks {
    /// From the views `latest_tasks` and `latest_containers`.
    pub(crate) fn from_views(tasks: &[RecordBatch], containers: &[RecordBatch]) -> Self {
        let mut all = BTreeMap::new();
        for (batch, row) in rows(tasks) {
            let Some(task_id) = text(batch, "task_id", row) else { continue };
            let stop_code = text(batch, "stop_code", row);
            let reason = text(batch, "stopped_reason", row);
            // What the scheduler stops for its health did not end well, whatever else it stops does.
            let unwell = reason.as_deref().is_some_and(|reason| reason.to_lowercase().contains("health checks"));
            let death = stop_code.filter(|code| {
                matches!(code.as_str(), "EssentialContainerExited" | "TaskFailedToStart")
                    || code == "ServiceSchedulerInitiated" && unwell
            });
            let task = Task {
                judged: flag(batch, "judged", row).unwrap_or(false),
                one_off: flag(batch, "one_off", row).unwrap_or(false),
                family: text(batch, "task_definition", row).and_then(|arn| family(&arn)),
                created_at: time(batch, "created_at", row),
                started_at: time(batch, "started_at", row),
                started: time(batch, "started_at", row).is_some(),
                stopped_at: time(batch, "execution_stopped_at", row)
                    .or_else(|| time(batch, "stopping_at", row))
                    .or_else(|| time(batch, "stopped_at", row)),
                death: death.map(|code| reason.map_or(code.clone(), |reason| format!("{code}: {reason}"))),
                snapshots: int(batch, "snapshots", row).unwrap_or_default(),
            };
            all.insert(task_id, task);
        }
        let mut failed_tasks = BTreeSet::new();
        for (batch, row) in rows(containers) {
            let Some(task) = text(batch, "task_id", row).and_then(|id| all.get_mut(&id)) else { continue };
            let exit_code = int(batch, "exit_code", row);
            task.started |= exit_code.is_some() || text(batch, "last_status", row).as_deref() == Some("RUNNING");
            // A scheduler that stops a healthy task makes it exit with 143 or 137: that is no death. The
            // stop code tells the two apart, and only its absence leaves the exit code to tell.
            let essential = flag(batch, "essential", row).unwrap_or(true);
            let failed = exit_code.filter(|code| *code != 0 && essential);
            if essential && exit_code != Some(0) {
                failed_tasks.extend(text(batch, "task_id", row));
            }
            if let (Some(code), Some(death)) = (failed, &mut task.death) {
                let container = text(batch, "container", row).unwrap_or_default();
                *death = format!("{death}; container {container} exited with {code}");
            }
        }
        // To end is what a one-off task is for.
        for (_, task) in all.iter_mut().filter(|(id, task)| task.one_off && !failed_tasks.contains(*id)) {
            task.death = None;
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

/// `arn:...:task-definition/NAME:7` is of family NAME.
fn family(arn: &str) -> Option<String> {
    let (family, _) = arn.rsplit('/').next()?.rsplit_once(':')?;
    Some(family.to_owned())
}

fn rows(batches: &[RecordBatch]) -> impl Iterator<Item = (&RecordBatch, usize)> {
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)))
}

fn text(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = batch.column_by_name(column)?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row).to_owned())
}

fn int(batch: &RecordBatch, column: &str, row: usize) -> Option<i64> {
    let column = batch.column_by_name(column)?.as_primitive_opt::<Int64Type>()?;
    column.is_valid(row).then(|| column.value(row))
}

fn time(batch: &RecordBatch, column: &str, row: usize) -> Option<Timestamp> {
    let column = batch.column_by_name(column)?.as_primitive_opt::<TimestampMillisecondType>()?;
    column.is_valid(row).then(|| Timestamp(column.value(row)))
}

fn flag(batch: &RecordBatch, column: &str, row: usize) -> Option<bool> {
    let column = batch.column_by_name(column)?.as_boolean_opt()?;
    column.is_valid(row).then(|| column.value(row))
}
