//! Service events: how far back they reach, and the tasks that they name.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Judged;
use casefile_evidence::tables::SourceRow;

use super::Assembly;
use super::sources::is_of_the_service;

/// `DescribeServices` answers with at most this many events.
const EVENT_LIMIT: usize = 100;

/// ECS is eventually consistent: so long after its event a started task is listed.
const LISTED_AFTER_MS: i64 = 10_000;

/// The service events that were seen.
#[derive(Debug, Default)]
pub(super) struct Events {
    ids: BTreeSet<String>,
    newest: Option<Timestamp>,
    /// From here on no event was missed.
    pub(super) covered_from: Option<Timestamp>,
    begun: bool,
    /// The tasks that the service started, by id, and the time of the event that says so.
    started: BTreeMap<String, Timestamp>,
}

impl Events {
    /// Takes up an event; says whether it is new.
    pub(super) fn take(&mut self, id: &str, message: &str, at: Option<Timestamp>) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        if let Some(at) = at {
            self.started.extend(started_tasks(message).map(|task| (task.to_owned(), at)));
        }
        true
    }

    /// Accounts for one answer. Events before the oldest of a full answer are lost, unless an earlier
    /// answer reaches up to it.
    pub(super) fn cover(&mut self, times: &[Timestamp], count: usize) {
        let oldest = times.iter().min().copied();
        let connected = self.begun && oldest <= self.newest;
        if count >= EVENT_LIMIT && !connected {
            self.covered_from = oldest;
        }
        self.begun = true;
        self.newest = self.newest.max(times.iter().max().copied());
    }
}

/// The tasks of "(service web) has started 2 tasks: (task ...) (task ...)." (AWS documentation, "Amazon ECS service
/// events").
fn started_tasks(message: &str) -> impl Iterator<Item = &str> {
    let named = message.split_once(" has started ").map_or("", |(_, tasks)| tasks);
    named.split("(task ").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

impl Assembly {
    /// Tasks that events name as started since a moment, and that no answer has described. A list may not have a task yet
    /// that was started a moment before.
    pub(super) fn started_and_undescribed(&self, since: Timestamp) -> Vec<&str> {
        let until = self.current.observed_at.plus_millis(-LISTED_AFTER_MS);
        let started = self.events.started.iter().filter(|(_, at)| **at >= since && **at <= until);
        started.map(|(id, _)| id.as_str()).filter(|id| !self.seen.tasks.contains_key(*id)).collect()
    }

    /// ECS forgets a stopped task after an hour. Where the events reach back to the rollout's creation and every task
    /// that they name as started since was described, none was forgotten.
    pub(super) fn cover_tasks_by_events(&self, judged: &Judged, sources: &mut [SourceRow]) {
        let Some(needed) = judged.evidence_from.filter(|_| !self.current.assumed && self.events.begun) else { return };
        let reaches_back = self.events.covered_from.is_none_or(|from| from <= needed);
        let mut own = self.seen.tasks.iter().filter(|(_, task)| {
            self.rollouts.owns(judged, task.origin()) && task.created_at.is_none_or(|created| created >= needed)
        });
        let are_named = own.all(|(id, _)| self.events.started.contains_key(id));
        let is_any_named = self.events.started.values().any(|at| *at >= needed);
        if !reaches_back || !are_named || !is_any_named || !self.started_and_undescribed(needed).is_empty() {
            return;
        }
        for source in sources.iter_mut().filter(|it| it.feeds == "tasks" && is_of_the_service(&it.parameters)) {
            source.covered_from = source.covered_from.map(|from| from.min(needed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_the_tasks_that_were_started() {
        let tasks = |message| started_tasks(message).collect::<Vec<_>>();
        assert_eq!(tasks("(service web) has started 2 tasks: (task 0a1) (task b2)."), ["0a1", "b2"]);
        assert_eq!(tasks("(service web, taskSet ecs-svc/1) has started 1 tasks: (task c3)."), ["c3"]);
        assert!(tasks("(service web) has stopped 1 running tasks: (task 0a1).").is_empty());
        assert!(tasks("(service web) has started 1 tasks: (task ").is_empty());
    }
}
