//! A rollout as a timeline: what the tables of a bundle say of tasks, deployment, events and gaps.

use std::collections::{BTreeMap, BTreeSet};

use casefile_analyzer::{Kind, Status, Verdict};
use casefile_evidence::tables::{
    ContainerRow, DeploymentRow, ServiceEventRow, SnapshotRow, SourceRow, TargetRow, TaskRow,
};
use casefile_evidence::{Bundle, ReadError, Timestamp};

use super::super::bundles::{Change, definition_changes};
use super::super::text::{short, visible};

/// What a task did for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Pending,
    Running,
    Unhealthy,
    Stopping,
}

impl State {
    pub(super) const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Unhealthy, Self::Stopping];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Unhealthy => "unhealthy",
            Self::Stopping => "stopping",
        }
    }
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) text: String,
    /// What stands in its bar, where it fits.
    pub(super) label: String,
    pub(super) is_bad: bool,
}

/// Something that happened at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: Timestamp,
    pub(super) text: String,
    pub(super) is_bad: bool,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    /// The short id.
    pub(super) task: String,
    /// `family:42`.
    pub(super) revision: String,
    /// Whether it is a task of the judged rollout.
    pub(super) is_judged: bool,
    pub(super) spans: Vec<(Timestamp, Timestamp, State)>,
    /// When and why it ended.
    pub(super) ended: Option<(Timestamp, String)>,
    /// It ended by its own fault.
    pub(super) failed: bool,
}

/// A rollout.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scene {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) decided: Option<Timestamp>,
    pub(super) polls: Vec<Timestamp>,
    pub(super) deployment: Vec<Span>,
    pub(super) lanes: Vec<Lane>,
    pub(super) events: Vec<Mark>,
    pub(super) signals: Vec<Mark>,
    pub(super) gaps: Vec<Span>,
    /// The task definition that ran before, and how the judged one differs.
    pub(super) before: Option<(String, Vec<Change>)>,
}

impl Scene {
    /// Reads a bundle.
    ///
    /// # Errors
    /// Where a table cannot be read.
    pub(crate) fn of(bundle: &Bundle, verdict: &Verdict) -> Result<Self, ReadError> {
        let target = bundle.rows::<TargetRow>()?.into_iter().next().unwrap_or_default();
        let polls: Vec<Timestamp> = bundle.rows::<SnapshotRow>()?.iter().map(|row| row.observed_at).collect();
        let (Some(first), Some(last)) = (polls.first().copied(), polls.last().copied()) else {
            return Ok(Self::default());
        };
        let from = target.deployment_created_at.map_or(first, |at| at.min(first));
        let mut scene =
            Self { from, to: last.max(from.plus_millis(1000)), decided: verdict.as_of, polls, ..Self::default() };
        scene.deployment = scene.deployment_of(&bundle.rows::<DeploymentRow>()?, &target);
        scene.lanes = scene.lanes_of(&bundle.rows::<TaskRow>()?, &bundle.rows::<ContainerRow>()?, &target);
        scene.events = bundle
            .rows::<ServiceEventRow>()?
            .into_iter()
            .filter_map(|event| Some(Mark { at: event.created_at?, text: visible(&event.message), is_bad: false }))
            .filter(|event| event.at >= scene.from && event.at <= scene.to)
            .collect();
        scene.signals = signals(verdict).filter(|mark| mark.at >= scene.from && mark.at <= scene.to).collect();
        scene.gaps = scene.gaps_of(&bundle.rows::<SourceRow>()?);
        scene.before = definition_changes(bundle)?;
        Ok(scene)
    }

    /// The end of what was seen at a moment: the next poll.
    fn next(&self, at: Timestamp) -> Timestamp {
        self.polls.iter().copied().find(|poll| *poll > at).unwrap_or(self.to)
    }

    fn deployment_of(&self, rows: &[DeploymentRow], target: &TargetRow) -> Vec<Span> {
        let judged = rows.iter().filter(|row| Some(&row.deployment_id) == target.deployment_id.as_ref());
        let span = |row: &DeploymentRow| {
            let count = |count: Option<i64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
            let state = row.rollout_state.as_deref().unwrap_or("(no state)");
            let label = format!("{} of {}", count(row.running_count), count(row.desired_count));
            let failed = row.failed_tasks.filter(|failed| *failed > 0).map(|it| format!(", {it} failed"));
            let text =
                format!("{state}: {label} running, {} pending{}", count(row.pending_count), failed.unwrap_or_default());
            let (from, to) = (row.observed_at, self.next(row.observed_at));
            Span { from, to, text, label, is_bad: state == "FAILED" }
        };
        joined(judged.map(span))
    }

