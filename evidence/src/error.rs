//! What can go wrong with a bundle.

use std::path::PathBuf;

/// A bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Something stands where the bundle should go.
    #[error("{} exists already: a sealed bundle is never overwritten; remove it or choose another --output", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Something stands where the unfinished bundle should go.
    #[error(
        "{} exists: a collection was killed; make a bundle of what it had with `casefile seal {}`, or remove it to \
         start anew",
        path.display(),
        path.display()
    )]
    PartialExists {
        /// Where.
        path: PathBuf,
    },
    /// Another process is writing the bundle.
    #[error("{} is being written by another collection: let that end, or write elsewhere", path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// There is nothing that could be sealed.
    #[error("cannot seal {}: {why}", path.display())]
    NotPartial {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A table could not be encoded.
    #[error("cannot write table {table}: {source}")]
    Table {
        /// Which.
        table: &'static str,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// The manifest could not be encoded.
    #[error("cannot write the manifest: {source}")]
    Manifest {
        /// Why.
        source: serde_json::Error,
    },
}

impl WriteError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn table(table: &'static str) -> impl Fn(parquet::errors::ParquetError) -> Self {
        move |source| Self::Table { table, source }
    }
}

/// One way in which a bundle is not what was sealed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Problem {
    /// A file that the bundle lists is gone.
    #[error("{file}: is missing")]
    Missing {
        /// Path within the bundle.
        file: String,
    },
    /// A file that the bundle does not list.
    #[error("{file}: was added, the bundle does not list it")]
    Added {
        /// Path within the bundle.
        file: String,
    },
    /// A file is not what was sealed.
    #[error("{file}: was changed (sha256 is {found}, sealed as {sealed})")]
    Changed {
        /// Path within the bundle.
        file: String,
        /// What it was.
        sealed: String,
        /// What it is.
        found: String,
    },
    /// A file cannot be read as what it must be.
    #[error("{file}: {what}")]
    Malformed {
        /// Path within the bundle.
        file: String,
        /// Why.
        what: String,
    },
    /// A file cannot be read at all.
    #[error("{file}: cannot be read: {why}")]
    Unreadable {
        /// Path within the bundle.
        file: String,
        /// Why.
        why: String,
    },
}

/// A bundle could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing is there.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// Where.
        path: PathBuf,
    },
    /// Something is there that is no bundle.
    #[error("{} is not an evidence bundle: {why}", path.display())]
    NotABundle {
        /// Where.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// The bundle is not what was sealed.
    #[error("{} is not what was sealed: {}", path.display(), list(problems))]
    Integrity {
        /// Where.
        path: PathBuf,
        /// Every problem found, in order.
        problems: Vec<Problem>,
    },
    /// The bundle was written by a newer program.
    #[error(
        "{} has bundle format {found}, and this casefile reads up to format {}: use a newer casefile",
        path.display(), crate::FORMAT
    )]
    NewerFormat {
        /// Where.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A table of a sound bundle could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no Parquet that can be read.
    #[error("cannot read table {table}: {source}")]
    Parquet {
        /// Which.
        table: String,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// A batch could not be decoded.
    #[error("cannot read table {table}: {source}")]
    Arrow {
        /// Which.
        table: String,
        /// Why.
        source: arrow::error::ArrowError,
    },
    /// The file's schema is not the table's.
    #[error("table {table} does not have the schema of its version: {difference}")]
    Schema {
        /// Which.
        table: String,
        /// The first difference.
        difference: String,
    },
}
