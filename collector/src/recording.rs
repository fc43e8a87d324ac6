//! Recordings: documents in time order, as files that a person can read.
//!
//! A recording is a folder with one sub-folder a snapshot, named by when it was observed, and an optional
//! `recording.toml`. A flat folder of AWS CLI outputs is a recording of one snapshot. Reading is lazy: only
//! the document that is asked for is in memory.

mod error;
mod info;
mod name;
mod read;
mod text;
mod write;

#[cfg(test)]
mod tests;

pub use error::RecordingError;
pub use info::RecordingInfo;
pub use name::{log_file, snapshot_folder, snapshot_time};
pub use read::{DocumentFile, RecordedSnapshot, Recording, UnknownFile};
pub(crate) use text::decode;
pub use write::RecordingWriter;
