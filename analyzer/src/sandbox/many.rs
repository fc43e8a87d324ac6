//! The tables of many bundles as one table each, and the rows of many bundles taken apart again.

use std::iter::{from_fn, once, repeat_n};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array};
use arrow::compute::{concat, take_record_batch};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, UInt32Type};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;

use super::late_table::{Batches, Contents, Fill, LateTable, carried};

/// The last column of a table of many bundles: the number of the bundle whose row it is.
pub(super) const BUNDLE: &str = "casefile_bundle";

/// The contents of each bundle, by its number.
#[derive(Debug, Default)]
pub(super) struct Many(pub(super) Vec<Arc<Contents>>);

/// A table of each of many bundles.
pub(super) fn table_of_each(name: &str, schema: &Schema) -> LateTable {
    LateTable::filled_by(OfEach(Some(name.to_owned())), with_bundle(schema))
}

/// A table with one row for each bundle.
pub(super) fn table_of_bundles() -> LateTable {
    LateTable::filled_by(OfEach(None), with_bundle(&Schema::empty()))
}

fn with_bundle(schema: &Schema) -> SchemaRef {
    let number = Arc::new(Field::new(BUNDLE, DataType::UInt32, false));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain([number]).collect::<Vec<_>>()))
}

/// The name of a table. `None`: one row for each bundle.
#[derive(Debug)]
struct OfEach(Option<String>);

impl Fill for OfEach {
    /// All rows, in one batch.
    fn batches(&self, task: &TaskContext, schema: &SchemaRef) -> Result<Batches> {
        let many = carried::<Many>(task)?;
        let memory = MemoryConsumer::new("rows of many bundles").register(task.memory_pool());
        let of_table: Fields = schema.fields().iter().filter(|field| field.name() != BUNDLE).cloned().collect();
        let mut numbers = Vec::new();
        let mut batches = Vec::new();
        for (number, contents) in (0..).zip(&many.0) {
            let Some(table) = &self.0 else {
                numbers.push(number);
                continue;
            };
            for batch in contents.batches(table, &of_table)? {
                let batch = batch?;
                // It, and its copy.
                memory.try_grow(2 * batch.get_array_memory_size())?;
                numbers.extend(repeat_n(number, batch.num_rows()));
                batches.push(batch);
            }
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
        let numbers: ArrayRef = Arc::new(UInt32Array::from(numbers));
        let column = |field: &Arc<Field>| -> Result<ArrayRef> {
            let Some((nth, _)) = of_table.find(field.name()) else {
                return Ok(Arc::clone(&numbers));
            };
            let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(nth).as_ref()).collect();
            if parts.is_empty() { Ok(new_empty_array(field.data_type())) } else { Ok(concat(&parts)?) }
        };
        let columns = schema.fields().iter().map(column).collect::<Result<_>>()?;
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)?;
        // The memory counts until the rows are read to their end.
        let mut memory = Some(memory);
        let end = from_fn(move || {
            drop(memory.take());
            None
        });
        Ok(Box::new(once(Ok(batch)).chain(end)))
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
