//! External merge sort: any number of rows in any order, out in total order, in bounded memory.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;

use crate::error::WriteError;
use crate::merge::Merge;
use crate::order::order;
use crate::row::{Columns, Row};
use crate::run::RunFile;

/// Runs that are open at once while merging. More are first merged into fewer, so that memory stays
/// bounded however many lines there are.
const FAN_IN: usize = 24;

/// Rows of the buffer that make a batch.
const BUFFER_BATCH: usize = 4096;

/// Takes rows in any order and gives them back sorted.
///
/// What waits to be sorted waits as columns: rows by the hundred thousand would be as many small allocations, in between
/// which those of the pages that they came with leave holes.
pub(crate) struct Sorter<R: Row> {
    columns: R::Columns,
    /// Rows in the columns.
    pending: usize,
    batches: Vec<RecordBatch>,
    weight: usize,
    budget: usize,
    scratch: PathBuf,
    runs: Vec<RunFile>,
    /// A run that another thread sorts and writes.
    spilling: Option<JoinHandle<Result<RunFile, WriteError>>>,
    written: usize,
    /// Runs that were merged into another, and that the last checkpoint may still name.
    obsolete: Vec<PathBuf>,
}

impl<R: Row> Sorter<R> {
    /// `budget`: about how many bytes of rows are held before they are spilled into `scratch`.
    pub(crate) fn new(scratch: &Path, budget: usize) -> Self {
        Self {
            columns: R::Columns::default(),
            pending: 0,
            batches: Vec::new(),
            weight: 0,
            budget,
            scratch: scratch.to_owned(),
            runs: Vec::new(),
            spilling: None,
            written: 0,
            obsolete: Vec::new(),
        }
    }

    /// Takes over runs that another sorter left.
    pub(crate) fn adopt(&mut self, runs: impl IntoIterator<Item = PathBuf>) {
        for path in runs {
            let number = path.file_stem().and_then(|stem| stem.to_str()?.rsplit('-').next()?.parse::<usize>().ok());
            self.written = self.written.max(number.map_or(0, |number| number + 1));
            self.runs.push(RunFile { path, weight: self.budget });
        }
    }

    /// Puts every row on disk, and names the runs. Small runs are merged once there are many, so that a long
    /// collection does not leave a file a poll; what they were merged from is named by [`Sorter::obsolete`].
    pub(crate) fn checkpoint(&mut self) -> Result<Vec<PathBuf>, WriteError> {
        self.spill()?;
        let small = |run: &RunFile| run.weight < self.budget / 4;
        if self.runs.iter().filter(|run| small(run)).count() > FAN_IN {
            let (few, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.runs).into_iter().partition(small);
            self.runs = others;
            self.merge(few)?;
        }
        Ok(self.runs.iter().map(|run| run.path.clone()).collect())
    }

