//! A person's question to many bundles at once: tables that an archive has in files, and rows at hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ScalarUDF};
use datafusion::sql::resolve::resolve_table_references;
use object_store::ObjectStore;
use object_store::path::Path as Key;
use url::Url;

use crate::error::{AnalyzeError, SpecError};
use crate::options::Options;
use crate::prepared::{files, held};
use crate::query::{Answer, NAME, asked, limits, refused};
use crate::sandbox::{
    ARCHIVE, BUNDLE_URL, Catalog, Dialect, Refusal, RunError, drain, first_line, parse, plan, scalars, session,
};

/// A table of many bundles.
#[derive(Debug, Clone)]
pub struct ManyRows {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub schema: SchemaRef,
    /// Files in the archive's object store, by URL ([`archive_url`]).
    pub archived: Vec<String>,
    /// Files in the folder.
    pub local: Vec<PathBuf>,
    /// Rows in memory.
    pub held: Vec<RecordBatch>,
    /// Other rows.
    pub others: Vec<Arc<dyn TableProvider>>,
}

impl ManyRows {
    /// A table with these columns, and without a name or rows.
    pub fn of(schema: SchemaRef) -> Self {
        let (name, archived, local, held, others) = Default::default();
        Self { name, schema, archived, local, held, others }
    }
}

/// The URL of a file of an archive: its host names the archive, in hexadecimal digits.
pub fn archive_url(place: &str, key: &Key) -> String {
    let host: String = place.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{ARCHIVE}://{host}/{key}")
}

/// The archive of a file of one; `None`: the URL is that of another file.
pub fn place_in_url(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| url.scheme() == ARCHIVE && host.len() % 2 == 0)?;
    let byte = |at: usize| host.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    String::from_utf8((0..host.len()).step_by(2).map(byte).collect::<Option<_>>()?).ok()
}

/// The names of the tables that a question reads.
///
/// # Errors
/// Where it cannot be parsed.
pub fn tables_of(sql: &str) -> Result<Vec<String>, SpecError> {
    let statement = parse(NAME, first_line(sql), sql)?;
    let references = resolve_table_references(&statement, true);
    let (tables, _) = references.map_err(|error| SpecError::new(NAME, error.strip_backtrace(), ""))?;
    Ok(tables.iter().map(|table| table.table().to_owned()).collect())
}

/// Asks tables of many bundles a question: one SELECT. The functions and the limits are those of
/// [`query`](crate::query()); `store` has the archived files, `folder` the local ones.
///
/// May be cancelled: nothing outlives it.
///
/// # Errors
/// Where the query is refused, wrong or too costly, or a file cannot be read.
pub async fn query_many(
    tables: Vec<ManyRows>,
    store: Arc<dyn ObjectStore>,
    folder: &Path,
    sql: &str,
    options: &Options,
) -> Result<Answer, AnalyzeError> {
    let (catalog, limits) = (catalog(tables, store, Some(folder))?, limits(options));
    asked(&session(&catalog, Dialect::Question, &limits)?, &catalog, sql, &limits).await
}

/// Plans a question as [`query_many`] does, for an engine elsewhere, whose rows [`answer`] takes.
///
/// May be cancelled, as [`query_many`].
///
/// # Errors
/// Where the query is refused or wrong, or a file cannot be read.
pub async fn plan_many(
    tables: Vec<ManyRows>,
    store: Arc<dyn ObjectStore>,
    sql: &str,
    options: &Options,
) -> Result<LogicalPlan, AnalyzeError> {
    let catalog = catalog(tables, store, None)?;
    let context = session(&catalog, Dialect::Question, &limits(options))?;
    let planned = plan(&context, Dialect::Question, NAME, sql, catalog.names()).await;
    Ok(planned.map_err(AnalyzeError::Query)?.logical)
}

/// The answer to a question that was planned by [`plan_many`], within the limits.
///
/// May be cancelled: the rows are then dropped.
///
/// # Errors
/// Where the rows are too many or take too long, or the engine fails.
pub async fn answer(
    plan: &LogicalPlan,
    rows: SendableRecordBatchStream,
    options: &Options,
) -> Result<Answer, AnalyzeError> {
    let limits = limits(options);
    let drained = tokio::time::timeout(limits.time, drain(rows, &limits)).await;
    let batches =
        drained.unwrap_or(Err(RunError::Time(limits.time))).map_err(|error| refused(Refusal::Failed(error)))?;
    Ok(Answer { schema: SchemaRef::new(plan.schema().as_arrow().clone()), batches })
}

/// The scalar functions that the engine must know: of these a question may call some.
pub fn scalar_functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    scalars()
}

fn catalog(tables: Vec<ManyRows>, store: Arc<dyn ObjectStore>, folder: Option<&Path>) -> Result<Catalog, AnalyzeError> {
    let mut catalog = Catalog::new(folder)?.with_archive(store);
    for table in tables {
        let provider = provider(&table)?;
        catalog.add(&table.name, provider)?;
    }
    Ok(catalog)
}

fn provider(table: &ManyRows) -> Result<Arc<dyn TableProvider>, AnalyzeError> {
    let schema = || Arc::clone(&table.schema);
    let mut all = table.others.clone();
    if !table.archived.is_empty() {
        all.push(files(table.archived.iter().cloned(), schema())?);
    }
    if !table.local.is_empty() {
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let names = table.local.iter().filter_map(name);
        all.push(files(names.map(|name| format!("{BUNDLE_URL}{name}")), schema())?);
    }
    if !table.held.is_empty() || all.is_empty() {
        all.push(held(schema(), table.held.clone())?);
    }
    if let [one] = &all[..] {
        return Ok(Arc::clone(one));
    }
    let mut scans = all.into_iter().map(|one| LogicalPlanBuilder::scan(&table.name, provider_as_source(one), None));
    let Some(first) = scans.next() else { return held(schema(), Vec::new()) };
    let plan = scans.try_fold(first.map_err(AnalyzeError::internal)?, |plan, scan| {
        plan.union(scan.and_then(LogicalPlanBuilder::build).map_err(AnalyzeError::internal)?)
            .map_err(AnalyzeError::internal)
    })?;
    Ok(Arc::new(ViewTable::new(plan.build().map_err(AnalyzeError::internal)?, None)))
}