    fn lanes_of(&self, tasks: &[TaskRow], containers: &[ContainerRow], target: &TargetRow) -> Vec<Lane> {
        let mut by_task: BTreeMap<&str, Vec<&TaskRow>> = BTreeMap::new();
        tasks.iter().for_each(|row| by_task.entry(&row.task_arn).or_default().push(row));
        let mut last_of: BTreeMap<(&str, &str), &ContainerRow> = BTreeMap::new();
        containers.iter().for_each(|row| _ = last_of.insert((&row.task_arn, &row.container), row));
        let mut lanes: Vec<(Option<Timestamp>, Lane)> = Vec::new();
        for (arn, rows) in by_task {
            let Some(last) = rows.last() else { continue };
            let of_task = last_of.range((arn, "")..).take_while(|((task, _), _)| *task == arn).map(|(_, row)| *row);
            lanes.push((last.created_at, self.lane(&rows, last, &of_task.collect::<Vec<_>>(), target)));
        }
        lanes.sort_by(|a, b| (a.0, &a.1.task).cmp(&(b.0, &b.1.task)));
        lanes.into_iter().map(|(_, lane)| lane).filter(|lane| !lane.spans.is_empty()).collect()
    }

    fn lane(&self, rows: &[&TaskRow], last: &TaskRow, containers: &[&ContainerRow], target: &TargetRow) -> Lane {
        let clamp = |at: Timestamp| at.clamp(self.from, self.to);
        let end = last.stopped_at.map_or(self.to, clamp);
        let created = last.created_at.map_or(self.from, clamp);
        let stopping = last.stopping_at.or(last.execution_stopped_at).or(last.stopped_at).map_or(end, clamp).min(end);
        let running = last.started_at.map_or(stopping, clamp).min(stopping);
        let mut spans = vec![
            (created, running, State::Pending),
            (running, stopping, State::Running),
            (stopping, end, State::Stopping),
        ];
        for row in rows.iter().filter(|row| row.health_status.as_deref() == Some("UNHEALTHY")) {
            let (from, to) = (row.observed_at.max(running), self.next(row.observed_at).min(stopping));
            spans.push((from, to, State::Unhealthy));
        }
        spans.retain(|(from, to, _)| from < to);
        let exit = containers.iter().find_map(|row| {
            let code = row.exit_code.filter(|code| *code != 0)?;
            Some(format!("{} exited with {code}", row.container))
        });
        let failed = matches!(last.stop_code.as_deref(), Some("TaskFailedToStart" | "EssentialContainerExited"));
        let why = [exit, last.stopped_reason.clone()].into_iter().flatten().collect::<Vec<_>>().join("; ");
        Lane {
            task: last.task_id.chars().take(8).collect(),
            revision: last.task_definition.as_deref().map_or_else(|| "?".to_owned(), short),
            is_judged: last.task_definition == target.task_definition,
            spans,
            ended: last.stopped_at.map(|at| (clamp(at), visible(&why))),
            failed,
        }
    }

    fn gaps_of(&self, sources: &[SourceRow]) -> Vec<Span> {
        let incomplete =
            sources.iter().filter(|source| source.status != "complete" && source.status != "not_attempted");
        let texts: BTreeSet<(String, Timestamp)> =
            incomplete.map(|source| (format!("{}: {}", source.operation, source.status), source.observed_at)).collect();
        let span = |(text, from)| Span { from, to: self.next(from), text, label: String::new(), is_bad: false };
        joined(texts.into_iter().map(span))
    }
}

/// Spans of the same text that follow each other are one.
fn joined(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut().filter(|last| last.text == span.text && last.to >= span.from) {
            Some(last) => last.to = last.to.max(span.to),
            None => joined.push(span),
        }
    }
    joined
}

/// Hits of signatures, and rows that failed.
fn signals(verdict: &Verdict) -> impl Iterator<Item = Mark> {
    verdict.checks.iter().filter(|check| check.kind == Kind::Signature).flat_map(|check| {
        let rows = check.rows.iter().filter(|row| matches!(row.status, Status::Pass | Status::Fail));
        rows.filter_map(|row| {
            let text = visible(&format!("{}: {}", check.id, row.reason));
            Some(Mark { at: row.at?, text, is_bad: row.status == Status::Fail })
        })
    })
}
