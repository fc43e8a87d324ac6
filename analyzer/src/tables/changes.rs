//! Rows that say the same of a thing poll after poll: while a collection runs, the first and the last of them are kept.

use std::collections::HashMap;

use casefile_evidence::Timestamp;
use casefile_evidence::tables::{ContainerRow, SourceRow, TargetHealthRow, TaskRow};

/// A row that tells of a thing at a moment.
pub(crate) trait State: Clone + PartialEq {
    /// What tells things apart.
    type Key: Eq + std::hash::Hash;

    fn key(&self) -> Self::Key;

    /// The row without when it was observed, and without what differs from poll to poll.
    fn state(&self) -> Self;
}

/// The states of things, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Changes<R: State> {
    kept: Vec<R>,
    /// Of each thing its state, and the last row that says so, where that is not its first.
    last: HashMap<R::Key, (R, Option<R>)>,
}

impl<R: State> Default for Changes<R> {
    fn default() -> Self {
        Self { kept: Vec::new(), last: HashMap::new() }
    }
}

impl<R: State> Changes<R> {
    pub(crate) fn push(&mut self, row: R) {
        let (key, state) = (row.key(), row.state());
        match self.last.get_mut(&key) {
            Some((known, last)) if *known == state => *last = Some(row),
            known => {
                self.kept.extend(known.and_then(|(_, last)| last.take()));
                self.kept.push(row);
                self.last.insert(key, (state, None));
            }
        }
    }

    /// The rows that are kept, in no order.
    pub(crate) fn rows(&self) -> Vec<R> {
        self.kept.iter().chain(self.last.values().filter_map(|(_, last)| last.as_ref())).cloned().collect()
    }
}

impl State for TaskRow {
    type Key = String;

    fn key(&self) -> String {
        self.task_arn.clone()
    }

    fn state(&self) -> Self {
        Self { snapshot: 0, observed_at: Timestamp(0), ..self.clone() }
    }
}

impl State for ContainerRow {
    type Key = (String, String);

    fn key(&self) -> Self::Key {
        (self.task_arn.clone(), self.container.clone())
    }

    fn state(&self) -> Self {
        Self { snapshot: 0, observed_at: Timestamp(0), ..self.clone() }
    }
}

impl State for TargetHealthRow {
    type Key = (String, String, Option<i64>);

    fn key(&self) -> Self::Key {
        (self.target_group_arn.clone().unwrap_or_default(), self.target_id.clone(), self.port)
    }

    fn state(&self) -> Self {
        Self { snapshot: 0, observed_at: Timestamp(0), ..self.clone() }
    }
}

impl State for SourceRow {
    type Key = (String, String, String);

    fn key(&self) -> Self::Key {
        (self.feeds.clone(), self.operation.clone(), self.parameters.clone())
    }

    fn state(&self) -> Self {
        let (pages, rows, covered_to) = (0, 0, None);
        Self { snapshot: 0, observed_at: Timestamp(0), pages, rows, covered_to, ..self.clone() }
    }
}
