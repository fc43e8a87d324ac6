//! Which tasks, and so which lines, a signature is about; and when a line was really written.

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Judged;
use casefile_evidence::tables::TargetRow;

use super::Pattern;
use super::matcher::{Found, Match, Place};
use crate::coverage::Coverage;
use crate::tasks::{Task, Tasks};

/// What a signature is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) tasks: &'a Tasks,
    pub(crate) target: &'a TargetRow,
    pub(crate) coverage: &'a Coverage<'a>,
    /// The rollout that is judged.
    pub(crate) judged: &'a Judged,
    /// Whether the collection has ended: nothing more will come.
    pub(crate) ended: bool,
    /// Whether the service wants no task at all: then nobody is to log anything.
    pub(crate) wants_none: bool,
}

impl Pattern {
    /// Whether a task is one whose lines count.
    pub(crate) fn is_about(&self, task: &Task) -> bool {
        task.is_of(self.family.as_deref())
    }

    /// Whether lines from a place count. Without a known writer they do only where the signature asks for
    /// just this log group.
    pub(super) fn counts(&self, place: &Place, tasks: &Tasks) -> bool {
        match place.task_id.as_deref().and_then(|id| tasks.get(id)) {
            Some(task) => self.is_about(task),
            None => self.takes_unattributed(),
        }
    }

    pub(crate) fn takes_unattributed(&self) -> bool {
        self.log_group.is_some() && self.family.is_none()
    }

    /// The tasks whose lines count, by id.
    pub(super) fn tasks<'a>(&'a self, tasks: &'a Tasks) -> impl Iterator<Item = (&'a str, &'a Task)> {
        tasks.all().filter(|(_, task)| self.is_about(task))
    }
}

impl<'a> Scene<'a> {
    pub(super) fn task_of(&self, place: &Place) -> Option<&'a Task> {
        self.tasks.get(place.task_id.as_deref()?)
    }

    /// The lines of a place that count, of those that were kept. Who wrote a line is known by its stream, so
    /// only lines without a known writer are told from older ones by their time.
    pub(super) fn lines<'f>(&self, place: &Place, found: &'f Found) -> impl Iterator<Item = &'f Match> + use<'f> {
        // Where nothing was deployed, a task's older lines are of the rollout that is no news.
        let since = match self.task_of(place) {
            Some(_) if !self.judged.nothing_deployed => None,
            _ => self.judged.evidence_from,
        };
        found.kept.iter().filter(move |line| since.is_none_or(|since| line.timestamp >= since))
    }

    /// When a line was written, as far as the clocks agree: not after it was taken in, and not before its task
    /// was created. What a clock is off by must not make a line early or late.
    pub(super) fn written_at(&self, line: &Match, task: Option<&Task>) -> Timestamp {
        let mut at = line.timestamp;
        if let Some(created_at) = task.and_then(|task| task.created_at) {
            at = at.max(created_at);
        }
        line.ingestion_time.map_or(at, |ingested| at.min(ingested))
    }
}