    /// Runs that are not needed any more once a new checkpoint stands.
    pub(crate) fn obsolete(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.obsolete)
    }

    fn merge(&mut self, few: Vec<RunFile>) -> Result<(), WriteError> {
        let paths: Vec<PathBuf> = few.iter().map(|run| run.path.clone()).collect();
        let path = self.next_path();
        self.runs.push(RunFile::write::<R>(path, Merge::open::<R>(&paths)?, few.iter().map(|run| run.weight).sum())?);
        self.obsolete.extend(paths);
        Ok(())
    }

    pub(crate) fn push(&mut self, row: &R) -> Result<(), WriteError> {
        self.weight += row.weight();
        self.columns.append(row);
        self.pending += 1;
        if self.pending == BUFFER_BATCH {
            self.end_batch()?;
        }
        if self.weight > self.budget { self.spill_aside() } else { Ok(()) }
    }

    fn end_batch(&mut self) -> Result<(), WriteError> {
        if std::mem::take(&mut self.pending) > 0 {
            let batch = RecordBatch::try_new(R::schema(), self.columns.finish());
            self.batches.push(batch.map_err(|error| WriteError::table(R::TABLE)(error.into()))?);
        }
        Ok(())
    }

    /// Takes what is in the buffer.
    fn take(&mut self) -> Result<Vec<RecordBatch>, WriteError> {
        self.end_batch()?;
        self.weight = 0;
        Ok(std::mem::take(&mut self.batches))
    }

    /// Puts the buffer on disk, in order.
    fn spill(&mut self) -> Result<(), WriteError> {
        self.settle()?;
        if self.pending > 0 || !self.batches.is_empty() {
            let (weight, batches) = (self.weight, self.take()?);
            let path = self.next_path();
            self.runs.push(RunFile::write::<R>(path, InOrder::of::<R>(batches)?, weight)?);
        }
        Ok(())
    }

    /// As [`Sorter::spill`], while more rows come: one buffer at a time, so that no more than two are in memory.
    fn spill_aside(&mut self) -> Result<(), WriteError> {
        self.settle()?;
        let (weight, batches) = (self.weight, self.take()?);
        let path = self.next_path();
        let failed = WriteError::io("write", path.clone());
        let spill = move || RunFile::write::<R>(path, InOrder::of::<R>(batches)?, weight);
        self.spilling = Some(thread::Builder::new().name("casefile-sort".to_owned()).spawn(spill).map_err(failed)?);
        Ok(())
    }

    /// Waits for the run that is written aside.
    fn settle(&mut self) -> Result<(), WriteError> {
        if let Some(spilling) = self.spilling.take() {
            let broken = |_| WriteError::io("sort", R::TABLE)(std::io::Error::other("the thread that sorts broke"));
            self.runs.push(spilling.join().map_err(broken)??);
        }
        Ok(())
    }

    fn next_path(&mut self) -> PathBuf {
        self.written += 1;
        self.scratch.join(format!("{}-{:05}.run", R::TABLE, self.written - 1))
    }

    /// The rows in order.
    pub(crate) fn finish(mut self) -> Result<Sorted, WriteError> {
        self.settle()?;
        if self.runs.is_empty() {
            return Ok(Sorted::Memory(InOrder::of::<R>(self.take()?)?));
        }
        self.spill()?;
        while self.runs.len() > FAN_IN {
            // The smallest first, so that no row is merged more often than it must be.
            self.runs.sort_by_key(|run| Reverse(run.weight));
            let many = FAN_IN.min(self.runs.len() - FAN_IN + 1);
            let few = self.runs.split_off(self.runs.len() - many);
            self.merge(few)?;
        }
        let paths: Vec<PathBuf> = self.runs.iter().map(|run| run.path.clone()).collect();
        Ok(Sorted::Merge(Merge::open::<R>(&paths)?))
    }
}

impl<R: Row> Drop for Sorter<R> {
    fn drop(&mut self) {
        // Whoever removes the folder should find nobody writing in it.
        let _ = self.settle();
    }
}

/// Rows in total order, a few at a time.
pub(crate) enum Sorted {
    Memory(InOrder),
    Merge(Merge),
}

impl Iterator for Sorted {
    type Item = Result<RecordBatch, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Memory(rows) => rows.next(),
            Self::Merge(rows) => rows.next(),
        }
    }
}

/// The rows of batches, in an order.
pub(crate) struct InOrder {
    table: &'static str,
    batches: Vec<RecordBatch>,
    order: std::vec::IntoIter<(usize, usize)>,
}

impl InOrder {
    fn of<R: Row>(batches: Vec<RecordBatch>) -> Result<Self, WriteError> {
        let order = order::<R>(&batches).map_err(|error| WriteError::table(R::TABLE)(error.into()))?.into_iter();
        Ok(Self { table: R::TABLE, batches, order })
    }
}

impl Iterator for InOrder {
    type Item = Result<RecordBatch, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        let places: Vec<(usize, usize)> = self.order.by_ref().take(BUFFER_BATCH).collect();
        if places.is_empty() {
            return None;
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let rows = interleave_record_batch(&batches, &places);
        Some(rows.map_err(|error| WriteError::table(self.table)(error.into())))
    }
}
