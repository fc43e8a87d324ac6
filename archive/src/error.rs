//! Errors of an archive, each with its remedy.

use std::path::PathBuf;

use casefile_evidence::{OpenError, ReadError, WriteError};

/// What is named by the first digits of its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A bundle.
    Bundle,
    /// A verdict.
    Verdict,
    /// A decision of the gate.
    Decision,
}

impl What {
    const fn remedy(self) -> &'static str {
        match self {
            Self::Bundle => "`casefile archive list` has the bundles",
            Self::Verdict => "`casefile archive list --format json` has the verdicts",
            Self::Decision => "the gate prints its digest, and keeps it below decisions/",
        }
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bundle => "bundle",
            Self::Verdict => "verdict",
            Self::Decision => "decision",
        })
    }
}

/// An operation on an archive failed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There is no archive.
    #[error("there is no archive at {archive}: `casefile archive add` makes one")]
    Missing {
        /// The place.
        archive: String,
    },
    /// The object store failed.
    #[error("{place}: {}", said(source))]
    Store {
        /// The object.
        place: String,
        /// The error of the store.
        source: object_store::Error,
    },
    /// A name cannot be a part of a key.
    #[error(
        "the {what} {value:?} cannot be a part of a path in an archive: only letters, digits, '.', '_' and '-' can"
    )]
    Name {
        /// `service` or `region`.
        what: &'static str,
        /// The name.
        value: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The bundle is not sound.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The bundle cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The bundle cannot be packed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A verdict is not sound.
    #[error("the verdict {place}: {problem}")]
    Verdict {
        /// The file.
        place: String,
        /// The problem.
        problem: String,
    },
    /// A file is no verdict.
    #[error("{place} is not a verdict of casefile ({problem}): write one with --report json=FILE")]
    NotAVerdict {
        /// The file.
        place: String,
        /// The problem.
        problem: String,
    },
    /// A row of the index is not sound.
    #[error("the index's row of {place} is damaged ({problem}): run `casefile archive index`")]
    Row {
        /// The bundle's object.
        place: String,
        /// The problem.
        problem: String,
    },
    /// The compacted copy is not sound.
    #[error("{place} is damaged ({problem}): remove tables/, and run `casefile archive compact`")]
    Copy {
        /// The object.
        place: String,
        /// The problem.
        problem: String,
    },
    /// A segment of the index is not sound.
    #[error("{place} is not a part of an index ({problem}): remove it, and run `casefile archive index`")]
    Index {
        /// The object.
        place: String,
        /// The problem.
        problem: String,
    },
    /// An object is not what was kept.
    #[error("{place} is not what was kept ({problem}): run `casefile archive verify`")]
    Changed {
        /// The key.
        place: String,
        /// The problem.
        problem: String,
    },
    /// Two jobs write the compacted copy.
    #[error("another job compacts {month} of {archive}: run `casefile archive compact` when it is done")]
    Busy {
        /// The month.
        month: String,
        /// The archive.
        archive: String,
    },
    /// The index is missing.
    #[error("{archive} has bundles, and no index: run `casefile archive index`")]
    NoIndex {
        /// The archive.
        archive: String,
    },
    /// An object of another content has the key.
    #[error("{place} holds another bundle ({found}): run `casefile archive verify`")]
    OtherBundle {
        /// The key.
        place: String,
        /// The digest of its content.
        found: String,
    },
    /// Nothing of that kind has such a digest.
    #[error("no {what} of {archive} has a digest that begins with {prefix:?}: {}", what.remedy())]
    NotThere {
        /// The kind.
        what: What,
        /// The beginning of a digest.
        prefix: String,
        /// The archive.
        archive: String,
    },
    /// Several have such a digest.
    #[error("{count} {what}s have digests that begin with {prefix:?}: give more digits")]
    Ambiguous {
        /// The kind.
        what: What,
        /// The beginning of a digest.
        prefix: String,
        /// How many there are.
        count: usize,
    },
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The store's words; of what is denied, who can mend it.
fn said(error: &object_store::Error) -> String {
    let text = error.to_string();
    let denied =
        matches!(error, object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. });
    // Of DeleteObjects the answer is OK, and has an error for each key.
    if denied || text.contains("code: AccessDenied") {
        return "access denied; `casefile archive roles` prints what each role needs".to_owned();
    }
    text
}

impl ArchiveError {
    pub(crate) fn store(place: &str, source: object_store::Error) -> Self {
        Self::Store { place: place.to_owned(), source }
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}
