//! Everything that ends a run, each with its exit code.

use std::path::PathBuf;

use casefile_analyzer::AnalyzeError;
use casefile_archive::ArchiveError;
use casefile_collector::RecoverError;
use casefile_collector::aws::{ConnectError, KmsError, StoreError};
use casefile_collector::collect::CollectError;
use casefile_collector::import::ImportError;
use casefile_collector::recording::RecordingError;
use casefile_collector::redact::RedactError;
use casefile_collector::terraform::TerraformError;
use casefile_evidence::{OpenError, ReadError, WriteError};
use casefile_gate::GateError;

use crate::exit::Exit;

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller asked for something that cannot be.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Analyze(#[from] AnalyzeError),
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Collect(#[from] CollectError),
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Kms(#[from] KmsError),
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A document of the archive was changed, or is not what it should be.
    #[error("{place} {problem}")]
    Document { place: String, problem: String },
    #[error("the bundle is sealed, and stays at {}: {source}", path.display())]
    Upload { path: PathBuf, source: StoreError },
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    /// Nothing can be judged, whatever the bundle: an archive that is not there, executors that are lost.
    #[error("{0}")]
    Engine(String),
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<RedactError> for Error {
    fn from(error: RedactError) -> Self {
        match error {
            RedactError::Read(error) => Self::Read(error),
            RedactError::Write(error) => Self::Write(error),
        }
    }
}

impl From<RecoverError> for Error {
    fn from(error: RecoverError) -> Self {
        match error {
            RecoverError::Write(error) => Self::Write(error),
            RecoverError::Open(error) => Self::Open(error),
        }
    }
}

impl Error {
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::Usage(what.into())
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// An error of the engine that runs a plan: of this program, or of a machine of a cluster.
    pub(crate) fn engine(error: &datafusion::error::DataFusionError) -> Self {
        Self::Engine(format!("the work on the archive stopped: {error}"))
    }

    /// The one map from errors to exit codes.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Recording(_) | Self::Import(_) | Self::Connect(_) | Self::Terraform(_) => {
                Exit::Usage
            }
            Self::Open(OpenError::Integrity { .. }) | Self::Read(_) => Exit::Integrity,
            Self::Open(OpenError::NotFound { .. } | OpenError::NotABundle { .. } | OpenError::NewerFormat { .. }) => {
                Exit::Usage
            }
            Self::Write(
                WriteError::Exists { .. }
                | WriteError::PartialExists { .. }
                | WriteError::InUse { .. }
                | WriteError::NotPartial { .. },
            ) => Exit::Usage,
            Self::Store(StoreError::Url { .. } | StoreError::Exists { .. } | StoreError::Credentials { .. }) => {
                Exit::Usage
            }
            Self::Store(_)
            | Self::Upload { .. }
            | Self::Write(_)
            | Self::Io { .. }
            | Self::Engine(_)
            | Self::Internal(_) => Exit::Internal,
            Self::Archive(error) => match error {
                ArchiveError::Missing { .. }
                | ArchiveError::Name { .. }
                | ArchiveError::NotThere { .. }
                | ArchiveError::NotAVerdict { .. }
                | ArchiveError::Ambiguous { .. } => Exit::Usage,
                ArchiveError::Open(OpenError::Integrity { .. })
                | ArchiveError::Read(_)
                | ArchiveError::Verdict { .. }
                | ArchiveError::Index { .. }
                | ArchiveError::NoIndex { .. }
                | ArchiveError::Row { .. }
                | ArchiveError::Copy { .. }
                | ArchiveError::Changed { .. }
                | ArchiveError::OtherBundle { .. } => Exit::Integrity,
                ArchiveError::Open(_) => Exit::Usage,
                ArchiveError::Store { .. }
                | ArchiveError::File { .. }
                | ArchiveError::Busy { .. }
                | ArchiveError::Write(_)
                | ArchiveError::Internal(_) => Exit::Internal,
            },
            Self::Kms(KmsError::Refused { .. }) => Exit::Internal,
            Self::Kms(KmsError::Connect(_)) => Exit::Usage,
            Self::Gate(GateError::Internal(_)) => Exit::Internal,
            Self::Gate(_) => Exit::Usage,
            Self::Document { .. } => Exit::Integrity,
            Self::Collect(error) => match error {
                CollectError::Target { .. } => Exit::Usage,
                CollectError::Write(_) | CollectError::Record(_) => Exit::Internal,
            },
            Self::Analyze(error) => match error {
                AnalyzeError::Specification(_) | AnalyzeError::Query(_) => Exit::Usage,
                AnalyzeError::Read(_) | AnalyzeError::Target { .. } => Exit::Integrity,
                AnalyzeError::Limit(_) => Exit::CheckError,
                AnalyzeError::Internal(_) => Exit::Internal,
            },
        }
    }
}
