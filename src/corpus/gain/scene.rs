//! The facts of a case that a gain needs.

use casefile_collector::held::Held;
use casefile_evidence::tables::{AnyRow, TaskRow};
use casefile_evidence::{Timestamp, tables::ContainerRow};
use std::collections::{BTreeMap, BTreeSet};

/// How long before the end a replacement has to run.
const WATCHED_MS: i64 = 20_000;

/// A case with a judged release, and the parts that a gain can change.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) service: String,
    /// The judged deployment or task set.
    pub(super) rollout: String,
    pub(super) created_at: Option<Timestamp>,
    /// When it completed, as far as the documents tell.
    pub(super) completed_at: Option<Timestamp>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) desired: i64,
    pub(super) is_daemon: bool,
    pub(super) load_balancers: i64,
    /// Tasks of the rollout that ended for another reason than the scheduler's, and restarts in place.
    pub(super) ends: i64,
    /// A task of the rollout that runs at the end.
    pub(super) task: Option<TaskRow>,
    /// A task of another release, and when it ended.
    pub(super) old: Option<(TaskRow, Timestamp)>,
}

impl Scene {
    pub(super) fn of(held: &Held, rows: &[AnyRow]) -> Option<Self> {
        let target = rows.iter().find_map(|row| if let AnyRow::Target(row) = row { Some(row) } else { None })?;
        let rollout = target.deployment_id.clone()?;
        let mut tasks: BTreeMap<&str, &TaskRow> = BTreeMap::new();
        let mut runtimes: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
        let (mut desired, mut is_daemon, mut load_balancers) = (0, false, 0);
        let (mut finished, mut completed, mut full) = (None, None, None);
        let done = format!("(deployment {rollout}) deployment completed");
        for row in rows {
            match row {
                AnyRow::Task(row) if row.selected_by.is_none() => {
                    tasks.insert(&row.task_arn, row);
                }
                AnyRow::Container(row) => {
                    let ContainerRow { container, runtime_id: Some(runtime), task_arn, .. } = &**row else { continue };
                    runtimes.entry(task_arn).or_default().insert((container, runtime));
                }
                AnyRow::Service(row) => {
                    desired = row.desired_count.unwrap_or_default();
                    load_balancers = row.load_balancers;
                    is_daemon = row.scheduling_strategy.as_deref() == Some("DAEMON");
                }
                AnyRow::ServiceDeployment(row)
                    if Some(&row.service_deployment_arn) == target.service_deployment_arn.as_ref() =>
                {
                    finished = row.finished_at.or(finished);
                }
                AnyRow::Deployment(row)
                    if row.deployment_id == rollout && row.rollout_state.as_deref() == Some("COMPLETED") =>
                {
                    completed = earlier(completed, Some(row.observed_at));
                }
                // Without a rollout state: the first of the last snapshots in which the counts are full.
                AnyRow::Deployment(row) if row.deployment_id == rollout && row.rollout_state.is_none() => {
                    let is_full = row.pending_count == Some(0) && row.running_count >= row.desired_count;
                    full = if is_full { full.or(Some(row.observed_at)) } else { None };
                }
                AnyRow::TaskSet(row)
                    if row.task_set_id == rollout && row.stability_status.as_deref() == Some("STEADY_STATE") =>
                {
                    completed = earlier(completed, row.stability_status_at.or(Some(row.observed_at)));
                }
                AnyRow::ServiceEvent(row) if row.message.contains(&done) => {
                    completed = earlier(completed, row.created_at);
                }
                _ => {}
            }
        }
        let is_judged = |row: &&&TaskRow| row.started_by.as_deref() == Some(rollout.as_str());
        let restarts = tasks.values().filter(is_judged).map(|task| {
            let runs = runtimes.get(task.task_arn.as_str());
            let containers =
                |runs: &BTreeSet<(&str, &str)>| runs.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>().len();
            runs.map_or(0, |runs| runs.len() - containers(runs))
        });
        let restarts = i64::try_from(restarts.sum::<usize>()).unwrap_or(i64::MAX);
        let ended = |row: &&&TaskRow| row.stopped_at.is_some() || row.stopping_at.is_some();
        let scheduled =
            |row: &TaskRow| row.stopped_reason.as_deref().unwrap_or_default().starts_with("Scaling activity");
        let ends = tasks.values().filter(is_judged).filter(ended).filter(|row| !scheduled(row)).count();
        let task = tasks
            .values()
            .filter(is_judged)
            .filter(|row| !ended(row) && row.last_status.as_deref() == Some("RUNNING") && row.started_at.is_some())
            .max_by_key(|row| (row.created_at, &row.task_arn));
        let old = tasks.values().filter(|row| !is_judged(row)).find_map(|row| Some(((*row).clone(), row.stopped_at?)));
        Some(Self {
            service: target.service.clone(),
            created_at: target.deployment_created_at,
            completed_at: finished.or(earlier(completed, full)),
            first: held.snapshots.first()?.observed_at,
            last: held.snapshots.last()?.observed_at,
            desired,
            is_daemon,
            load_balancers,
            ends: restarts.saturating_add(i64::try_from(ends).unwrap_or(i64::MAX)),
            task: task.map(|row| (*row).clone()),
            old,
            rollout,
        })
    }

    /// Whether one more death is tolerated, by the default of `[rollout] tolerated_deaths`.
    pub(super) fn tolerates(&self) -> bool {
        self.ends < (self.desired / 10).max(1)
    }

    /// The moment of an event after completion, within the watch.
    pub(super) fn after(&self) -> Option<Timestamp> {
        // The task may itself have come after completion, as a replacement.
        let runs = self.task.as_ref().and_then(|task| task.started_at).map(|at| at.plus_millis(10_000));
        let at = self.completed_at?.max(self.first).max(runs.unwrap_or(self.first)).plus_millis(2_000);
        (at < self.last).then_some(at)
    }

    /// When the replacement of a task that stops after completion runs: as long after its creation as the task
    /// itself did. `None` where the watch ends too early.
    pub(super) fn replaced_at(&self) -> Option<Timestamp> {
        let task = self.task.as_ref()?;
        let start = task.started_at?.millis_since(task.created_at?);
        let at = self.after()?.plus_millis(1_000).plus_millis(start);
        (self.last.millis_since(at) >= WATCHED_MS).then_some(at)
    }

    /// The moment of an event early in a rollout that was watched.
    pub(super) fn early(&self) -> Option<Timestamp> {
        let at = self.created_at?.plus_millis(4_000);
        (at < self.completed_at? && self.completed_at? > self.first).then_some(at)
    }

    /// The moment of an event before completion, for a task that started.
    pub(super) fn before(&self) -> Option<Timestamp> {
        let (started, completed) = (self.task.as_ref()?.started_at?, self.completed_at?);
        // Of a rollout that is older than the watch there was nothing to see.
        let at = started.plus_millis(completed.millis_since(started) / 3);
        (at >= self.first && completed.millis_since(started) > 6_000).then_some(at)
    }

    /// The moment at which a task that never starts is given up.
    pub(super) fn not_started(&self) -> Option<Timestamp> {
        let at = self.task.as_ref()?.created_at?.plus_millis(4_000);
        (at >= self.first && at < self.completed_at?).then_some(at)
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
