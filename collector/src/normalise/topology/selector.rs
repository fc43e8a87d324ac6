//! One-off tasks (migrations and the like) that are evidence besides the service's own.

use std::fmt;

use casefile_evidence::Timestamp;
use casefile_evidence::tables::TaskSelectorRow;

use super::SeenTask;

/// Which one-off tasks are collected. It shows as its text, e.g. `family shop-migrate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSelector {
    /// By what they are chosen.
    pub choice: TaskChoice,
    /// How long before the deployment's creation such a task may have been created, in milliseconds: an
    /// older one belongs to another release.
    pub since_ms: i64,
}

/// By what one-off tasks are chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChoice {
    /// By the family of their task definition, whoever started them.
    Family(String),
    /// By their `startedBy`.
    StartedBy(String),
}

impl TaskSelector {
    /// An hour: as long as ECS remembers a stopped task.
    pub const DEFAULT_SINCE_MS: i64 = 60 * 60 * 1000;

    /// The tasks of a task definition family.
    pub fn family(family: impl Into<String>) -> Self {
        Self { choice: TaskChoice::Family(family.into()), ..Self::default() }
    }

    /// The tasks that somebody started under this name.
    pub fn started_by(started_by: impl Into<String>) -> Self {
        Self { choice: TaskChoice::StartedBy(started_by.into()), ..Self::default() }
    }

    /// So long before the deployment's creation.
    #[must_use]
    pub fn since_ms(self, since_ms: i64) -> Self {
        Self { since_ms, ..self }
    }

    /// Whether it chooses a task, whenever that was created. A service's tasks are never chosen.
    pub(super) fn chooses(&self, task: &SeenTask) -> bool {
        if task.is_of_service() {
            return false;
        }
        match &self.choice {
            TaskChoice::Family(family) => {
                let grouped = task.group.as_deref().and_then(|group| group.strip_prefix("family:"));
                !family.is_empty() && (grouped == Some(family) || task.family() == Some(family))
            }
            TaskChoice::StartedBy(started_by) => {
                !started_by.is_empty() && task.started_by.as_deref() == Some(started_by)
            }
        }
    }

    /// The request's field and value that ask for such tasks.
    pub(crate) fn filter(&self) -> (&'static str, &str) {
        match &self.choice {
            TaskChoice::Family(family) => ("family", family),
            TaskChoice::StartedBy(started_by) => ("startedBy", started_by),
        }
    }

    pub(crate) fn row(&self, snapshot: i64, observed_at: Timestamp) -> TaskSelectorRow {
        let (family, started_by) = match &self.choice {
            TaskChoice::Family(family) => (Some(family.clone()), None),
            TaskChoice::StartedBy(started_by) => (None, Some(started_by.clone())),
        };
        TaskSelectorRow {
            selector: self.to_string(),
            snapshot,
            observed_at,
            family,
            started_by,
            since_ms: self.since_ms,
        }
    }
}

impl Default for TaskSelector {
    /// Chooses nothing, with the usual time.
    fn default() -> Self {
        Self { choice: TaskChoice::Family(String::new()), since_ms: Self::DEFAULT_SINCE_MS }
    }
}

impl fmt::Display for TaskSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.choice {
            TaskChoice::Family(family) => write!(f, "family {family}"),
            TaskChoice::StartedBy(started_by) => write!(f, "startedBy {started_by}"),
        }
    }
}
