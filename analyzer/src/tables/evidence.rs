//! The evidence that is judged: a sealed bundle, or rows in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use casefile_evidence::tables::{
    AlarmRow, AnyRow, ApiCallRow, ContainerDefinitionRow, ContainerRow, DeploymentRow, LogEventRow, LogGroupRow,
    LogStreamRow, ServiceDeploymentRow, ServiceEventRow, ServiceRevisionRow, ServiceRow, SnapshotRow, SourceRow,
    TargetHealthRow, TargetRow, TaskDefinitionRow, TaskRow, TaskSelectorRow, TaskSetRow,
};
use casefile_evidence::{Bundle, Columns, LineRow, Row, RowGroups, Timestamp, distinct, tables};

use super::history::History;
use crate::error::AnalyzeError;
use crate::sandbox::as_of;
use crate::signature::{LINE_COLUMNS, WRITER_COLUMNS};

/// A table that takes at most this much memory is read once and held; a larger one is read from disk by each query. The
/// size of its file says little: rows that repeat from poll to poll take a hundred times as much in memory.
const HELD_BYTES: usize = 16 << 20;
/// Rows of a batch in memory.
const BATCH_ROWS: usize = 4096;

/// The rows of one table.
#[derive(Debug, Clone)]
pub(crate) enum TableData {
    /// In memory, in the table's order.
    Held(Vec<RecordBatch>),
    /// In a file of the bundle.
    Filed,
}

/// Batches that are read one after the other.
pub(crate) type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, AnalyzeError>> + Send + 'a>;

/// Evidence to judge: a sealed bundle, or rows in memory.
#[derive(Debug, Clone)]
pub struct Evidence {
    pub(crate) tables: BTreeMap<&'static str, TableData>,
    pub(crate) bundle: Option<Bundle>,
    pub(crate) history: Option<History>,
}

impl Evidence {
    /// With what earlier deployments logged: then the verdict has the check `evidence.new-errors`.
    #[must_use]
    pub fn with_history(self, history: Option<History>) -> Self {
        Self { history, ..self }
    }

    /// A bundle, which was found sound when it was opened.
    ///
    /// # Errors
    /// Where a table cannot be read, or has not exactly its schema.
    pub fn bundle(bundle: &Bundle) -> Result<Self, AnalyzeError> {
        let mut held = BTreeMap::new();
        for table in tables::all() {
            let name = table.info.name;
            if !bundle.has_table(name) {
                // A bundle of an older format, from before the table: it was never asked for.
                held.insert(name, TableData::Held(Vec::new()));
                continue;
            }
            let batches = bundle.batches(name)?;
            let data = if name == LogEventRow::TABLE { TableData::Filed } else { held_or_filed(batches)? };
            held.insert(name, data);
        }
        Ok(Self { tables: held, bundle: Some(bundle.clone()), history: None })
    }

    /// Rows in any order.
    ///
    /// # Errors
    /// Only by a fault of this program: every row fits its table.
    pub fn rows(rows: Vec<AnyRow>) -> Result<Self, AnalyzeError> {
        let mut tables = Rows::default();
        for row in rows {
            tables.push(row);
        }
        tables.into_evidence()
    }

    /// Every row of a table, read as its row type. For tables that do not grow with the number of tasks times the number
    /// of polls; those are read with [`Evidence::columns`].
    pub(crate) fn read<R: Row>(&self) -> Result<Vec<R>, AnalyzeError> {
        match (self.tables.get(R::TABLE), &self.bundle) {
            (Some(TableData::Held(batches)), _) => read_rows(batches),
            (Some(TableData::Filed), Some(bundle)) => Ok(bundle.rows::<R>()?),
            _ => Ok(Vec::new()),
        }
    }

    /// The batches of a table, in its order.
    pub(crate) fn batches(&self, table: &str) -> Result<Batches<'_>, AnalyzeError> {
        match (self.tables.get(table), &self.bundle) {
            (Some(TableData::Held(batches)), _) => Ok(Box::new(batches.iter().cloned().map(Ok))),
            (Some(TableData::Filed), Some(bundle)) => {
                Ok(Box::new(bundle.batches(table)?.map(|batch| batch.map_err(AnalyzeError::from))))
            }
            _ => Ok(Box::new(std::iter::empty())),
        }
    }

    /// The batches of a table, in its order, with just these columns; as of a moment, where one is given. Then
    /// `observed_at` must be one of the columns.
    pub(crate) fn columns<R: Row>(
        &self,
        columns: &[&str],
        moment: Option<Timestamp>,
    ) -> Result<Batches<'_>, AnalyzeError> {
        let places = places::<R>(columns)?;
        let batches: Batches<'_> = match (self.tables.get(R::TABLE), &self.bundle) {
            (Some(TableData::Filed), Some(bundle)) => {
                Box::new(bundle.columns(R::TABLE, Some(&places))?.map(|batch| batch.map_err(AnalyzeError::from)))
            }
            _ => Box::new(
                self.batches(R::TABLE)?.map(move |batch| batch?.project(&places).map_err(AnalyzeError::internal)),
            ),
        };
        Ok(match moment {
            Some(moment) => Box::new(batches.map(move |batch| as_of(&batch?, moment))),
            None => batches,
        })
    }

    /// The log lines as they are stored, with the columns that signatures look at, to be read a row group at a time; `None` where
    /// they are held.
    pub(crate) fn stored_lines(&self) -> Result<Option<RowGroups>, AnalyzeError> {
        let (Some(TableData::Filed), Some(bundle)) = (self.tables.get(LogEventRow::TABLE), &self.bundle) else {
            return Ok(None);
        };
        let (columns, names) = (places::<LogEventRow>(&LINE_COLUMNS)?, places::<LogEventRow>(&WRITER_COLUMNS)?);
        Ok(Some(bundle.row_groups(LogEventRow::TABLE, &columns, &names)?))
    }

    /// The row of table `target`.
    pub(crate) fn target(&self) -> Result<TargetRow, AnalyzeError> {
        let mut rows = self.read::<TargetRow>()?;
        match (rows.pop(), rows.len()) {
            (Some(row), 0) => Ok(row),
            (None, _) => Err(AnalyzeError::Target { rows: 0 }),
            (Some(_), more) => Err(AnalyzeError::Target { rows: more + 1 }),
        }
    }
}

