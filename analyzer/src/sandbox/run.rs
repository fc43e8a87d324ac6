//! The sixth layer: limits on time, memory and rows.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions, reset_plan_states};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::threads::{Done, RUNNING};
use super::words;

/// The limits of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Bytes that its operators may hold.
    pub(crate) memory: usize,
    /// Bytes that its rows may be.
    pub(crate) answer: usize,
    /// How long it may run.
    pub(crate) time: Duration,
    /// How many rows it may give.
    pub(crate) rows: usize,
}

/// A query that was planned did not give its rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub(crate) enum RunError {
    #[error("it ran longer than {} s and was stopped; make it read less", .0.as_secs())]
    Time(Duration),
    #[error("it needed more than {} MiB of memory and was stopped; make it hold less", .0 >> 20)]
    Memory(usize),
    #[error("it gave more than {0} rows and was stopped; give one row for each resource")]
    Rows(usize),
    #[error("its rows are more than {} MiB and it was stopped; give shorter texts", .0 >> 20)]
    Answer(usize),
    #[error("it is nested too deeply and was stopped; make it simpler")]
    Nested,
    #[error("it ended without an answer, which is a fault of the engine; make it simpler")]
    NoAnswer,
    /// Said in words of our own, which no other version of the engine changes: they stand in verdicts.
    #[error("{words}")]
    Engine {
        words: String,
        /// The engine's own message, for the author of the query.
        said: String,
    },
    #[error("nothing could be started to run it in: {0}")]
    Start(String),
}

const UNKNOWN: &str = "the engine could not run it; `casefile query` with the same SQL prints the engine's message";

type Answer = Result<Vec<RecordBatch>, RunError>;

/// Runs a plan, which [`yielding`] has seen, to its end, within its limits.
///
/// It has a thread and a scheduler for itself: a join that never yields cannot hold up the caller, and
/// parallel queries cannot change the order in which its parts run.
///
/// May be cancelled: the query ends at the next batch, and nothing else outlives it.
pub(crate) async fn collect(task: Arc<TaskContext>, plan: Arc<dyn ExecutionPlan>, limits: &Limits) -> Answer {
    // The state of earlier runs.
    let plan = reset_plan_states(plan).map_err(|error| engine(&error, limits))?;
    let (answer, answered) = oneshot::channel();
    let limits = *limits;
    RUNNING
        .run(move |runtime| alone(runtime, task, plan, limits, answer))
        .map_err(|error| RunError::Start(error.to_string()))?;
    match tokio::time::timeout(limits.time, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(RunError::NoAnswer),
        Err(_) => Err(RunError::Time(limits.time)),
    }
}

/// It ends when the receiver is dropped.
fn alone(
    runtime: &Runtime,
    task: Arc<TaskContext>,
    plan: Arc<dyn ExecutionPlan>,
    limits: Limits,
    mut answer: oneshot::Sender<Answer>,
) -> Done {
    let result = runtime.block_on(async {
        tokio::select! {
            biased;
            () = answer.closed() => None,
            result = started(task, plan, &limits) => Some(result),
        }
    });
    let is_whole = matches!(result, Some(Ok(_)));
    let tell = move || {
        if let Some(result) = result {
            // The receiver may be gone.
            let _ = answer.send(result);
        }
    };
    Done { tell: Box::new(tell), is_whole }
}

async fn started(task: Arc<TaskContext>, plan: Arc<dyn ExecutionPlan>, limits: &Limits) -> Answer {
    drain(execute_stream(plan, task).map_err(|error| engine(&error, limits))?, limits).await
}

/// The rows of a stream, within the limits on them.
pub(crate) async fn drain(mut stream: SendableRecordBatchStream, limits: &Limits) -> Answer {
    let mut batches = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    while let Some(batch) = stream.try_next().await.map_err(|error| engine(&error, limits))? {
        rows += batch.num_rows();
        if rows > limits.rows {
            return Err(RunError::Rows(limits.rows));
        }
        bytes += batch.get_array_memory_size();
        if bytes > limits.answer {
            return Err(RunError::Answer(limits.answer));
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// The plan with operators that yield regularly. The engine sees to the yielding at the leaves only, and a join makes
/// many batches of few.
///
/// Done once, when the query is planned. Such an operator has the properties of the one below it.
pub(super) fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let inputs: Vec<_> = plan.children().into_iter().cloned().map(yielding).collect::<Result<_, _>>()?;
    let plan = match inputs.is_empty() {
        true => plan,
        false => plan.replace_children(inputs, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))?,
    };
    Ok(if yields(&plan) { plan } else { Arc::new(CooperativeExec::new(plan)) })
}

/// Whether an operator yields by itself, or as often as the operators that it reads from.
fn yields(node: &Arc<dyn ExecutionPlan>) -> bool {
    let passes_batches_on = node.is::<FilterExec>() || node.is::<ProjectionExec>() || node.is::<UnionExec>();
    passes_batches_on || node.is::<CooperativeExec>() || node.children().is_empty()
}

fn engine(error: &DataFusionError, limits: &Limits) -> RunError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => RunError::Memory(limits.memory),
        other => RunError::Engine {
            words: words::of_value(other).unwrap_or_else(|| UNKNOWN.to_owned()),
            said: other.strip_backtrace(),
        },
    }
}
