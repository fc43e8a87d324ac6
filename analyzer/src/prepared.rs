//! Evidence made ready to be asked: views computed, signatures matched, all rows at hand.

use std::sync::Arc;
use std::sync::mpsc::{SendError, SyncSender, sync_channel};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use casefile_evidence::rollout::Judged;
use casefile_evidence::tables::{ContainerDefinitionRow, LogEventRow, ServiceRow, SourceRow, TargetRow};
use casefile_evidence::{ReadError, Row, RowGroups, Timestamp, tables};
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
use datafusion::scalar::ScalarValue;

use crate::error::AnalyzeError;
use crate::options::Options;
use crate::plans::{PlannedView, ViewPlans};
use crate::sandbox::{BUNDLE_URL, Catalog, Contents, Limits, Rows, Together, as_of, observed_column};
use crate::signature::{Compiled, Ended, Matches, Scanner, Screen, derived_tables};
use crate::tables::{
    Evidence, Image, Impact, JudgedRollout, RolloutSettings, TableData, Tasks, images, int, read_rows, rows, text,
    to_batches, unhealthy_targets,
};

/// The stop reason of a collection that goes on.
const COLLECTING: &str = "collecting";

/// Evidence that can be asked.
pub(crate) struct Prepared {
    pub(crate) contents: Arc<Contents>,
    pub(crate) target: TargetRow,
    /// Whether the collection has ended, as of the moment: nothing more will come.
    pub(crate) ended: bool,
    /// The rollout that is judged.
    pub(crate) judged: Judged,
    /// How many of its tasks name no deployment.
    pub(crate) tasks_by_definition: usize,
    /// The service as it was last seen.
    pub(crate) service: Option<ServiceRow>,
    /// The last row of each source.
    pub(crate) sources: Vec<SourceRow>,
    /// How often a task was described, as the sources count it.
    pub(crate) described: i64,
    pub(crate) definitions: Vec<ContainerDefinitionRow>,
    pub(crate) tasks: Tasks,
    /// The images that the essential containers of the rollout's tasks run.
    pub(crate) images: Vec<Image>,
    /// The revisions that run at the end.
    pub(crate) impact: Impact,
    pub(crate) matches: Matches,
    /// Whether the log lines were matched as they passed by, and not kept.
    pub(crate) without_lines: bool,
}

