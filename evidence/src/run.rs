//! Sorted runs: rows that wait on disk until they are merged, which read back a few at a time.
//!
//! A run is a stream of Arrow's interprocess format in one Zstandard frame. Reading one takes a batch and the frame's
//! window, however many columns there are; of a Parquet file each column takes buffers of its own, and many runs are
//! read at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::batches::{Batches, Limits};
use crate::error::WriteError;
use crate::row::Row;

/// File names of runs, by table.
pub(crate) type Runs = BTreeMap<String, Vec<String>>;

/// The names of files.
pub(crate) fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
}

/// As much as is read at a time: of each run that is merged, this is in memory.
const LIMITS: Limits = Limits { rows: 256, weight: 64 << 10 };
/// The base-2 logarithm of the frame's window in bytes: a batch and what it repeats of the one before.
const WINDOW_LOG: u32 = 17;
/// The fastest.
const LEVEL: i32 = 1;
const READ_AT_ONCE: usize = 16 << 10;

/// A sorted run on disk.
#[derive(Debug, Clone)]
pub(crate) struct RunFile {
    pub(crate) path: PathBuf,
    /// About how many bytes its rows take in memory.
    pub(crate) weight: usize,
}

impl RunFile {
    /// Writes rows that are in order; `weight` is that of all of them.
    pub(crate) fn write<R: Row>(
        path: PathBuf,
        rows: impl Iterator<Item = Result<RecordBatch, WriteError>>,
        weight: usize,
    ) -> Result<Self, WriteError> {
        let failed = || WriteError::io("write", &path);
        let file = File::create(&path).map_err(WriteError::io("create", &path))?;
        let mut frame = zstd::Encoder::new(file, LEVEL).map_err(failed())?;
        frame.window_log(WINDOW_LOG).and_then(|()| frame.include_checksum(true)).map_err(failed())?;
        let mut stream = StreamWriter::try_new(frame, &R::schema()).map_err(|error| failed()(io(error)))?;
        for batch in Batches::<R, _>::of(rows, LIMITS) {
            stream.write(&batch?).map_err(|error| failed()(io(error)))?;
        }
        let frame = stream.into_inner().map_err(|error| failed()(io(error)))?;
        frame.finish().map_err(failed())?;
        Ok(Self { path, weight })
    }
}

/// The rows of a run, in order.
pub(crate) struct RunReader {
    path: PathBuf,
    stream: StreamReader<zstd::Decoder<'static, BufReader<File>>>,
}

impl RunReader {
    pub(crate) fn open(path: &Path) -> Result<Self, WriteError> {
        let file = File::open(path).map_err(WriteError::io("open", path))?;
        let frame = zstd::Decoder::with_buffer(BufReader::with_capacity(READ_AT_ONCE, file));
        let stream = frame.and_then(|frame| StreamReader::try_new(frame, None).map_err(io));
        Ok(Self { path: path.to_owned(), stream: stream.map_err(WriteError::io("read back", path))? })
    }
}

impl Iterator for RunReader {
    type Item = Result<RecordBatch, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The stream ends before the frame does, which says whether all of it was as written.
        let batch = self.stream.next().or_else(|| {
            let rest = std::io::copy(self.stream.get_mut(), &mut std::io::sink());
            rest.err().map(|error| Err(ArrowError::from(error)))
        })?;
        Some(batch.map_err(|error| WriteError::io("read back", &self.path)(io(error))))
    }
}

/// What went wrong on the way to a file or from one.
fn io(error: ArrowError) -> std::io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => std::io::Error::new(std::io::ErrorKind::InvalidData, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Columns;
    use crate::tables::LogEventRow;

    fn batch(messages: impl Iterator<Item = String>) -> RecordBatch {
        let mut columns = <LogEventRow as Row>::Columns::default();
        messages.for_each(|message| columns.append(&LogEventRow { message, ..LogEventRow::default() }));
        RecordBatch::try_new(LogEventRow::schema(), columns.finish()).unwrap()
    }

    fn written(folder: &Path, rows: RecordBatch) -> PathBuf {
        let path = folder.join("a.run");
        RunFile::write::<LogEventRow>(path.clone(), [Ok(rows)].into_iter(), 0).unwrap();
        path
    }

    #[test]
    fn it_is_read_a_few_rows_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        for (length, count, most) in [(1 << 20, 5, 1), (100, 1000, LIMITS.rows)] {
            let rows = batch((0..count).map(|number| format!("{number}{}", "x".repeat(length))));
            let read: Result<Vec<RecordBatch>, _> =
                RunReader::open(&written(folder.path(), rows.clone())).unwrap().collect();
            let read = read.unwrap();
            assert!(read.iter().all(|batch| batch.num_rows() <= most), "{length}");
            assert_eq!(arrow::compute::concat_batches(&LogEventRow::schema(), &read).unwrap(), rows);
        }
    }

    #[test]
    fn a_damaged_one_is_no_shorter_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), batch((0..5000).map(|number| format!("line {number}"))));
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 1], &changed] {
            std::fs::write(&path, damaged).unwrap();
            let read = RunReader::open(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            assert!(read.is_err_and(|error| error.to_string().starts_with("cannot read back ")));
        }
    }
}
