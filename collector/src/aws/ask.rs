//! One function an operation: it asks, pages to the end, and hands each answer over as it comes.
//!
//! An answer is handed over once, errors included, before the next is asked for; nothing of it is kept
//! here but names and tokens, so memory stays flat however long a list or a log stream is.
//!
//! Every function only reads, and may be cancelled at any point: what was handed over stays, and the
//! answer under way is lost.

mod cloudwatch;
mod ecs;
mod insights;
mod lines;
mod load_balancing;
mod logs;
mod names;

use std::collections::BTreeSet;
use std::future::Future;

use futures::StreamExt;
use serde_json::{Map, Value};

use crate::document::{Answer, ApiError, Document, Outcome};

pub use cloudwatch::describe_alarms;
pub use ecs::{
    TaskFilter, TaskStatus, describe_service_deployments, describe_service_revisions, describe_services,
    describe_task_definition, describe_task_sets, describe_tasks, list_service_deployments, list_tasks,
};
pub use insights::{LineQuery, Queried, query_lines};
pub use lines::{Lines, LogCursor, STREAMS_AT_ONCE, read_lines};
pub use load_balancing::{describe_instance_health, describe_target_health};
pub use logs::{LogGroup, describe_log_group, describe_log_streams, describe_newest_log_streams};
pub use names::{cluster_names, nearest, service_names};

/// Takes each answer as it comes.
pub type OnDocument<'a> = &'a mut (dyn FnMut(Document) + Send);

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<T = ()> {
    /// The answers that came, errors not counted.
    pub pages: u32,
    /// The error that ended it; the pages before it were handed over.
    pub error: Option<ApiError>,
    /// What was found, as far as it came.
    pub found: T,
}

impl<T> Asked<T> {
    /// It was asked to the end: what was not found is not there.
    pub const fn is_complete(&self) -> bool {
        self.error.is_none()
    }
}

/// No list that ends has more pages. At 10,000 events a page it is far more than a log stream takes.
const MOST_PAGES: u32 = 100_000;

/// Pages as they come, and whether they still get anywhere.
#[derive(Default)]
struct Pages {
    pages: u32,
    error: Option<ApiError>,
    tokens: BTreeSet<String>,
}

impl Pages {
    /// Takes an answer. `None` where it was an error, which ends it.
    fn take<R>(&mut self, document: Document, on: OnDocument<'_>, read: impl FnOnce(&Answer) -> R) -> Option<R> {
        let read = self.count(&document).map(read);
        on(document);
        read
    }

    /// Counts an answer, and gives it. `None` where it is an error, which ends it.
    fn count<'d>(&mut self, document: &'d Document) -> Option<&'d Answer> {
        match &document.outcome {
            Outcome::Response(response) => {
                self.pages += 1;
                Some(response)
            }
            Outcome::Error(error) => {
                self.error = Some(error.clone());
                None
            }
        }
    }

    /// The token leads to a page that was not seen yet.
    fn leads_on(&mut self, token: &str) -> bool {
        if self.pages < MOST_PAGES && self.tokens.insert(token.to_owned()) {
            return true;
        }
        let message =
            format!("the pages do not end: after {} of them a token came back that had led on before", self.pages);
        self.error = Some(ApiError { code: ApiError::ENDLESS_PAGES.to_owned(), message });
        false
    }

    fn asked<T>(self, found: T) -> Asked<T> {
        Asked { pages: self.pages, error: self.error, found }
    }
}

/// Asks until an answer carries no `nextToken`. `read` sees each page.
async fn all<F: Future<Output = Document>>(
    on: OnDocument<'_>,
    ask: impl Fn(Option<String>) -> F,
    mut read: impl FnMut(&Map<String, Value>),
) -> Asked {
    let mut pages = Pages::default();
    let mut token = None;
    loop {
        let document = ask(token.take()).await;
        let next = pages.take(document, on, |page| {
            read(&page.fields);
            text(&page.fields, "nextToken")
        });
        match next.flatten() {
            Some(next) if pages.leads_on(&next) => token = Some(next),
            _ => return pages.asked(()),
        }
    }
}

/// Batches that are asked for at the same time. They are handed over in their order.
const AT_ONCE: usize = 4;

/// Asks once for each batch, and stops at an error.
async fn batches<F: Future<Output = Document>>(
    on: OnDocument<'_>,
    names: &[String],
    size: usize,
    ask: impl Fn(Vec<String>) -> F,
) -> Asked {
    let mut pages = Pages::default();
    let batches = names.chunks(size).map(|batch| ask(batch.to_vec()));
    let mut answers = futures::stream::iter(batches).buffered(AT_ONCE);
    while let Some(document) = answers.next().await {
        if pages.take(document, on, |_| ()).is_none() {
            break;
        }
    }
    pages.asked(())
}

/// A text that is there and not empty.
fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The texts of a list.
fn texts<'v>(object: &'v Map<String, Value>, key: &str) -> impl Iterator<Item = &'v str> {
    object.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
