//! The evidence bundle: its tables, its writer, its reader and its seal.
//!
//! A bundle is a BagIt 1.0 bag (RFC 8493) of Parquet tables. This crate knows the format and nothing
//! else: no AWS, no query engine, no clock, no network, no async.
//!
//! ```
//! use casefile_evidence::{Bundle, BundleWriter, ManifestHead, Timestamp, tables::SnapshotRow};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("rollout");
//!
//! let mut writer = BundleWriter::create(&path)?;
//! let observed_at = Timestamp::parse("2026-11-23T07:43:00Z")?;
//! writer.push(SnapshotRow { snapshot: 0, observed_at, documents: 3, assumed: false })?;
//! let sealed = writer.seal(&ManifestHead::default())?;
//!
//! let bundle = Bundle::open(&path)?;
//! assert_eq!(bundle.digest(), sealed.digest);
//! assert_eq!(bundle.rows::<SnapshotRow>()?.len(), 1);
//! # Ok(())
//! # }
//! ```

mod archive;
mod bag;
mod batches;
mod checkpoint;
mod diff;
mod error;
mod files;
mod lock;
mod log_group;
mod manifest;
mod merge;
mod name;
mod order;
mod pages;
mod place;
mod read;
pub mod rollout;
mod row;
mod run;
mod schema;
mod sort;
mod table_file;
pub mod tables;
mod time;
mod verify;
mod write;

pub use archive::{FOLDER as TAR_FOLDER, pack};
pub use bag::{Digest, sealed_files};
pub use checkpoint::{Recovered, recoverable};
pub use diff::TableDifference;
pub use error::{OpenError, Problem, ReadError, WriteError};
pub use files::files;
pub use log_group::log_group_name;
pub use manifest::{FORMAT, Manifest, ManifestHead, TableEntry, Window};
pub use name::Name;
pub use read::{Bundle, RowGroups, read_table, read_table_in_memory};
#[doc(hidden)]
pub use row::doc;
pub use row::{Cell, ColumnInfo, Columns, Row, TableInfo, utc_millis};
pub use tables::{AnyRow, Table};
pub use tables::{Copies, LineRow, distinct};
pub use time::{InvalidTimestamp, Timestamp};
pub use verify::verify;
pub use write::{BundleWriter, Sealed};
