//! Tables whose rows come when a plan runs, so that a check is planned once and judges any evidence.
//!
//! A plan names its tables by late tables. Running it, the task carries the [`Contents`] of the evidence that
//! is judged. Planning a check costs more than running it over a small bundle, and a plan that was made
//! without looking at any data is the same for all of it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch, TimestampMillisecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Fields, Schema, SchemaRef};
use casefile_evidence::{Bundle, Timestamp, tables};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, project_schema};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use crate::error::AnalyzeError;

/// A table in a file is small if it has no more rows than this; one in memory, if it takes no more bytes.
const FEW_ROWS: u64 = 8192;
const FEW_BYTES: usize = 8 << 20;

/// Batches of a table as they are read.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The rows of one table.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// In memory.
    Held(Vec<RecordBatch>),
    /// In a bundle's file, read as they are asked for; as of a moment, where one is given.
    Filed(Arc<Bundle>, Option<Timestamp>),
}

/// The rows of the late tables while a plan runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents(BTreeMap<String, Rows>);

impl Contents {
    pub(crate) fn fill(&mut self, table: &str, rows: Rows) {
        self.0.insert(table.to_owned(), rows);
    }

    pub(crate) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|table, _| wanted(table));
    }

    /// Whether the rows of a table take little memory, as far as is known before they are read.
    pub(crate) fn is_small(&self, table: &str) -> bool {
        match self.0.get(table) {
            Some(Rows::Held(batches)) => {
                batches.iter().map(RecordBatch::get_array_memory_size).sum::<usize>() <= FEW_BYTES
            }
            Some(Rows::Filed(bundle, _)) => {
                bundle.manifest().tables.get(table).is_some_and(|file| file.rows <= FEW_ROWS)
            }
            None => false,
        }
    }

    /// The rows of a table, with just these columns, by their names.
    pub(super) fn batches(&self, table: &str, columns: &Fields) -> Result<Batches> {
        let wanted = columns.clone();
        let project = move |batch: RecordBatch| Ok(batch.project(&places(batch.schema_ref(), &wanted)?)?);
        match self.get(table) {
            None => Err(DataFusionError::Internal(format!("nothing fills table {table}"))),
            Some(Rows::Held(batches)) => Ok(Box::new(batches.clone().into_iter().map(project))),
            Some(Rows::Filed(bundle, None)) => {
                let stored = tables::by_name(table).map(|stored| places(&stored.schema, columns)).transpose()?;
                let batches = bundle.columns(table, stored.as_deref()).map_err(external)?;
                Ok(Box::new(batches.map(|batch| batch.map_err(external))))
            }
            // The query may not read the column with the moment, so the whole batch is read.
            Some(Rows::Filed(bundle, Some(moment))) => {
                let moment = *moment;
                let batches = bundle.batches(table).map_err(external)?;
                Ok(Box::new(batches.map(move |batch| {
                    let batch = as_of(&batch.map_err(external)?, moment)
                        .map_err(|error| DataFusionError::Internal(error.to_string()))?;
                    project(batch)
                })))
            }
        }
    }

    pub(crate) fn get(&self, table: &str) -> Option<&Rows> {
        self.0.get(table)
    }
}

fn places(schema: &Schema, columns: &Fields) -> Result<Vec<usize>> {
    Ok(columns.iter().map(|column| schema.index_of(column.name())).collect::<Result<_, _>>()?)
}

/// The column with the moment at which a row was observed. `target` has none: it holds the question,
/// not an observation.
pub(crate) fn observed_column(schema: &SchemaRef) -> Option<&'static str> {
    ["observed_at", "at"].into_iter().find(|name| schema.column_with_name(name).is_some())
}

/// The rows that had been observed at a moment.
pub(crate) fn as_of(batch: &RecordBatch, moment: Timestamp) -> Result<RecordBatch, AnalyzeError> {
    let Some(column) = observed_column(batch.schema_ref()).and_then(|name| batch.column_by_name(name)) else {
        return Ok(batch.clone());
    };
    let column = column
        .as_any()
        .downcast_ref::<TimestampMillisecondArray>()
        .ok_or_else(|| AnalyzeError::internal("a time column has another type"))?;
    let keep: BooleanArray = column.iter().map(|at| Some(at.is_some_and(|at| at <= moment.as_millis()))).collect();
    filter_record_batch(batch, &keep).map_err(AnalyzeError::internal)
}

/// Gives the rows of a late table once a plan runs.
pub(super) trait Fill: Debug + Send + Sync {
    /// The rows, with just the columns of `schema`.
    fn batches(&self, task: &TaskContext, schema: &SchemaRef) -> Result<Batches>;
}

/// What the task of a running plan carries for its late tables.
pub(super) fn carried<T: Send + Sync + 'static>(task: &TaskContext) -> Result<Arc<T>> {
    let carried = task.session_config().get_extension::<T>();
    carried.ok_or_else(|| DataFusionError::Internal("the task carries no rows".to_owned()))
}

/// A table by its schema, without rows.
#[derive(Debug)]
pub(crate) struct LateTable {
    schema: SchemaRef,
    rows: Arc<dyn Fill>,
}

impl LateTable {
    /// A table of the [`Contents`].
    pub(crate) fn new(name: &str, schema: SchemaRef) -> Self {
        Self::filled_by(OfContents(name.to_owned()), schema)
    }

    pub(super) fn filled_by(rows: impl Fill + 'static, schema: SchemaRef) -> Self {
        Self { schema, rows: Arc::new(rows) }
    }

    /// The table with those of its columns that are wanted.
    pub(super) fn narrowed(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let wanted = self.schema.fields().iter().filter(|field| wanted(field.name()));
        Self { schema: Arc::new(Schema::new(wanted.cloned().collect::<Fields>())), rows: Arc::clone(&self.rows) }
    }
}

/// The name of a table of the [`Contents`].
#[derive(Debug)]
struct OfContents(String);

impl Fill for OfContents {
    fn batches(&self, task: &TaskContext, schema: &SchemaRef) -> Result<Batches> {
        carried::<Contents>(task)?.batches(&self.0, schema.fields())
    }
}

#[async_trait::async_trait]
impl TableProvider for LateTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(&self.schema, projection)?;
        let stream = Filling { rows: Arc::clone(&self.rows), schema: Arc::clone(&schema) };
        let partitions = vec![Arc::new(stream) as Arc<dyn PartitionStream>];
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, None, [], false, limit)?))
    }
}

/// The rows of a late table, as a running plan reads them.
#[derive(Debug)]
struct Filling {
    rows: Arc<dyn Fill>,
    schema: SchemaRef,
}

impl PartitionStream for Filling {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, task: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = match self.rows.batches(&task, &self.schema) {
            Ok(batches) => batches,
            Err(error) => Box::new(std::iter::once(Err(error))),
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter(batches)))
    }
}

fn external(error: casefile_evidence::ReadError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
