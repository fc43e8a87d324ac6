//! What a process that runs queries is told, and what it answers: frames of four bytes of length, big-endian, and as
//! many bytes. A frame is JSON, or a table as an Arrow IPC stream.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

use super::run::{Limits, RunError};
use crate::error::SpecError;

/// What is to be done with each query.
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

/// What planning a check found out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// The columns of its rows.
    pub(crate) columns: BTreeSet<String>,
    /// The statuses that its rows can say, by name; `None` where any.
    pub(crate) says: Option<BTreeSet<String>>,
    /// The tables that it reads.
    pub(crate) reads: BTreeSet<String>,
    /// What a careful reader would ask its author.
    pub(crate) findings: Vec<SpecError>,
}

/// The answer about one query, in the order of the queries. A frame with rows follows [`Reply::Rows`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Planned(Planned),
    Rows,
    Refused(SpecError),
    Failed(RunError),
}

pub(crate) fn write_frame(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("a table is larger than 4 GiB"))?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(bytes)
}

/// The next frame; `None` at the end.
pub(crate) fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut bytes = Vec::new();
    let length = u64::from(u32::from_be_bytes(length));
    if input.take(length).read_to_end(&mut bytes)? as u64 == length { Ok(Some(bytes)) } else { Ok(None) }
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
