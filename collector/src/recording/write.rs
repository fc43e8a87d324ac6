//! Writing a recording, for `--record`.

use std::fs;
use std::path::{Path, PathBuf};

use casefile_evidence::Timestamp;

use super::error::RecordingError;
use super::info::RecordingInfo;
use super::name::{log_file, snapshot_folder};
use super::text;
use crate::document::Document;

/// Writes a recording: a folder a snapshot, a file a document.
#[derive(Debug)]
pub struct RecordingWriter {
    root: PathBuf,
    last: Option<(Timestamp, PathBuf)>,
    documents: usize,
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
        let writer = Self { root: dir.to_owned(), last: None, documents: 0 };
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
        if let Some((last, _)) = &self.last
            && observed_at <= *last
        {
            return Err(RecordingError::OutOfOrder { last: *last, next: observed_at });
        }
        let folder = self.root.join(snapshot_folder(observed_at));
        let make = |source| RecordingError::Io { action: "make", path: folder.clone(), source };
        fs::create_dir(&folder).map_err(make)?;
        self.last = Some((observed_at, folder));
        self.documents = 0;
        Ok(())
    }

    /// Writes the next document of the snapshot. It must be redacted already. A bare document stays bare,
    /// so that it is still read as an assumption.
    ///
    /// # Errors
    /// [`RecordingError::NoSnapshot`] before the first snapshot, or what the system says.
    pub fn write(&mut self, document: &Document) -> Result<(), RecordingError> {
        let operation = document.operation.name();
        let Some((_, folder)) = &self.last else { return Err(RecordingError::NoSnapshot { operation }) };
        self.documents += 1;
        let stream = document.requested("logGroupName").zip(document.requested("logStreamName"));
        let (name, value) = match (document.assumed, document.answer(), stream) {
            (true, Some(response), Some((group, stream))) => (log_file(group, stream), response.to_json().into()),
            (true, Some(response), None) => (self.numbered(operation), response.to_json().into()),
            _ => (self.numbered(operation), document.to_json()),
        };
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            let make = |source| RecordingError::Io { action: "make", path: parent.to_owned(), source };
            fs::create_dir_all(parent).map_err(make)?;
        }
        let wrong = RecordingError::writing(&file);
        match text::print(value) {
            Ok(text) => fs::write(&file, text).map_err(wrong),
            Err(error) => Err(wrong(error.into())),
        }
    }

    fn numbered(&self, operation: &str) -> PathBuf {
        format!("{:04}-{operation}.json", self.documents).into()
    }
}
