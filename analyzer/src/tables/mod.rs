//! The evidence as tables: the bundle's tables, derived tables, and the views that checks read.

mod changes;
mod derived;
mod evidence;
mod history;
mod images;
mod impact;
mod rollout;
mod tasks;
mod views;

pub(crate) use changes::Changes;
pub(crate) use derived::{batch, doc, texts, times};
pub use evidence::Evidence;
pub(crate) use evidence::{Rows, TableData, read_rows, to_batches};
pub use history::{History, NEW_ERRORS, NewError};
pub use images::Image;
pub(crate) use images::images;
pub(crate) use impact::unhealthy_targets;
pub use impact::{Impact, Running};
pub use rollout::RolloutSettings;
pub(crate) use rollout::{JudgedRollout, table_docs as rollout_docs};
pub(crate) use tasks::{Task, Tasks, family, flag, int, rows, text};
#[cfg(test)]
pub(crate) use views::sql_type;
pub use views::{ColumnDoc, TableDoc};
pub(crate) use views::{files as view_files, view_doc, view_schema};
