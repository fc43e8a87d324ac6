//! The protocol between this program and the child process that runs queries. A message is a frame: its length in
//! four bytes, the highest first, then its bytes. They are JSON, or a table as an Arrow IPC stream.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::run::{Limits, RunError};
use crate::error::SpecError;
use crate::terms::Status;

/// The work to do with each query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Plan a check, and look at it as its author's reviewer would.
    Plan,
    /// Plan a check and run it.
    Run,
    /// Plan a person's question over the tables themselves and run it.
    Ask,
}

/// A query as it was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) sql: String,
}

/// The first frame of a request. A frame for each of its tables follows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) work: Work,
    pub(crate) limits: Limits,
    pub(crate) queries: Vec<Source>,
    pub(crate) tables: Vec<Head>,
    /// The folder of the bundle that tables are read from; as of the moment.
    pub(crate) bundle: Option<PathBuf>,
    pub(crate) moment: Option<Timestamp>,
}

/// A table of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) name: String,
    /// Its rows are in the bundle, and not in its frame.
    pub(crate) filed: bool,
}

/// The result of planning a check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// The columns of its rows.
    pub(crate) columns: BTreeSet<String>,
    /// The statuses that its rows can say; `None` where any.
    pub(crate) says: Option<BTreeSet<Status>>,
    /// The tables that it reads.
    pub(crate) reads: BTreeSet<String>,
    /// Lint findings.
    pub(crate) findings: Vec<SpecError>,
}

/// The reply to a query. A frame with rows follows [`Reply::Rows`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Planned(Planned),
    Rows,
}

/// Why a query gave nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// It may not run.
    Refused(SpecError),
    /// It ran, or was planned, and did not come to its end.
    Failed(RunError),
}

impl From<SpecError> for Refusal {
    fn from(error: SpecError) -> Self {
        Self::Refused(error)
    }
}

impl From<RunError> for Refusal {
    fn from(error: RunError) -> Self {
        Self::Failed(error)
    }
}

/// The answer to a query: one frame each, in the order of the queries.
pub(crate) type Answer<T> = Result<T, Refusal>;

pub(crate) async fn write_frame(out: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("a table is larger than 4 GiB"))?;
    out.write_u32(length).await?;
    out.write_all(bytes).await
}

pub(crate) async fn read_frame(input: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = u64::from(input.read_u32().await?);
    let mut bytes = Vec::new();
    let read = input.take(length).read_to_end(&mut bytes).await?;
    if read as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A table as an Arrow IPC stream.
pub(crate) fn to_ipc(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    for batch in batches {
        writer.write(&RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec())?)?;
    }
    writer.into_inner()
}

pub(crate) fn from_ipc(bytes: &[u8]) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let reader = StreamReader::try_new(bytes, None)?;
    let schema = reader.schema();
    Ok((schema, reader.collect::<Result<_, _>>()?))
}
