//! The tables of the bundle, format 1. One registry lists them: [`all`].
//!
//! Conventions: times are UTC milliseconds; ARNs and ids stand as AWS gives them; `raw` is the redacted
//! JSON of the thing as it came, without the parts that are rows of their own; a null means that AWS
//! left the field out, never zero. Every row that was observed says when (`observed_at`), so that any
//! moment can be replayed.

mod collection;
mod definition;
mod lines;
mod log;
mod service;
mod task;

pub use collection::{ApiCallRow, SnapshotRow, SourceRow, TargetRow};
pub use definition::{ContainerDefinitionRow, ServiceRevisionRow, TaskDefinitionRow};
pub use log::{LogEventRow, LogGroupRow, LogStreamRow};
pub use service::{
    AlarmRow, DeploymentRow, ServiceDeploymentRow, ServiceEventRow, ServiceRow, TargetHealthRow, TaskSetRow,
};
pub use task::{ContainerRow, TaskRow, TaskSelectorRow};

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;

use crate::row::{Row, TableInfo};
use lines::distinct_batches;
pub use lines::{Copies, LineRow, distinct};

/// A table as the registry knows it.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its documentation, columns and sort key.
    pub info: TableInfo,
    /// Its Arrow schema.
    pub schema: SchemaRef,
    /// Its schema version.
    pub version: u32,
}

/// The rows that wait to be sorted: those of the table, or others that it is made of.
macro_rules! waits {
    ($row:ty) => {
        $row
    };
    ($row:ty, $waits:ty) => {
        $waits
    };
}

/// What makes the rows of the table of those that waited.
macro_rules! stored {
    () => {
        std::convert::identity
    };
    ($stored:path) => {
        $stored
    };
}

macro_rules! registry {
    ($($variant:ident($row:ty $(= $waits:ty => $stored:path)?)),+ $(,)?) => {
        /// A row of any table. Boxed, for some are wide, and rows are handed on.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is the row type that it holds")]
        pub enum AnyRow {
            $($variant(Box<$row>),)+
            /// A line of an answer, which becomes a row of `log_events` unless an earlier read has it too.
            Line(Box<LineRow>),
        }

        impl AnyRow {
            /// The name of the table that it is a row of.
            pub fn table(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$row>::TABLE,)+
                    Self::Line(_) => LogEventRow::TABLE,
                }
            }
        }

        impl AnyRow {
            /// The rows of a batch of that table. `None` where there is no such table, or the batch is not of it.
            pub fn from_batch(table: &str, batch: &arrow::array::RecordBatch) -> Option<Vec<Self>> {
                match table {
                    $(<$row>::TABLE => Some(<$row>::from_batch(batch)?.into_iter().map(Self::from).collect()),)+
                    _ => None,
                }
            }
        }

        impl From<LineRow> for AnyRow {
            fn from(row: LineRow) -> Self {
                Self::Line(Box::new(row))
            }
        }

        $(impl From<$row> for AnyRow {
            fn from(row: $row) -> Self {
                Self::$variant(Box::new(row))
            }
        })+

        /// Every table of the format, in the order in which `inspect` lists them.
        pub fn all() -> &'static [Table] {
            static ALL: std::sync::LazyLock<Vec<Table>> = std::sync::LazyLock::new(|| {
                vec![$(Table {
                    info: <$row>::info(),
                    schema: <$row>::schema(),
                    version: <$row>::VERSION,
                }),+]
            });
            &ALL
        }

        /// One sorter for each table.
        #[expect(non_snake_case, reason = "fields carry the names of the variants")]
        pub(crate) struct Sorters {
            $($variant: crate::sort::Sorter<waits!($row $(, $waits)?)>,)+
        }

        impl Sorters {
            pub(crate) fn new(scratch: &std::path::Path, budget: usize) -> Self {
                Self { $($variant: crate::sort::Sorter::new(scratch, budget),)+ }
            }

            pub(crate) fn push(&mut self, row: AnyRow) -> Result<(), crate::error::WriteError> {
                match row {
                    $(AnyRow::$variant(row) => self.$variant.push(&(*row).into()),)+
                    AnyRow::Line(row) => self.LogEvent.push(&row),
                }
            }

            /// Puts every row on disk, and names the runs of each table.
            pub(crate) fn checkpoint(&mut self) -> Result<crate::run::Runs, crate::error::WriteError> {
                let mut runs = crate::run::Runs::new();
                $(runs.insert(<$row>::TABLE.to_owned(), crate::run::names(&self.$variant.checkpoint()?));)+
                Ok(runs)
            }

            /// Runs that are not needed any more once a new checkpoint stands.
            pub(crate) fn obsolete(&mut self) -> Vec<std::path::PathBuf> {
                let mut files = Vec::new();
                $(files.extend(self.$variant.obsolete());)+
                files
            }

            /// Takes over the runs of a checkpoint, which are in that folder.
            pub(crate) fn adopt(&mut self, runs: &crate::run::Runs, folder: &std::path::Path) {
                $(self.$variant.adopt(runs.get(<$row>::TABLE).into_iter().flatten().map(|name| folder.join(name)));)+
            }

            /// Writes every table, in registry order.
            pub(crate) fn finish(
                self,
                data: &std::path::Path,
            ) -> Result<Vec<crate::table_file::WrittenTable>, crate::error::WriteError> {
                Ok(vec![$(
                    crate::table_file::write_table::<$row, _, _>(self.$variant, data, stored!($($stored)?))?
                ),+])
            }
        }
    };
}

