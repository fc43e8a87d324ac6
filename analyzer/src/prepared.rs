//! Evidence made ready to be asked: tables registered, views computed, signatures matched.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use casefile_evidence::tables::{LogEventRow, SourceRow, TargetRow};
use casefile_evidence::{Row, Timestamp, tables};
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
use datafusion::scalar::ScalarValue;

use crate::error::AnalyzeError;
use crate::evidence::{Evidence, TableData, as_of, observed_column, to_batches};
use crate::sandbox::{BUNDLE_URL, Catalog, Dialect, Limits, collect, plan, session};
use crate::signature::{Matches, Pattern, Scanner, matches_table, signatures_table};
use crate::tasks::Tasks;
use crate::views;

/// Evidence that can be asked.
pub(crate) struct Prepared {
    pub(crate) catalog: Catalog,
    pub(crate) target: TargetRow,
    pub(crate) sources: Vec<SourceRow>,
    pub(crate) tasks: Tasks,
    pub(crate) matches: Matches,
    /// Whether the log lines were matched as they passed by, and not kept.
    pub(crate) without_lines: bool,
}

impl Prepared {
    /// As of `moment` where it is given: nothing that was observed later exists.
    pub(crate) async fn new(
        evidence: &Evidence,
        patterns: &[Pattern],
        moment: Option<Timestamp>,
        limits: &Limits,
    ) -> Result<Self, AnalyzeError> {
        let mut target = evidence.target()?;
        if let (Some(moment), Some(end)) = (moment, target.window_to) {
            target.window_to = Some(moment.min(end));
        }
        let mut catalog = Catalog::new(evidence.data_folder().as_deref())?;
        for table in tables::all() {
            let name = table.info.name;
            let provider = if name == TargetRow::TABLE {
                held(TargetRow::schema(), to_batches(std::slice::from_ref(&target))?)?
            } else {
                match evidence.tables.get(name) {
                    Some(TableData::Held(batches)) => {
                        let batches = batches.iter().map(|batch| match moment {
                            Some(moment) => as_of(batch, moment),
                            None => Ok(batch.clone()),
                        });
                        held(table.schema, batches.collect::<Result<_, _>>()?)?
                    }
                    Some(TableData::Filed(file)) => filed(file, table.schema, moment)?,
                    None => held(table.schema, Vec::new())?,
                }
            };
            catalog.add(name, provider)?;
        }
        let (mut tasks, mut containers) = (Vec::new(), Vec::new());
        for (name, sql) in views::files() {
            let batches = view(&catalog, limits, name, sql).await?;
            match name {
                "latest_tasks" => tasks.clone_from(&batches.1),
                "latest_containers" => containers.clone_from(&batches.1),
                _ => {}
            }
            catalog.add(name, held(batches.0, batches.1)?)?;
        }
        let tasks = Tasks::from_views(&tasks, &containers);
        let matches = match &evidence.matched {
            Some(matches) => matches.clone(),
            None => scan(evidence, patterns, moment)?,
        };
        let signatures = signatures_table(patterns, &matches, &tasks, &target)?;
        catalog.add("signatures", held(signatures.schema(), vec![signatures])?)?;
        let found = matches_table(patterns, &matches, &tasks, &target)?;
        catalog.add("signature_matches", held(found.schema(), vec![found])?)?;
        let mut sources = evidence.read::<SourceRow>()?;
        if let Some(moment) = moment {
            sources.retain(|source| source.observed_at <= moment);
        }
        Ok(Self { catalog, target, sources, tasks, matches, without_lines: evidence.matched.is_some() })
    }
}

/// One pass over every line, a few thousand at a time.
fn scan(evidence: &Evidence, patterns: &[Pattern], moment: Option<Timestamp>) -> Result<Matches, AnalyzeError> {
    let mut scanner = Scanner::new(patterns)?;
    if scanner.is_idle() {
        return Ok(Matches::default());
    }
    match (&evidence.bundle, evidence.tables.get(LogEventRow::TABLE)) {
        (Some(bundle), Some(TableData::Filed(_))) => {
            for batch in bundle.batches(LogEventRow::TABLE)? {
                scanner.batch(&batch?, moment)?;
            }
        }
        (_, Some(TableData::Held(batches))) => {
            for batch in batches {
                scanner.batch(batch, moment)?;
            }
        }
        _ => {}
    }
    Ok(scanner.into_matches())
}

fn held(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Arc<dyn TableProvider>, AnalyzeError> {
    Ok(Arc::new(MemTable::try_new(schema, vec![batches]).map_err(AnalyzeError::internal)?))
}

/// Exactly the file that the manifest names, with exactly the table's schema, which the reader checked.
fn filed(file: &str, schema: SchemaRef, moment: Option<Timestamp>) -> Result<Arc<dyn TableProvider>, AnalyzeError> {
    let observed = observed_column(&schema);
    let url = ListingTableUrl::parse(format!("{BUNDLE_URL}{file}")).map_err(AnalyzeError::internal)?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config = ListingTableConfig::new(url).with_listing_options(options).with_schema(schema);
    let table: Arc<dyn TableProvider> = Arc::new(ListingTable::try_new(config).map_err(AnalyzeError::internal)?);
    let (Some(moment), Some(observed)) = (moment, observed) else { return Ok(table) };
    let moment = ScalarValue::TimestampMillisecond(Some(moment.as_millis()), Some("UTC".into()));
    let plan = LogicalPlanBuilder::scan("observed", provider_as_source(table), None)
        .and_then(|scan| scan.filter(col(observed).lt_eq(lit(moment))))
        .and_then(LogicalPlanBuilder::build)
        .map_err(AnalyzeError::internal)?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Computes a view once: checks read its rows.
async fn view(
    catalog: &Catalog,
    limits: &Limits,
    name: &str,
    sql: &str,
) -> Result<(SchemaRef, Vec<RecordBatch>), AnalyzeError> {
    let fault = |error: &dyn std::fmt::Display| AnalyzeError::internal(format!("view {name}: {error}"));
    let limits = Limits { rows: usize::MAX, ..*limits };
    let context = session(catalog, Dialect::Check, &limits)?;
    let query = plan(&context, Dialect::Check, name, sql, catalog.names()).await.map_err(|error| fault(&error))?;
    let plan = query.logical;
    let kept: Vec<usize> = plan
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| !views::HIDDEN.contains(&field.name().as_str()))
        .map(|(place, _)| place)
        .collect();
    let fields: Vec<Field> = kept
        .iter()
        .map(|place| plan.schema().field(*place))
        .map(|field| Field::new(field.name(), field.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let batches = collect(&context, query.physical, &limits)
        .await
        .map_err(|error| AnalyzeError::Limit(format!("view {name}: {error}")))?;
    let project = |batch: RecordBatch| {
        let columns = kept.iter().map(|place| Arc::clone(batch.column(*place))).collect();
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(AnalyzeError::internal)
    };
    let batches = batches.into_iter().map(project).collect::<Result<_, _>>()?;
    Ok((schema, batches))
}
