//! External merge sort: any number of rows in any order, out in total order, in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::WriteError;
use crate::row::Row;
use crate::write::write_rows;

/// Rows of a run that are decoded at a time while merging.
const RUN_BATCH: usize = 1024;
/// Runs that are open at once while merging. More are first merged into fewer, so that memory stays
/// bounded however many lines there are.
const FAN_IN: usize = 24;

/// Takes rows in any order and gives them back sorted.
pub(crate) struct Sorter<R> {
    buffer: Vec<R>,
    weight: usize,
    budget: usize,
    scratch: PathBuf,
    runs: Vec<PathBuf>,
    written: usize,
}

impl<R: Row> Sorter<R> {
    /// `budget`: about how many bytes of rows are held before they are spilled into `scratch`.
    pub(crate) fn new(scratch: &Path, budget: usize) -> Self {
        Self { buffer: Vec::new(), weight: 0, budget, scratch: scratch.to_owned(), runs: Vec::new(), written: 0 }
    }

    pub(crate) fn push(&mut self, row: R) -> Result<(), WriteError> {
        self.weight += row.weight();
        self.buffer.push(row);
        if self.weight > self.budget { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), WriteError> {
        self.buffer.sort_unstable();
        let rows = std::mem::take(&mut self.buffer);
        self.weight = 0;
        self.write_run(rows.into_iter().map(Ok))
    }

    fn write_run(&mut self, rows: impl Iterator<Item = Result<R, WriteError>>) -> Result<(), WriteError> {
        let path = self.scratch.join(format!("{}-{:05}.run", R::TABLE, self.written));
        self.written += 1;
        let file = File::create(&path).map_err(WriteError::io("create", &path))?;
        let level = ZstdLevel::try_new(1).map_err(WriteError::table(R::TABLE))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_dictionary_enabled(false)
            .set_data_page_size_limit(64 * 1024)
            .set_write_batch_size(256)
            .build();
        write_rows(rows, file, properties)?;
        self.runs.push(path);
        Ok(())
    }

    /// The rows in order.
    pub(crate) fn finish(mut self) -> Result<Sorted<R>, WriteError> {
        if self.runs.is_empty() {
            self.buffer.sort_unstable();
            return Ok(Sorted::Memory(self.buffer.into_iter()));
        }
        if !self.buffer.is_empty() {
            self.spill()?;
        }
        while self.runs.len() > FAN_IN {
            let few: Vec<PathBuf> = self.runs.drain(..FAN_IN).collect();
            self.write_run(Merge::open(&few)?)?;
            for path in few {
                fs::remove_file(&path).map_err(WriteError::io("remove", &path))?;
            }
        }
        Ok(Sorted::Merge(Merge::open(&self.runs)?))
    }
}

/// Rows in total order.
pub(crate) enum Sorted<R: Row> {
    Memory(std::vec::IntoIter<R>),
    Merge(Merge<R>),
}

impl<R: Row> Iterator for Sorted<R> {
    type Item = Result<R, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Memory(rows) => rows.next().map(Ok),
            Self::Merge(merge) => merge.next(),
        }
    }
}

/// Merges sorted runs.
pub(crate) struct Merge<R: Row> {
    heads: BinaryHeap<Reverse<(R, usize)>>,
    runs: Vec<Run<R>>,
}

struct Run<R> {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    batch: std::vec::IntoIter<R>,
}

impl<R: Row> Run<R> {
    fn open(path: &Path) -> Result<Self, WriteError> {
        let file = File::open(path).map_err(WriteError::io("open", path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(RUN_BATCH).build())
            .map_err(WriteError::table(R::TABLE))?;
        Ok(Self { path: path.to_owned(), reader, batch: Vec::new().into_iter() })
    }

    fn next(&mut self) -> Result<Option<R>, WriteError> {
        loop {
            if let Some(row) = self.batch.next() {
                return Ok(Some(row));
            }
            let Some(batch) = self.reader.next() else { return Ok(None) };
            let unreadable = || std::io::Error::from(std::io::ErrorKind::InvalidData);
            let rows = batch.ok().and_then(|batch| R::from_batch(&batch));
            self.batch = rows.ok_or_else(unreadable).map_err(WriteError::io("read back", &self.path))?.into_iter();
        }
    }
}

impl<R: Row> Merge<R> {
    fn open(paths: &[PathBuf]) -> Result<Self, WriteError> {
        let mut runs = Vec::with_capacity(paths.len());
        let mut heads = BinaryHeap::with_capacity(paths.len());
        for (number, path) in paths.iter().enumerate() {
            let mut run = Run::open(path)?;
            if let Some(row) = run.next()? {
                heads.push(Reverse((row, number)));
            }
            runs.push(run);
        }
        Ok(Self { heads, runs })
    }
}

impl<R: Row> Iterator for Merge<R> {
    type Item = Result<R, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut head = self.heads.peek_mut()?;
        let number = head.0.1;
        match self.runs[number].next() {
            Err(error) => Some(Err(error)),
            Ok(Some(row)) => Some(Ok(std::mem::replace(&mut head.0.0, row))),
            Ok(None) => Some(Ok(PeekMut::pop(head).0.0)),
        }
    }
}
