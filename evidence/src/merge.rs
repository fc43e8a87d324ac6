//! Sorted runs on disk, merged into one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;

use crate::error::WriteError;
use crate::order::row_at;
use crate::row::Row;
use crate::run::RunReader;

/// Merges sorted runs: gives rows in order, as many at a time as follow each other in one run.
pub(crate) struct Merge<R: Row> {
    /// The next row of each run that has one.
    heads: BinaryHeap<Reverse<(R, usize)>>,
    runs: Vec<Run>,
}

struct Run {
    path: PathBuf,
    reader: RunReader,
    batch: RecordBatch,
    /// The place of the next row in the batch.
    at: usize,
}

impl Run {
    fn open<R: Row>(path: &Path) -> Result<Self, WriteError> {
        let batch = RecordBatch::new_empty(R::schema());
        Ok(Self { path: path.to_owned(), reader: RunReader::open(path)?, batch, at: 0 })
    }

    /// The next row, read again where the batch is used up.
    fn head<R: Row>(&mut self) -> Result<Option<R>, WriteError> {
        while self.at == self.batch.num_rows() {
            let Some(batch) = self.reader.next() else { return Ok(None) };
            self.batch = batch?;
            self.at = 0;
        }
        self.row(self.at).map(Some)
    }

    fn row<R: Row>(&self, at: usize) -> Result<R, WriteError> {
        let unreadable = || WriteError::io("read back", &self.path)(io::ErrorKind::InvalidData.into());
        row_at(&self.batch, at).ok_or_else(unreadable)
    }

    /// How many rows of the batch, the next one included, come no later than a row of another run.
    fn up_to<R: Row>(&self, limit: Option<&R>) -> Result<usize, WriteError> {
        let left = self.batch.num_rows() - self.at;
        let Some(limit) = limit else { return Ok(left) };
        let within = |count: usize| Ok(self.row::<R>(self.at + count - 1)? <= *limit);
        // Mostly all or few.
        if left == 1 || within(left)? {
            return Ok(left);
        }
        let (mut low, mut high) = (1, 2);
        while high < left && within(high)? {
            (low, high) = (high, high * 2);
        }
        high = high.min(left);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if within(middle)? { low = middle } else { high = middle }
        }
        Ok(low)
    }
}

impl<R: Row> Merge<R> {
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, WriteError> {
        let mut runs = Vec::with_capacity(paths.len());
        let mut heads = BinaryHeap::with_capacity(paths.len());
        for (number, path) in paths.iter().enumerate() {
            let mut run = Run::open::<R>(path)?;
            if let Some(row) = run.head()? {
                heads.push(Reverse((row, number)));
            }
            runs.push(run);
        }
        Ok(Self { heads, runs })
    }

    fn next_rows(&mut self) -> Result<Option<RecordBatch>, WriteError> {
        let Some(Reverse((_, number))) = self.heads.pop() else { return Ok(None) };
        let run = &mut self.runs[number];
        let count = run.up_to(self.heads.peek().map(|Reverse((row, _))| row))?;
        let rows = run.batch.slice(run.at, count);
        run.at += count;
        if let Some(row) = run.head()? {
            self.heads.push(Reverse((row, number)));
        }
        Ok(Some(rows))
    }
}

impl<R: Row> Iterator for Merge<R> {
    type Item = Result<RecordBatch, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_rows().transpose()
    }
}
