//! Judging as work of the operator: digests of bundles in, outcomes out.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::cast::as_string_array;
use futures::{StreamExt, stream};

use super::{Judging, Outcome};
#[cfg(feature = "cluster")]
use crate::cluster::WorkRequest;
use crate::error::Error;
use crate::operator::{Work, WorkRows};

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![text("bundle", false), text("outcome", true), text("problem", true)]))
});

/// The most bundles that are judged together. Larger groups are not faster, and take more memory.
const AT_ONCE: usize = 24;

impl Work for Judging {
    /// The columns: the bundle's digest; its outcome as JSON; why there is none. Neither of these: it has no verdict to compare
    /// with.
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn together(&self) -> usize {
        AT_ONCE
    }

    fn rows(self: Arc<Self>, bundles: Vec<String>) -> WorkRows {
        stream::once(async move { self.judge(bundles).await }).boxed()
    }

    #[cfg(feature = "cluster")]
    fn request(&self) -> WorkRequest {
        WorkRequest::Judge(Box::new(self.job().clone()))
    }
}

impl Judging {
    /// A bundle that cannot be judged is a row. An error is what no bundle can be judged with.
    async fn judge(&self, bundles: Vec<String>) -> Result<RecordBatch, Error> {
        let (mut outcomes, mut problems) = (Vec::new(), Vec::new());
        for outcome in self.backtest().await?.judge_bundles(&bundles).await {
            let outcome = outcome.map(|outcome| outcome.as_ref().map(serde_json::to_string).transpose());
            let (outcome, problem) = match outcome {
                Ok(outcome) => (outcome.map_err(Error::internal)?, None),
                Err(error) => (None, Some(error.to_string())),
            };
            outcomes.push(outcome);
            problems.push(problem);
        }
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(StringArray::from(bundles)),
            Arc::new(StringArray::from(outcomes)),
            Arc::new(StringArray::from(problems)),
        ];
        RecordBatch::try_new(self.schema(), columns).map_err(Error::internal)
    }
}

/// One row.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) bundle: String,
    pub(super) outcome: Result<Option<Outcome>, String>,
}

/// The rows of a batch.
pub(super) fn rows(batch: &RecordBatch) -> Result<Vec<Judged>, Error> {
    let column = |place: usize| as_string_array(batch.column(place)).map_err(Error::internal);
    let (bundles, outcomes, problems) = (column(0)?, column(1)?, column(2)?);
    let row = |at: usize| {
        let text = |column: &StringArray| column.is_valid(at).then(|| column.value(at).to_owned());
        let outcome = match (text(problems), text(outcomes)) {
            (Some(problem), _) => Err(problem),
            (None, None) => Ok(None),
            (None, Some(outcome)) => Ok(Some(serde_json::from_str(&outcome).map_err(Error::internal)?)),
        };
        Ok(Judged { bundle: bundles.value(at).to_owned(), outcome })
    };
    (0..batch.num_rows()).map(row).collect()
}
