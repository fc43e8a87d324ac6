//! Writing a recording, for `--record`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use casefile_evidence::Timestamp;

use super::error::RecordingError;
use super::info::RecordingInfo;
use super::lines;
use crate::document::Document;

/// Writes a recording: `recording.toml`, and a line a document.
#[derive(Debug)]
pub struct RecordingWriter {
    root: PathBuf,
    lines: File,
    last: Option<Timestamp>,
}

impl RecordingWriter {
    /// Begins a recording in a new or empty folder, with its `recording.toml`.
    ///
    /// # Errors
    /// [`RecordingError::NotEmpty`], or what the system says.
    pub fn create(dir: &Path, info: &RecordingInfo) -> Result<Self, RecordingError> {
        let make = |source| RecordingError::Io { action: "make", path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(make)?;
        if fs::read_dir(dir).map_err(RecordingError::reading(dir))?.next().is_some() {
            return Err(RecordingError::NotEmpty { path: dir.to_owned() });
        }
        let file = dir.join(lines::FILE);
        let lines = File::create(&file).map_err(RecordingError::writing(&file))?;
        let writer = Self { root: dir.to_owned(), lines, last: None };
        writer.describe(info)?;
        Ok(writer)
    }

    /// Rewrites `recording.toml`, with what is known only at the end.
    ///
    /// # Errors
    /// What the system says.
    pub fn describe(&self, info: &RecordingInfo) -> Result<(), RecordingError> {
        let file = self.root.join(RecordingInfo::FILE);
        let text = toml::to_string(info)
            .map_err(|error| RecordingError::writing(&file)(std::io::Error::other(error.to_string())))?;
        fs::write(&file, text).map_err(RecordingError::writing(&file))
    }

    /// Begins the next snapshot.
    ///
    /// # Errors
    /// [`RecordingError::OutOfOrder`] where it does not come after the last one.
    pub fn begin_snapshot(&mut self, observed_at: Timestamp) -> Result<(), RecordingError> {
        match self.last.replace(observed_at) {
            Some(last) if observed_at <= last => Err(RecordingError::OutOfOrder { last, next: observed_at }),
            _ => Ok(()),
        }
    }

    /// Writes the next document of the snapshot. It must be redacted already.
    ///
    /// # Errors
    /// [`RecordingError::NoSnapshot`] before the first snapshot, or what the system says.
    pub fn write(&mut self, document: &Document) -> Result<(), RecordingError> {
        let observed_at = self.last.ok_or(RecordingError::NoSnapshot { operation: document.operation.name() })?;
        let line = lines::print(observed_at, document).map_err(std::io::Error::from);
        // One call a line: a program that is killed leaves whole lines, and a part of one at most.
        line.and_then(|line| self.lines.write_all(line.as_bytes()))
            .map_err(RecordingError::writing(&self.root.join(lines::FILE)))
    }
}