impl Prepared {
    /// As of the moment that the options may name: nothing that was observed later exists. `matched` are the matches that
    /// were found while lines passed by, where the lines themselves were not kept.
    pub(crate) async fn new(
        evidence: &Evidence,
        matched: Option<&Matches>,
        views: &ViewPlans,
        settings: &RolloutSettings,
        signatures: &Compiled,
        options: &Options,
    ) -> Result<Self, AnalyzeError> {
        let (moment, together) = (options.as_of, options.together.as_ref());
        // Rows of views do not end up in the verdict as they are.
        let limits = Limits { rows: usize::MAX, answer: usize::MAX, ..options.limits() };
        let mut target = evidence.target()?;
        let ended = target.stop_reason != COLLECTING
            && moment.is_none_or(|moment| target.window_to.is_none_or(|end| moment >= end));
        if let (Some(moment), Some(end)) = (moment, target.window_to) {
            target.window_to = Some(moment.min(end));
        }
        let rollout = JudgedRollout::derive(evidence, &target, moment)?;
        rollout.apply(&mut target);
        let mut contents = Contents::default();
        for table in tables::all() {
            let name = table.info.name;
            contents.fill(name, rows_of(evidence, name, moment)?);
        }
        contents.fill(TargetRow::TABLE, Rows::Held(to_batches(std::slice::from_ref(&target))?));
        for (name, rows) in rollout.tables(settings, ended)? {
            contents.fill(name, Rows::Held(vec![rows]));
        }
        let (mut tasks, mut containers, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let (mut deployments, mut task_sets, mut sources) = (Vec::new(), Vec::new(), Vec::new());
        let mut contents = Arc::new(contents);
        for view in &views.views {
            let batches = compute(view, &contents, &limits, together).await?;
            match view.name {
                "latest_deployments" => deployments.clone_from(&batches),
                "latest_task_sets" => task_sets.clone_from(&batches),
                "latest_tasks" => tasks.clone_from(&batches),
                "latest_containers" => containers.clone_from(&batches),
                "task_ends" => ends.clone_from(&batches),
                "latest_sources" => sources = read_rows::<SourceRow>(&batches)?,
                _ => {}
            }
            Arc::make_mut(&mut contents).fill(view.name, Rows::Held(batches));
        }
        let images = images(&containers);
        let tasks = Tasks::from_views(&tasks, &containers, &ends);
        let matches = match matched {
            Some(matches) => matches.clone(),
            None => {
                let ended = Ended::from_views(&ends, &containers);
                scan(evidence, signatures.scanner(), ended, rollout.judged.evidence_from, moment, options.threads)?
            }
        };
        let filled = Arc::make_mut(&mut contents);
        for (name, rows) in derived_tables(&signatures.patterns, &matches, &tasks, &target)? {
            filled.fill(name, Rows::Held(vec![rows]));
        }
        let described = described(evidence, moment)?;
        let mut definitions = evidence.read::<ContainerDefinitionRow>()?;
        if let Some(moment) = moment {
            definitions.retain(|definition| definition.observed_at <= moment);
        }
        let services = evidence.read::<ServiceRow>()?;
        let services = services.iter().filter(|service| moment.is_none_or(|moment| service.observed_at <= moment));
        let service = services.max_by_key(|service| service.snapshot).cloned();
        let without_lines = matched.is_some();
        let tasks_by_definition = rollout.tasks_by_definition();
        let judged = rollout.judged;
        let unhealthy = unhealthy_targets(evidence, moment)?;
        let impact = Impact::new(&[&deployments, &task_sets], service.as_ref(), unhealthy, &judged);
        Ok(Self {
            contents,
            target,
            judged,
            tasks_by_definition,
            ended,
            service,
            sources,
            described,
            definitions,
            tasks,
            images,
            impact,
            matches,
            without_lines,
        })
    }
}

/// The tables themselves in place of late tables, for a question that is planned over them: the engine then reads of a
/// large
/// file only the columns and row groups that it needs.
pub(crate) fn tables_themselves(late_tables: &Catalog, contents: &Contents) -> Result<Catalog, AnalyzeError> {
    let bundle = late_tables.names().iter().find_map(|name| match contents.get(name) {
        Some(Rows::Filed(bundle, _)) => Some(bundle.data_folder()),
        _ => None,
    });
    let bundle = bundle.transpose()?;
    let mut catalog = Catalog::new(bundle.as_deref())?;
    for name in late_tables.names() {
        let schema = late_tables.schema_of(name)?;
        let provider = match contents.get(name) {
            Some(Rows::Filed(bundle, moment)) => {
                let entry = bundle.manifest().tables.get(name);
                filed(entry.map_or("", |entry| &entry.file), schema, *moment)?
            }
            Some(Rows::Held(batches)) => held(schema, batches.clone())?,
            None => return Err(AnalyzeError::internal(format!("nothing fills table {name}"))),
        };
        catalog.add(name, provider)?;
    }
    Ok(catalog)
}

/// How many answers about a task the sources count.
fn described(evidence: &Evidence, moment: Option<Timestamp>) -> Result<i64, AnalyzeError> {
    let mut described = 0;
    for batch in evidence.columns::<SourceRow>(&["operation", "observed_at", "rows"], moment)? {
        let batch = batch?;
        let counts = rows(std::slice::from_ref(&batch))
            .filter(|(batch, row)| text(batch, "operation", *row).as_deref() == Some("DescribeTasks"));
        described += counts.filter_map(|(batch, row)| int(batch, "rows", row)).sum::<i64>();
    }
    Ok(described)
}

fn rows_of(evidence: &Evidence, table: &str, moment: Option<Timestamp>) -> Result<Rows, AnalyzeError> {
    match (evidence.tables.get(table), &evidence.bundle, moment) {
        (Some(TableData::Held(batches)), _, None) => Ok(Rows::Held(batches.clone())),
        (Some(TableData::Held(batches)), _, Some(moment)) => {
            Ok(Rows::Held(batches.iter().map(|batch| as_of(batch, moment)).collect::<Result<_, _>>()?))
        }
        (Some(TableData::Filed), Some(bundle), moment) => Ok(Rows::Filed(Arc::new(bundle.clone()), moment)),
        _ => Ok(Rows::Held(Vec::new())),
    }
}

/// How many bytes of lines a thread may have read that are not matched yet: about a row group of short lines.
const READ_AHEAD_BYTES: usize = 16 << 20;
/// The fewest and the most batches that this may be.
const READ_AHEAD: [usize; 2] = [2, 128];

/// One pass over every line, in the order of the table. Up to `threads` threads each read a row group at a time and search its
/// messages; this thread matches the lines that may match.
fn scan(
    evidence: &Evidence,
    mut scanner: Scanner,
    ended: Ended,
    since: Option<Timestamp>,
    moment: Option<Timestamp>,
    threads: usize,
) -> Result<Matches, AnalyzeError> {
    scanner.keep_tails(ended);
    if let Some(since) = since {
        scanner.bound(since);
    }
    match evidence.stored_lines()? {
        Some(groups) => scan_groups(&groups, &mut scanner, moment, threads)?,
        None => evidence.batches(LogEventRow::TABLE)?.try_for_each(|batch| scanner.batch(&batch?, moment))?,
    }
    Ok(scanner.into_matches())
}

fn scan_groups(
    groups: &RowGroups,
    scanner: &mut Scanner,
    moment: Option<Timestamp>,
    threads: usize,
) -> Result<(), AnalyzeError> {
    let [fewest, most] = READ_AHEAD;
    let ahead = (READ_AHEAD_BYTES / groups.batch_bytes().max(1)).clamp(fewest, most);
    let threads = threads.clamp(1, groups.count().max(1));
    std::thread::scope(|scope| {
        let read = (0..threads).map(|first| {
            let (sender, batches) = sync_channel(ahead);
            let screen = scanner.screen();
            let read = move || {
                (first..groups.count())
                    .step_by(threads)
                    .try_for_each(|group| send(groups, group, screen.as_deref(), &sender))
            };
            // It ends after its last line, or when nobody receives its lines any more.
            let reader = std::thread::Builder::new().name("casefile-lines".to_owned());
            reader.spawn_scoped(scope, read).map(|_| batches).map_err(AnalyzeError::internal)
        });
        let read = read.collect::<Result<Vec<_>, _>>()?;
        for batches in read.iter().cycle().take(groups.count()) {
            while let Some(batch) = batches.recv().map_err(AnalyzeError::internal)? {
                scanner.batch(&batch?, moment)?;
            }
        }
        Ok(())
    })
}

/// The batches of a row group, and `None` after the last one.
type Sent = Option<Result<RecordBatch, AnalyzeError>>;

fn send(
    groups: &RowGroups,
    group: usize,
    screen: Option<&Screen>,
    to: &SyncSender<Sent>,
) -> Result<(), SendError<Sent>> {
    let searched = |batch: Result<RecordBatch, ReadError>| match screen {
        Some(screen) => screen.marked(&batch?),
        None => Ok(batch?),
    };
    match groups.batches(group) {
        Ok(mut batches) => batches.try_for_each(|batch| to.send(Some(searched(batch))))?,
        Err(error) => to.send(Some(Err(error.into())))?,
    }
    to.send(None)
}

pub(crate) fn held(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Arc<dyn TableProvider>, AnalyzeError> {
    Ok(Arc::new(MemTable::try_new(schema, vec![batches]).map_err(AnalyzeError::internal)?))
}

/// Exactly the file that the manifest names, with exactly the table's schema, which the reader checked.
fn filed(file: &str, schema: SchemaRef, moment: Option<Timestamp>) -> Result<Arc<dyn TableProvider>, AnalyzeError> {
    let observed = observed_column(&schema);
    let table = files([format!("{BUNDLE_URL}{file}")], schema)?;
    let (Some(moment), Some(observed)) = (moment, observed) else { return Ok(table) };
    let moment = ScalarValue::TimestampMillisecond(Some(moment.as_millis()), Some("UTC".into()));
    let plan = LogicalPlanBuilder::scan("observed", provider_as_source(table), None)
        .and_then(|scan| scan.filter(col(observed).lt_eq(lit(moment))))
        .and_then(LogicalPlanBuilder::build)
        .map_err(AnalyzeError::internal)?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// A table of Parquet files in one object store.
pub(crate) fn files(
    urls: impl IntoIterator<Item = String>,
    schema: SchemaRef,
) -> Result<Arc<dyn TableProvider>, AnalyzeError> {
    let urls = urls.into_iter().map(|url| ListingTableUrl::parse(url).map_err(AnalyzeError::internal));
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config = ListingTableConfig::new_with_multi_paths(urls.collect::<Result<_, _>>()?);
    let config = config.with_listing_options(options).with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config).map_err(AnalyzeError::internal)?))
}

/// Computes a view once: checks read its rows.
async fn compute(
    view: &PlannedView,
    contents: &Arc<Contents>,
    limits: &Limits,
    together: Option<&Together>,
) -> Result<Vec<RecordBatch>, AnalyzeError> {
    let ran = view.query.run(contents, limits, together).await;
    let batches = ran.map_err(|error| AnalyzeError::Limit(format!("view {}: {error}", view.name)))?;
    let documented = |batch: RecordBatch| {
        RecordBatch::try_new(Arc::clone(&view.schema), batch.columns().to_vec()).map_err(AnalyzeError::internal)
    };
    batches.into_iter().map(documented).collect()
}