registry! {
    Target(TargetRow),
    Snapshot(SnapshotRow),
    Service(ServiceRow),
    Deployment(DeploymentRow),
    TaskSet(TaskSetRow),
    ServiceDeployment(ServiceDeploymentRow),
    ServiceRevision(ServiceRevisionRow),
    TaskSelector(TaskSelectorRow),
    Task(TaskRow),
    Container(ContainerRow),
    TaskDefinition(TaskDefinitionRow),
    ContainerDefinition(ContainerDefinitionRow),
    ServiceEvent(ServiceEventRow),
    TargetHealth(TargetHealthRow),
    Alarm(AlarmRow),
    LogGroup(LogGroupRow),
    LogStream(LogStreamRow),
    LogEvent(LogEventRow = LineRow => distinct_batches),
    Source(SourceRow),
    ApiCall(ApiCallRow),
}

/// Tables that came after the first version of format 1: bundles of before do not have them.
pub(crate) const ADDED: [&str; 1] = ["alarms"];

/// The table of that name.
pub fn by_name(name: &str) -> Option<&'static Table> {
    all().iter().find(|table| table.info.name == name)
}

/// Which `sources.feeds` covers a table: things that come in one answer are covered together.
/// `None` for the tables that say how the evidence was made.
pub fn fed_by(table: &str) -> Option<&'static str> {
    Some(match table {
        "services" | "deployments" => "services",
        "service_events" => "service_events",
        "task_sets" => "task_sets",
        "service_deployments" => "service_deployments",
        "service_revisions" => "service_revisions",
        "tasks" | "containers" => "tasks",
        "task_definitions" | "container_definitions" => "task_definitions",
        "target_health" => "target_health",
        "alarms" => "alarms",
        "log_groups" => "log_groups",
        "log_streams" => "log_streams",
        "log_events" => "log_events",
        _ => return None,
    })
}

/// The last row of each source, which says how it stands, in the order of the sources.
pub fn latest_sources<'a>(sources: impl IntoIterator<Item = &'a SourceRow>) -> impl Iterator<Item = &'a SourceRow> {
    let mut latest: BTreeMap<(&str, &str, &str), &SourceRow> = BTreeMap::new();
    for source in sources {
        let newest = latest.entry((&source.feeds, &source.operation, &source.parameters)).or_insert(source);
        // Their order is by these three, and then by the snapshot.
        *newest = source.max(newest);
    }
    latest.into_values()
}
