//! `[collect]` of `casefile.toml`.

use std::collections::BTreeMap;

use casefile_collector::aws::Quotas;
use casefile_collector::collect::LogBudget;
use casefile_collector::document::Operation;
use casefile_collector::normalise::{TaskChoice, TaskSelector};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::span::Span;

/// `[collect]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectSection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) poll: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stable_for: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ingestion_grace: Option<Span>,
    /// The first death of a task is a failure, even if the rollout completes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fail_fast: bool,
    /// Log groups besides those that the task definitions name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) log_groups: Vec<String>,
    /// One-off tasks besides the service's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tasks: Vec<OneOffTasks>,
    /// Whether Logs Insights reads log groups of the class INFREQUENT_ACCESS. It costs by the bytes that it scans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) logs_insights: Option<bool>,
    /// The share of AWS's quotas that is used, above 0 and at most 1; the rest is left to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quota_share: Option<f64>,
    /// Quotas of the account that differ from AWS's own, in calls a second, by operation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) quotas: BTreeMap<String, f64>,
    /// No more log lines than this are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_lines: Option<u64>,
    /// No more bytes of log lines than this are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_log_bytes: Option<u64>,
}

/// `[[collect.tasks]]`: one-off tasks, by their family or by who started them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOffTasksAsWritten", into = "OneOffTasksAsWritten")]
pub(crate) struct OneOffTasks {
    pub(crate) selector: TaskSelector,
    since: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneOffTasksAsWritten {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_by: Option<String>,
    /// How long before the deployment's creation they may have been started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Span>,
}

impl TryFrom<OneOffTasksAsWritten> for OneOffTasks {
    type Error = String;

    fn try_from(written: OneOffTasksAsWritten) -> Result<Self, String> {
        let OneOffTasksAsWritten { family, started_by, since } = written;
        let selector = match (family, started_by) {
            (Some(family), None) if !family.trim().is_empty() => TaskSelector::family(family),
            (None, Some(started_by)) if !started_by.trim().is_empty() => TaskSelector::started_by(started_by),
            _ => return Err("collect.tasks names tasks by either family = \"...\" or started_by = \"...\"".to_owned()),
        };
        let selector = match since {
            Some(span) => selector.since_ms(i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX)),
            None => selector,
        };
        Ok(Self { selector, since })
    }
}

impl From<OneOffTasks> for OneOffTasksAsWritten {
    fn from(tasks: OneOffTasks) -> Self {
        let (family, started_by) = match tasks.selector.choice {
            TaskChoice::Family(family) => (Some(family), None),
            TaskChoice::StartedBy(started_by) => (None, Some(started_by)),
        };
        Self { family, started_by, since: tasks.since }
    }
}

impl CollectSection {
    /// How fast AWS may be asked.
    pub(crate) fn quotas(&self) -> Result<Quotas, Error> {
        let mut quotas = Quotas::default();
        if let Some(share) = self.quota_share {
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::usage(format!("[collect] quota_share = {share} is not above 0 and at most 1")));
            }
            quotas.share = share;
        }
        for (name, rate) in &self.quotas {
            let operation = Operation::by_name(name).filter(|operation| operation.is_asked()).ok_or_else(|| {
                let asked = Operation::ALL.iter().filter(|operation| operation.is_asked());
                let known: Vec<&str> = asked.map(|operation| operation.name()).collect();
                Error::usage(format!(
                    "[collect.quotas] {name} is no operation that is asked; they are {}",
                    known.join(", ")
                ))
            })?;
            if !(*rate > 0.0 && rate.is_finite()) {
                return Err(Error::usage(format!("[collect.quotas] {name} = {rate}: write calls a second, above 0")));
            }
            quotas.own.insert(operation, *rate);
        }
        Ok(quotas)
    }

    pub(crate) fn budget(&self) -> LogBudget {
        LogBudget { lines: self.max_lines, bytes: self.max_log_bytes }
    }

    pub(crate) fn selectors(&self) -> Vec<TaskSelector> {
        self.tasks.iter().map(|tasks| tasks.selector.clone()).collect()
    }
}
