//! The order of the rows of a table, by bytes that compare as the rows do (`arrow::row`).

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};

use crate::row::Row;

/// Makes rows comparable, by the leading columns of their table.
pub(crate) struct Order {
    converter: RowConverter,
    columns: usize,
}

impl Order {
    /// By the whole rows.
    pub(crate) fn of<R: Row>() -> Result<Self, ArrowError> {
        Self::by::<R>(R::schema().fields().len())
    }

    fn by<R: Row>(columns: usize) -> Result<Self, ArrowError> {
        let schema = R::schema();
        let fields = schema.fields().iter().take(columns);
        let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(Self { converter: RowConverter::new(fields)?, columns })
    }

    /// The rows of a batch, in its order.
    pub(crate) fn rows(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        self.converter.convert_columns(&batch.columns()[..self.columns])
    }
}

/// The places of all rows, as batch and row, in order: by the sort key, and where that is equal by the rest.
pub(crate) fn order<R: Row>(batches: &[RecordBatch]) -> Result<Vec<(usize, usize)>, ArrowError> {
    let key = Order::by::<R>(R::info().sort_key)?;
    let keys = batches.iter().map(|batch| key.rows(batch)).collect::<Result<Vec<Rows>, _>>()?;
    let key = |place: &(usize, usize)| keys[place.0].row(place.1);
    let places = (0..).zip(batches).flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row)));
    let mut places: Vec<(usize, usize)> = places.collect();
    places.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    for alike in places.chunk_by_mut(|a, b| key(a) == key(b)).filter(|alike| alike.len() > 1) {
        let rows = Order::of::<R>()?.rows(&interleave_record_batch(&batches, alike)?)?;
        let mut sorted: Vec<_> = rows.iter().zip(alike.iter().copied()).collect();
        sorted.sort_unstable();
        alike.iter_mut().zip(sorted).for_each(|(place, (_, sorted))| *place = sorted);
    }
    Ok(places)
}
