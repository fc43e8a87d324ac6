//! The sixth layer: what a query may cost.

use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

/// What one query may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes that its operators may hold.
    pub(crate) memory: usize,
    /// How long it may run.
    pub(crate) time: Duration,
    /// How many rows it may give.
    pub(crate) rows: usize,
}

/// A query that was planned did not give its rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunError {
    #[error("it ran longer than {} s and was stopped; make it read less, or raise the time limit", .0.as_secs())]
    Time(Duration),
    #[error("it needed more than {} MiB of memory and was stopped; make it hold less, or raise the memory limit", .0 >> 20)]
    Memory(usize),
    #[error("it gave more than {0} rows and was stopped; give one row for each resource, or raise the row limit")]
    Rows(usize),
    #[error("{0}")]
    Engine(String),
}

/// Runs a plan to its end, within its limits.
///
/// May be cancelled: nothing outlives it.
pub(crate) async fn collect(
    context: &SessionContext,
    plan: LogicalPlan,
    limits: &Limits,
) -> Result<Vec<RecordBatch>, RunError> {
    let run = async {
        let frame = DataFrame::new(context.state(), plan);
        let mut stream = frame.execute_stream().await.map_err(|error| engine(&error, limits))?;
        let mut batches = Vec::new();
        let mut rows = 0;
        while let Some(batch) = stream.try_next().await.map_err(|error| engine(&error, limits))? {
            rows += batch.num_rows();
            if rows > limits.rows {
                return Err(RunError::Rows(limits.rows));
            }
            batches.push(batch);
        }
        Ok(batches)
    };
    tokio::time::timeout(limits.time, run).await.unwrap_or(Err(RunError::Time(limits.time)))
}

fn engine(error: &DataFusionError, limits: &Limits) -> RunError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => RunError::Memory(limits.memory),
        other => RunError::Engine(other.strip_backtrace()),
    }
}
