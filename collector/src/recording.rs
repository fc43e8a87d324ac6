//! Recordings: documents in time order, as files that a person can read.
//!
//! A recording is a folder with a `recording.jsonl`, which has one document a line, and an optional `recording.toml`. What
//! people save is one too: a flat folder of AWS CLI outputs (one snapshot), or one folder a snapshot, named by when it was
//! observed. It is read from disk, where only the document that is asked for is in memory, or from files in memory.

mod error;
mod files;
mod info;
mod lines;
mod name;
mod read;
mod text;
mod walk;
mod write;

#[cfg(test)]
mod tests;

pub use error::RecordingError;
pub use info::RecordingInfo;
pub use name::snapshot_time;
pub use read::{DocumentFile, RecordedSnapshot, Recording, UnknownFile};
pub(crate) use text::decode;
pub use write::RecordingWriter;
