//! A person's question to many bundles at once: tables that an archive has in files, and rows at hand.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::sql::resolve::resolve_table_references;
use object_store::ObjectStore;

use crate::error::{AnalyzeError, SpecError};
use crate::options::Options;
use crate::prepared::{files, held};
use crate::query::{Answer, NAME, asked};
use crate::sandbox::{ARCHIVE_URL, BUNDLE_URL, Catalog, Dialect, Limits, first_line, parse, session};

/// A table of many bundles.
#[derive(Debug, Clone)]
pub struct ManyRows {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub schema: SchemaRef,
    /// Files in the archive's object store, by key.
    pub archived: Vec<String>,
    /// Files in the folder.
    pub local: Vec<PathBuf>,
    /// Rows in memory.
    pub held: Vec<RecordBatch>,
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
    folder: &std::path::Path,
    sql: &str,
    options: &Options,
) -> Result<Answer, AnalyzeError> {
    let limits = Limits { answer: options.memory_limit, ..options.limits() };
    let mut catalog = Catalog::new(Some(folder))?.with_archive(store);
    for table in tables {
        let provider = provider(&table)?;
        catalog.add(&table.name, provider)?;
    }
    let context = session(&catalog, Dialect::Question, &limits)?;
    asked(&context, &catalog, sql, &limits).await
}

fn provider(table: &ManyRows) -> Result<Arc<dyn TableProvider>, AnalyzeError> {
    let schema = || Arc::clone(&table.schema);
    let mut all: Vec<Arc<dyn TableProvider>> = Vec::new();
    if !table.archived.is_empty() {
        all.push(files(table.archived.iter().map(|key| format!("{ARCHIVE_URL}{key}")), schema())?);
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
