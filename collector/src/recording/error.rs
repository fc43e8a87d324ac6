//! What can be wrong with a recording, and how to mend it.

use std::io;
use std::path::{Path, PathBuf};

use casefile_evidence::Timestamp;

use crate::document::NotADocument;

/// A recording could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// There is no such folder.
    #[error(
        "{} does not exist: name the folder of a recording, or a folder with saved AWS CLI outputs",
        path.display()
    )]
    Missing {
        /// What was named.
        path: PathBuf,
    },
    /// It is a file.
    #[error("{} is not a folder: name the folder that the documents are in", path.display())]
    NotAFolder {
        /// What was named.
        path: PathBuf,
    },
    /// It holds no document.
    #[error(
        "{} holds no document{}: save what the AWS CLI prints as JSON there, e.g. aws ecs describe-services \
         --output json > describe-services.json",
        path.display(),
        only(seen)
    )]
    NoDocuments {
        /// The folder.
        path: PathBuf,
        /// What is there instead, with why it is no document.
        seen: Vec<String>,
    },
    /// A `recording.jsonl` states a format that is not known.
    #[error(
        "{}:{line}: format {format} is not known, this casefile reads format 1: use the version that wrote it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands there, as JSON.
        format: String,
    },
    /// No line of a `recording.jsonl` holds a document.
    #[error(
        "{}:{line}: the recording ends here and holds no document{}: take it again with `casefile collect --record DIR`",
        path.display(),
        only(seen)
    )]
    NoDocumentLines {
        /// The file.
        path: PathBuf,
        /// Its last line, from 1.
        line: usize,
        /// What is there instead, with why it is no document.
        seen: Vec<String>,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read`, `write` or `make`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no JSON.
    #[error(
        "{}:{line}:{column}: {problem}: mend the file, or take it out of the recording",
        path.display()
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser expected.
        problem: String,
    },
    /// A file was a document when the recording was opened and is none now.
    #[error("{} {source}: the file changed while it was read", path.display())]
    NotADocument {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: NotADocument,
    },
    /// `recording.toml` is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Info {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what may stand there.
        problem: String,
    },
    /// A folder is named nearly as a snapshot is.
    #[error(
        "{} looks like a snapshot but its name is no moment: name it like 2026-11-23T07-43-00Z (UTC, '-' for ':')",
        path.display()
    )]
    SnapshotName {
        /// The folder.
        path: PathBuf,
    },
    /// The folder to write to is not empty.
    #[error("{} is not empty: name a new or empty folder for the recording", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A document was to be written before any snapshot began.
    #[error("a document of {operation} was to be recorded outside of any snapshot")]
    NoSnapshot {
        /// The operation.
        operation: &'static str,
    },
    /// A snapshot does not come after the one before it.
    #[error("snapshot {next} does not come after {last}: did the clock go back?")]
    OutOfOrder {
        /// The last snapshot's moment.
        last: Timestamp,
        /// The moment that was given.
        next: Timestamp,
    },
}

/// The most files that [`RecordingError::NoDocuments`] names.
const NAMED: usize = 5;

fn only(seen: &[String]) -> String {
    if seen.is_empty() {
        return String::new();
    }
    let named = seen.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = seen.len().saturating_sub(NAMED);
    if more == 0 { format!(" ({named})") } else { format!(" ({named}; and {more} more)") }
}

impl RecordingError {
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action: "read", path, source }
    }

    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action: "write", path, source }
    }
}
