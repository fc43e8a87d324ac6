//! The tables of many bundles as one table each, and the rows of many bundles taken apart again.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array};
use arrow::compute::{concat, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, project_schema};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use futures::StreamExt;

use super::late_table::Contents;

/// The last column of a [`TableOfMany`]: the number of the bundle whose row it is.
pub(super) const BUNDLE: &str = "casefile_bundle";

/// The contents of each bundle, by its number.
#[derive(Debug, Default)]
pub(super) struct Many(pub(super) Vec<Arc<Contents>>);

/// A table of each of many bundles.
#[derive(Debug, Clone)]
pub(super) struct TableOfMany {
    /// `None`: one row for each bundle.
    table: Option<String>,
    schema: SchemaRef,
}

impl TableOfMany {
    pub(super) fn of_each(table: &str, schema: &Schema) -> Self {
        Self { table: Some(table.to_owned()), schema: with_bundle(schema) }
    }

    pub(super) fn of_bundles() -> Self {
        Self { table: None, schema: with_bundle(&Schema::empty()) }
    }

    /// All rows, with the columns that are asked for.
    fn rows(
        &self,
        many: &Many,
        schema: &SchemaRef,
        columns: &[usize],
        memory: &MemoryReservation,
    ) -> Result<RecordBatch> {
        let last = self.schema.fields().len() - 1;
        let of_table: Vec<usize> = columns.iter().copied().filter(|place| *place != last).collect();
        let mut numbers = Vec::new();
        let mut batches = Vec::new();
        for (number, contents) in (0..).zip(&many.0) {
            let Some(table) = &self.table else {
                numbers.push(number);
                continue;
            };
            for batch in contents.batches(table, Some(&of_table))? {
                let batch = batch?;
                // It, and its copy.
                memory.try_grow(2 * batch.get_array_memory_size())?;
                numbers.extend(std::iter::repeat_n(number, batch.num_rows()));
                batches.push(batch);
            }
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
        let numbers: ArrayRef = Arc::new(UInt32Array::from(numbers));
        let column = |(place, field): (&usize, &Arc<Field>)| -> Result<ArrayRef> {
            let Some(nth) = of_table.iter().position(|of_table| of_table == place) else {
                return Ok(Arc::clone(&numbers));
            };
            let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(nth).as_ref()).collect();
            if parts.is_empty() { Ok(new_empty_array(field.data_type())) } else { Ok(concat(&parts)?) }
        };
        let columns = columns.iter().zip(schema.fields()).map(column).collect::<Result<_>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)?)
    }
}

fn with_bundle(schema: &Schema) -> SchemaRef {
    let number = Arc::new(Field::new(BUNDLE, DataType::UInt32, false));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain([number]).collect::<Vec<_>>()))
}

#[async_trait::async_trait]
impl TableProvider for TableOfMany {
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
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let stream = Filling { table: self.clone(), schema: Arc::clone(&schema), columns };
        let partitions = vec![Arc::new(stream) as Arc<dyn PartitionStream>];
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, None, [], false, limit)?))
    }
}

#[derive(Debug)]
struct Filling {
    table: TableOfMany,
    schema: SchemaRef,
    columns: Vec<usize>,
}

impl PartitionStream for Filling {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, task: Arc<TaskContext>) -> SendableRecordBatchStream {
        let many = task.session_config().get_extension::<Many>();
        let memory = MemoryConsumer::new("rows of many bundles").register(task.memory_pool());
        let rows = many
            .ok_or_else(|| DataFusionError::Internal("the task carries no rows".to_owned()))
            .and_then(|many| self.table.rows(&many, &self.schema, &self.columns, &memory));
        // What is held is counted until the stream has ended.
        let rows = futures::stream::once(std::future::ready((rows, memory))).map(|(rows, _memory)| rows);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

/// The rows of each bundle, by its number, without it: the last column has it.
pub(super) fn apart(batches: &[RecordBatch], bundles: usize) -> Result<Vec<Vec<RecordBatch>>> {
    let mut apart = vec![Vec::new(); bundles];
    for batch in batches {
        let last = batch.num_columns().saturating_sub(1);
        let rows = batch.project(&(0..last).collect::<Vec<_>>())?;
        let Some(numbers) = batch.columns().last().and_then(|numbers| numbers.as_primitive_opt::<UInt32Type>()) else {
            return Err(DataFusionError::Internal("the last column is no number".to_owned()));
        };
        let mut places: Vec<Vec<u32>> = vec![Vec::new(); bundles];
        for (row, number) in (0..).zip(numbers) {
            let of_bundle = number.and_then(|number| places.get_mut(number as usize));
            let of_bundle = of_bundle.ok_or_else(|| DataFusionError::Internal("a row of no bundle".to_owned()))?;
            of_bundle.push(row);
        }
        for (taken, places) in apart.iter_mut().zip(places) {
            let (Some(first), Some(last)) = (places.first(), places.last()) else { continue };
            taken.push(if (last - first) as usize + 1 == places.len() {
                rows.slice(*first as usize, places.len())
            } else {
                take_record_batch(&rows, &UInt32Array::from(places))?
            });
        }
    }
    Ok(apart)
}
