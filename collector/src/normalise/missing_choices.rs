//! What was chosen in the config and no document tells of: one-off tasks and log groups.

use casefile_evidence::tables::SourceRow;
use serde_json::{Value, json};

use super::Assembly;
use super::coverage::of_class;
use super::log_group_id::cli_option;
use super::selector::TaskSelector;
use super::sources::{self, Key};
use crate::document::Operation;

impl Assembly {
    /// The one-off tasks that are collected besides the service's own.
    pub fn selectors(&self) -> &[TaskSelector] {
        &self.about.tasks
    }

    /// Chosen tasks that were never listed, and chosen log groups that were never read.
    pub(super) fn never_chosen(&self) -> Vec<SourceRow> {
        let mut rows = Vec::new();
        for selector in &self.about.tasks {
            rows.extend(["RUNNING", "STOPPED"].into_iter().filter_map(|status| self.never_listed(selector, status)));
        }
        for (key, group) in self.unread_groups() {
            let since = self.logs_since().as_millis();
            let (error, remedy) = match self.logs.unreadable.get(&group) {
                Some(class) => of_class(&group, class),
                None => (
                    format!("no answer about log group {group} is there"),
                    format!("aws logs filter-log-events {} --start-time {since}", cli_option(&group)),
                ),
            };
            rows.push(SourceRow {
                status: "missing".to_owned(),
                log_group: Some(group.clone()),
                error: Some(error),
                remedy: Some(remedy),
                ..self.row(&key)
            });
        }
        rows.extend(self.unread_of_groups());
        rows
    }

    fn never_listed(&self, selector: &TaskSelector, status: &str) -> Option<SourceRow> {
        let (field, value) = selector.filter();
        let listed = self.ledger.was_asked(|key| {
            let asked = key.parameter("desiredStatus");
            // RUNNING is what AWS takes where nothing is said.
            key.operation == Operation::ListTasks.name()
                && key.parameter(field).as_deref() == Some(value)
                && asked.as_deref().unwrap_or("RUNNING") == status
        });
        // A bare document does not say whose tasks were asked for: that some came is all that tells.
        let bare = |operation: Operation| self.sources.was_assumed(operation);
        let text = selector.to_string();
        let came = self.seen.tasks.values().any(|task| task.selected_by.as_ref() == Some(&text));
        if listed || came && (bare(Operation::DescribeTasks) || bare(Operation::ListTasks)) {
            return None;
        }
        let cluster = self.about.cluster.as_deref().unwrap_or("CLUSTER");
        let flag = if field == "family" { "--family" } else { "--started-by" };
        let parameters = Value::Object(
            [(field.to_owned(), json!(value)), ("desiredStatus".to_owned(), json!(status))].into_iter().collect(),
        );
        let key = Key {
            feeds: Operation::ListTasks.feeds(),
            operation: Operation::ListTasks.name(),
            parameters: parameters.to_string(),
        };
        Some(SourceRow {
            status: "missing".to_owned(),
            error: Some(format!("the {status} tasks of {text} were never listed")),
            remedy: Some(format!(
                "aws ecs list-tasks --cluster {cluster} {flag} {value} --desired-status {status}, and describe-tasks"
            )),
            ..self.row(&key)
        })
    }

    /// Streams of a chosen log group that have lines of the deployment's time, and were never read.
    fn unread_of_groups(&self) -> Vec<SourceRow> {
        let since = self.logs_since();
        let claims =
            self.logs.claims.iter().filter(|((group, _), claimed)| self.is_extra_group(group) && **claimed >= since);
        claims
            .filter_map(|((group, stream), claimed)| {
                let key = Key::of_stream(group, stream);
                if self.ledger.knows(&key) {
                    return None;
                }
                let (container, task_id) = self.seen.writer_of(group, stream);
                Some(SourceRow {
                    status: "missing".to_owned(),
                    log_group: Some(group.clone()),
                    log_stream: Some(stream.clone()),
                    container,
                    task_id,
                    error: Some(format!("the stream has lines up to {claimed}, and was not read")),
                    remedy: Some(format!(
                        "aws logs get-log-events {} --log-stream-name {stream} --start-from-head",
                        cli_option(group)
                    )),
                    ..self.row(&key)
                })
            })
            .collect()
    }

    /// A row of `sources` of this snapshot.
    pub(super) fn row(&self, key: &Key) -> SourceRow {
        sources::row(key, self.current.snapshot, self.current.observed_at)
    }
}
