//! What each kind of document adds: rows, what exists by them, and how far that is known.

mod alarms;
mod delivered;
mod log_lines;
mod log_lists;
mod query_results;
mod services;
mod target_health;
mod task_definitions;
mod tasks;

use super::coverage::{Key, Page};
use super::fields::Fields;
use super::{Assembly, Remarks};
use crate::document::{Document, Operation};

use alarms::watched_alarms;
pub(super) use delivered::DeliveredTasks;
pub(crate) use log_lists::is_older;

impl Assembly {
    /// Takes up a document by its operation.
    pub(super) fn document(&mut self, document: Document) {
        if document.operation.is_of_lines() {
            return self.log_events(document);
        }
        let document = &document;
        match document.operation {
            Operation::StartQuery => self.query_started(document),
            Operation::DescribeServices => self.services(document),
            Operation::DescribeTaskSets => self.task_sets(document),
            Operation::ListServiceDeployments | Operation::DescribeServiceDeployments => {
                self.service_deployments(document);
            }
            Operation::DescribeServiceRevisions => self.service_revisions(document),
            Operation::DescribeTaskDefinition => self.task_definition(document),
            Operation::ListTasks => self.listed_tasks(document),
            Operation::EventBridge => self.delivered(document),
            Operation::DescribeTasks => self.tasks(document),
            Operation::DescribeTargetHealth => self.target_health(document),
            Operation::DescribeInstanceHealth => self.instance_health(document),
            Operation::DescribeAlarms => self.alarms(document),
            Operation::DescribeLogGroups => self.described_groups(document),
            Operation::DescribeLogStreams => self.log_streams(document),
            Operation::FilterLogEvents | Operation::GetLogEvents | Operation::GetQueryResults => {}
        }
    }

    /// Accounts for a document whose answer is whole where it does not say that more follows.
    fn account(&mut self, feeds: &'static str, document: &Document, rows: usize, problem: Option<String>) {
        self.account_for(Key::of(feeds, document), document, rows, problem);
    }

    fn account_for(&mut self, key: Key, document: &Document, rows: usize, problem: Option<String>) {
        let page = Page {
            rows,
            last: document.is_last_page(),
            problem,
            covered_to: Some(self.current.observed_at),
            ..Page::default()
        };
        self.coverage.ledger.page(key, document, page);
    }
}

/// `failures[]` of a Describe answer, in words.
fn failures(answer: Fields<'_>, remarks: &mut Remarks) -> Option<String> {
    let failures = answer.list("failures", remarks);
    let words: Vec<String> = failures
        .iter()
        .map(|failure| {
            let arn = failure.text("arn", remarks).unwrap_or_default();
            let reason = failure.text("reason", remarks).unwrap_or_default();
            format!("{arn}: {reason}")
        })
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}
