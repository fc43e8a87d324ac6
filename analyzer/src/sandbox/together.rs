//! Bundles that are judged together: each of them waits for its next query until all of them wait, and each query runs once
//! for all bundles that wait for it.
//!
//! Starting a query costs more than running it over a small bundle. The rows are the same, and so are the verdicts.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::late_query::LateQuery;
use super::late_table::Contents;
use super::run::{Limits, RunError};

/// Bundles that are judged together.
#[derive(Debug, Clone, Default)]
pub struct Together(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// How many bundles are judged.
    seats: usize,
    requests: Vec<Request>,
}

type Answer = Result<Vec<RecordBatch>, RunError>;

#[derive(Debug)]
struct Request {
    query: Arc<LateQuery>,
    contents: Arc<Contents>,
    limits: Limits,
    /// Of the bundle that waits.
    runtime: Handle,
    answer: oneshot::Sender<Answer>,
}

/// With fewer bundles, one run for all of them takes no less time than one for each.
const FEWEST: usize = 4;

/// Each of them may hold as much memory as a query may.
const ALONE_AT_ONCE: usize = 2;

/// The place of one bundle, until it is judged: the others wait for it.
#[derive(Debug)]
#[must_use = "the others wait for a bundle as long as it has a seat"]
pub struct Seat(Together);

impl PartialEq for Together {
    /// Whether these are the same bundles.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Together {}

impl Together {
    /// The place of one bundle. Take all of them before the first bundle is judged.
    pub fn seat(&self) -> Seat {
        self.waiting().seats += 1;
        Seat(self.clone())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn run(&self, query: &Arc<LateQuery>, contents: &Arc<Contents>, limits: &Limits) -> Answer {
        let (answer, answered) = oneshot::channel();
        let (query, contents, limits) = (Arc::clone(query), Arc::clone(contents), *limits);
        let runtime = Handle::current();
        self.waiting().requests.push(Request { query, contents, limits, runtime, answer });
        self.serve_if_all_wait();
        answered.await.unwrap_or(Err(RunError::NoAnswer))
    }

    fn serve_if_all_wait(&self) {
        let mut requests = {
            let mut waiting = self.waiting();
            if waiting.requests.len() < waiting.seats {
                return;
            }
            take(&mut waiting.requests)
        };
        requests.retain(Request::is_awaited);
        while let Some(last) = requests.pop() {
            let is_same = |other: &mut Request| Arc::ptr_eq(&other.query, &last.query) && other.limits == last.limits;
            let mut same: Vec<Request> = requests.extract_if(.., is_same).collect();
            let runtime = last.runtime.clone();
            same.push(last);
            runtime.spawn(serve(same));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.waiting().seats -= 1;
        self.0.serve_if_all_wait();
    }
}

/// Runs one query for some bundles, each of which waits.
async fn serve(requests: Vec<Request>) {
    let is_small = |request: &Request| request.query.tables().iter().all(|table| request.contents.is_small(table));
    let (small, mut alone): (Vec<_>, Vec<_>) = requests.into_iter().partition(is_small);
    match small.first() {
        Some(first) if small.len() >= FEWEST => {
            let many = small.iter().map(|request| Arc::clone(&request.contents)).collect();
            match first.query.run_for_many(many, &first.limits).await {
                Some(rows) => {
                    for (request, rows) in small.into_iter().zip(rows) {
                        request.tell(Ok(rows));
                    }
                }
                None => alone.extend(small),
            }
        }
        _ => alone.extend(small),
    }
    let alone = alone.into_iter().map(Request::run_alone);
    futures::stream::iter(alone).buffer_unordered(ALONE_AT_ONCE).for_each(async |()| {}).await;
}

impl Request {
    fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }

    async fn run_alone(mut self) {
        // It ends with the bundle that waits.
        let answer = tokio::select! {
            biased;
            () = self.answer.closed() => return,
            answer = self.query.alone(&self.contents, &self.limits) => answer,
        };
        self.tell(answer);
    }

    fn tell(self, answer: Answer) {
        // The receiver may be gone.
        let _ = self.answer.send(answer);
    }
}
