//! Sorted runs on disk, merged into one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::row::{OwnedRow, Rows};

use crate::error::WriteError;
use crate::order::Order;
use crate::row::Row;
use crate::run::RunReader;

/// Merges sorted runs: gives rows in order, as many at a time as follow each other in one run.
pub(crate) struct Merge {
    table: &'static str,
    order: Order,
    /// The next row of each run that has one.
    heads: BinaryHeap<Reverse<(OwnedRow, usize)>>,
    runs: Vec<Run>,
}

struct Run {
    reader: RunReader,
    batch: Option<(RecordBatch, Rows)>,
    /// The place of the next row in the batch.
    at: usize,
}

impl Run {
    /// The next row, read again where the batch is used up.
    fn head(&mut self, order: &Order, table: &'static str) -> Result<Option<OwnedRow>, WriteError> {
        loop {
            match &self.batch {
                Some((_, rows)) if self.at < rows.num_rows() => return Ok(Some(rows.row(self.at).owned())),
                _ => {}
            }
            let Some(batch) = self.reader.next().transpose()? else { return Ok(None) };
            let rows = order.rows(&batch).map_err(|error| WriteError::table(table)(error.into()))?;
            (self.batch, self.at) = (Some((batch, rows)), 0);
        }
    }

    /// Takes the rows of the batch, the next one included, that come no later than a row of another run.
    fn take(&mut self, limit: Option<&OwnedRow>) -> Option<RecordBatch> {
        let (batch, rows) = self.batch.as_ref()?;
        let count = limit.map_or(rows.num_rows() - self.at, |limit| up_to(rows, self.at, limit));
        self.at += count;
        Some(batch.slice(self.at - count, count))
    }
}

/// How many rows from a place on, at least one, come no later than a limit.
fn up_to(rows: &Rows, at: usize, limit: &OwnedRow) -> usize {
    let left = rows.num_rows() - at;
    let within = |count: usize| rows.row(at + count - 1) <= limit.row();
    // Mostly all or few.
    if left == 1 || within(left) {
        return left;
    }
    let (mut low, mut high) = (1, 2);
    while high < left && within(high) {
        (low, high) = (high, high * 2);
    }
    high = high.min(left);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if within(middle) { low = middle } else { high = middle }
    }
    low
}

impl Merge {
    pub(crate) fn open<R: Row>(paths: &[PathBuf]) -> Result<Self, WriteError> {
        let order = Order::of::<R>().map_err(|error| WriteError::table(R::TABLE)(error.into()))?;
        let open = |path: &PathBuf| Ok(Run { reader: RunReader::open(Path::new(path))?, batch: None, at: 0 });
        let runs = paths.iter().map(open).collect::<Result<Vec<Run>, WriteError>>()?;
        let mut merge = Self { table: R::TABLE, order, heads: BinaryHeap::with_capacity(runs.len()), runs };
        (0..paths.len()).try_for_each(|number| merge.push_head(number))?;
        Ok(merge)
    }

    fn push_head(&mut self, number: usize) -> Result<(), WriteError> {
        let head = self.runs[number].head(&self.order, self.table)?;
        self.heads.extend(head.map(|row| Reverse((row, number))));
        Ok(())
    }

    fn next_rows(&mut self) -> Result<Option<RecordBatch>, WriteError> {
        let Some(Reverse((_, number))) = self.heads.pop() else { return Ok(None) };
        let rows = self.runs[number].take(self.heads.peek().map(|Reverse((row, _))| row));
        self.push_head(number)?;
        Ok(rows)
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_rows().transpose()
    }
}
