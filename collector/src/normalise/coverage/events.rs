//! Service events: how far back they reach, and the tasks that they name.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;

/// `DescribeServices` answers with at most this many events.
const EVENT_LIMIT: usize = 100;

/// The service events that were seen.
#[derive(Debug, Default)]
pub(crate) struct Events {
    ids: BTreeSet<String>,
    newest: Option<Timestamp>,
    /// From here on no event was missed.
    pub(crate) covered_from: Option<Timestamp>,
    /// Whether any answer had the list of events.
    pub(crate) begun: bool,
    /// The tasks that the service started, by id, and the time of the event that says so.
    pub(crate) started: BTreeMap<String, Timestamp>,
}

impl Events {
    /// Takes up an event; says whether it is new.
    pub(crate) fn take(&mut self, id: &str, message: &str, at: Option<Timestamp>) -> bool {
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
    pub(crate) fn cover(&mut self, times: &[Timestamp], count: usize) {
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
