//! Rows that come a few at a time, or many, as batches that are alike.

use std::marker::PhantomData;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use crate::error::WriteError;
use crate::row::Row;

/// A batch ends where it has so many rows, or more than so many bytes ([`Row::weight_at`]): log lines may be a megabyte
/// long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) weight: usize,
}

/// Rows on their way to a file: however many come at a time, the same rows are the same batches.
pub(crate) struct Batches<R, I> {
    rows: I,
    limits: Limits,
    /// What came and is not in a batch yet.
    left: Option<RecordBatch>,
    row: PhantomData<R>,
}

impl<R: Row, I: Iterator<Item = Result<RecordBatch, WriteError>>> Batches<R, I> {
    pub(crate) fn of(rows: I, limits: Limits) -> Self {
        Self { rows, limits, left: None, row: PhantomData }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, WriteError> {
        let (mut parts, mut pending, mut weight) = (Vec::new(), 0, 0);
        let Limits { rows: most, weight: heaviest } = self.limits;
        while pending < most && weight <= heaviest {
            let next = self.left.take().map(Ok).or_else(|| self.rows.next());
            let Some(rows) = next.transpose()? else { break };
            let mut count = 0;
            while count < rows.num_rows() && pending < most && weight <= heaviest {
                weight += R::weight_at(&rows, count);
                count += 1;
                pending += 1;
            }
            if count < rows.num_rows() {
                self.left = Some(rows.slice(count, rows.num_rows() - count));
            }
            parts.push(rows.slice(0, count));
        }
        if pending == 0 {
            return Ok(None);
        }
        let batch = concat_batches(&R::schema(), &parts);
        batch.map(Some).map_err(|error| WriteError::table(R::TABLE)(error.into()))
    }
}

impl<R: Row, I: Iterator<Item = Result<RecordBatch, WriteError>>> Iterator for Batches<R, I> {
    type Item = Result<RecordBatch, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}