/// The places of columns in their table.
fn places<R: Row>(columns: &[&str]) -> Result<Vec<usize>, AnalyzeError> {
    let schema = R::schema();
    columns.iter().map(|column| schema.index_of(column)).collect::<Result<_, _>>().map_err(AnalyzeError::internal)
}

/// The rows of batches that have the columns of a table.
pub(crate) fn read_rows<R: Row>(batches: &[RecordBatch]) -> Result<Vec<R>, AnalyzeError> {
    let mut rows = Vec::new();
    for batch in batches {
        let read = R::from_batch(batch);
        rows.extend(read.ok_or_else(|| AnalyzeError::internal(format!("{} has another schema", R::TABLE)))?);
    }
    Ok(rows)
}

/// Reads a table as far as it can be held.
fn held_or_filed(
    batches: impl Iterator<Item = Result<RecordBatch, casefile_evidence::ReadError>>,
) -> Result<TableData, AnalyzeError> {
    let (mut held, mut bytes) = (Vec::new(), 0);
    for batch in batches {
        let batch = batch?;
        bytes += batch.get_array_memory_size();
        if bytes > HELD_BYTES {
            return Ok(TableData::Filed);
        }
        held.push(batch);
    }
    Ok(TableData::Held(held))
}

/// Sorted rows as batches.
pub(crate) fn to_batches<R: Row>(rows: &[R]) -> Result<Vec<RecordBatch>, AnalyzeError> {
    let batch = |rows: &[R]| {
        let mut columns = R::Columns::default();
        rows.iter().for_each(|row| columns.append(row));
        let columns: Vec<ArrayRef> = columns.finish();
        RecordBatch::try_new(Arc::clone(&R::schema()), columns).map_err(AnalyzeError::internal)
    };
    rows.chunks(BATCH_ROWS).map(batch).collect()
}

macro_rules! row_tables {
    ($($field:ident: $variant:ident($row:ty)),+ $(,)?) => {
        /// Rows of every table, as they come.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct Rows {
            $(pub(crate) $field: Vec<$row>,)+
            lines: Vec<LineRow>,
        }

        impl Rows {
            pub(crate) fn push(&mut self, row: AnyRow) {
                match row {
                    $(AnyRow::$variant(row) => self.$field.push(*row),)+
                    AnyRow::Line(row) => self.lines.push(*row),
                }
            }

            /// Sorts the rows of every table into its order.
            pub(crate) fn into_evidence(mut self) -> Result<Evidence, AnalyzeError> {
                self.log_events.extend(distinct(std::mem::take(&mut self.lines)));
                let mut tables = BTreeMap::new();
                $(
                    self.$field.sort();
                    tables.insert(<$row>::TABLE, TableData::Held(to_batches(&self.$field)?));
                )+
                Ok(Evidence { tables, bundle: None, history: None })
            }
        }
    };
}

row_tables! {
    target: Target(TargetRow),
    snapshots: Snapshot(SnapshotRow),
    services: Service(ServiceRow),
    deployments: Deployment(DeploymentRow),
    task_sets: TaskSet(TaskSetRow),
    service_deployments: ServiceDeployment(ServiceDeploymentRow),
    service_revisions: ServiceRevision(ServiceRevisionRow),
    tasks: Task(TaskRow),
    containers: Container(ContainerRow),
    task_definitions: TaskDefinition(TaskDefinitionRow),
    container_definitions: ContainerDefinition(ContainerDefinitionRow),
    service_events: ServiceEvent(ServiceEventRow),
    target_health: TargetHealth(TargetHealthRow),
    alarms: Alarm(AlarmRow),
    log_streams: LogStream(LogStreamRow),
    log_events: LogEvent(LogEventRow),
    sources: Source(SourceRow),
    task_selectors: TaskSelector(TaskSelectorRow),
    log_groups: LogGroup(LogGroupRow),
    api_calls: ApiCall(ApiCallRow),
}
