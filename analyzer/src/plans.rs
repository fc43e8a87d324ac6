//! A pack, planned once: its checks, and the views that they build on, over slots instead of rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{Row, tables};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::{AnalyzeError, SpecError};
use crate::options::Options;
use crate::pack::{self, Check, Pack, statuses};
use crate::sandbox::{Catalog, Dialect, Limits, Planned, Query, Refusal, Slot, Source, plan, session};
use crate::signature::derived_tables;
use crate::tables::{JudgedRollout, RolloutSettings, nullable_columns, view_files};
use crate::terms::Status;

/// A view as it will be computed.
#[derive(Debug, Clone)]
pub(crate) struct PlannedView {
    pub(crate) name: &'static str,
    pub(crate) schema: SchemaRef,
    pub(crate) plan: Arc<dyn ExecutionPlan>,
}

/// Every view, each after those that it builds on, and the catalog that names all tables as slots.
#[derive(Debug, Clone)]
pub(crate) struct ViewPlans {
    pub(crate) views: Vec<PlannedView>,
    pub(crate) catalog: Catalog,
}

impl ViewPlans {
    pub(crate) async fn new(limits: &Limits) -> Result<Self, AnalyzeError> {
        let mut catalog = Catalog::new(None)?;
        for table in tables::all() {
            catalog.add(table.info.name, Arc::new(Slot::new(table.info.name, table.schema)))?;
        }
        for (name, empty) in JudgedRollout::default().tables(&RolloutSettings::default(), false)? {
            catalog.add(name, Arc::new(Slot::new(name, empty.schema())))?;
        }
        let mut views = Vec::new();
        for (name, sql) in view_files() {
            let view = plan_view(&catalog, limits, name, sql).await?;
            catalog.add(name, Arc::new(Slot::new(name, Arc::clone(&view.schema))))?;
            views.push(view);
        }
        let (matches, tasks, target) = Default::default();
        for (name, empty) in derived_tables(&[], &matches, &tasks, &target)? {
            catalog.add(name, Arc::new(Slot::new(name, empty.schema())))?;
        }
        Ok(Self { views, catalog })
    }
}

async fn plan_view(
    catalog: &Catalog,
    limits: &Limits,
    name: &'static str,
    sql: &str,
) -> Result<PlannedView, AnalyzeError> {
    let fault = |error: &dyn std::fmt::Display| AnalyzeError::internal(format!("view {name}: {error}"));
    let context = session(catalog, Dialect::Check, limits)?;
    let query = plan(&context, Dialect::Check, name, sql, catalog.names()).await.map_err(|error| fault(&error))?;
    let documented = nullable_columns(name, sql);
    let nullable = |name: &String| documented.get(name).copied().unwrap_or(true);
    let fields = query.logical.schema().fields().iter();
    let fields: Vec<Field> =
        fields.map(|field| Field::new(field.name(), field.data_type().clone(), nullable(field.name()))).collect();
    Ok(PlannedView { name, schema: Arc::new(Schema::new(fields)), plan: query.physical })
}

/// A check as it will be run.
#[derive(Debug, Clone)]
pub(crate) enum PlannedCheck {
    /// In this process: one that ships with this program.
    Here {
        plan: Arc<dyn ExecutionPlan>,
        /// As it was written: what a linter looks at.
        logical: LogicalPlan,
    },
    /// In a process of its own.
    Apart(Planned),
}

impl PlannedCheck {
    /// Whether its rows have a column.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        match self {
            Self::Here { plan, .. } => plan.schema().column_with_name(name).is_some(),
            Self::Apart(planned) => planned.columns.contains(name),
        }
    }

    /// The statuses that its rows can say; `None` where any.
    pub(crate) fn says(&self) -> Option<BTreeSet<Status>> {
        match self {
            Self::Here { logical, .. } => statuses::written(logical),
            Self::Apart(planned) => planned.says.clone(),
        }
    }
}

/// Every check of a pack, in its order, with the views.
#[derive(Debug, Clone)]
pub(crate) struct Plans {
    pub(crate) views: ViewPlans,
    pub(crate) checks: Vec<PlannedCheck>,
}

impl Plans {
    /// Plans a pack, up to `threads` checks at a time; those that do not ship with this program in a process of their
    /// own, where there may be one.
    pub(crate) async fn new(pack: &Pack, options: &Options) -> Result<Self, AnalyzeError> {
        let limits = options.limits();
        let views = ViewPlans::new(&limits).await?;
        let isolation = options.isolation.as_ref();
        let (apart, here): (Vec<_>, Vec<_>) =
            pack.checks().iter().enumerate().partition(|(_, check)| isolation.is_some() && !pack::ships(check));
        let jobs = here.iter().map(|(_, check)| {
            let (check, catalog) = ((*check).clone(), views.catalog.clone());
            async move { plan_check(&check, &catalog, &limits).await }
        });
        let mut planned = BTreeMap::new();
        for ((place, _), job) in here.iter().zip(in_order(jobs, options.threads).await) {
            let query = job.unwrap_or_else(|| Err(AnalyzeError::internal("a check could not be planned")))?;
            planned
                .insert(*place, query.map(|query| PlannedCheck::Here { plan: query.physical, logical: query.logical }));
        }
        if let Some(isolation) = isolation {
            let sources = apart.iter().map(|(_, check)| source(check)).collect();
            for ((place, check), answer) in apart.iter().zip(isolation.plan(sources, &views.catalog, limits).await?) {
                planned.insert(*place, answer.map(PlannedCheck::Apart).map_err(|refusal| refused(check, refusal)));
            }
        }
        let (checks, errors): (Vec<_>, Vec<_>) = planned.into_values().partition(Result::is_ok);
        let errors: Vec<SpecError> = errors.into_iter().filter_map(Result::err).collect();
        let checks = checks.into_iter().filter_map(Result::ok).collect();
        if errors.is_empty() { Ok(Self { views, checks }) } else { Err(AnalyzeError::Specification(errors)) }
    }
}

/// A check as it was written.
pub(crate) fn source(check: &Check) -> Source {
    Source { file: check.file.clone(), sql: check.sql.clone() }
}

fn refused(check: &Check, refusal: Refusal) -> SpecError {
    match refusal {
        Refusal::Refused(error) => error,
        Refusal::Failed(error) => {
            SpecError::new(&check.file, format!("could not be planned: {error}"), "").at(check.query_line())
        }
    }
}

/// Plans a check, or says why it is refused.
pub(crate) async fn plan_check(
    check: &Check,
    catalog: &Catalog,
    limits: &Limits,
) -> Result<Result<Query, SpecError>, AnalyzeError> {
    let context = session(catalog, Dialect::Check, limits)?;
    let query = match plan(&context, Dialect::Check, &check.file, &check.sql, catalog.names()).await {
        Ok(query) => query,
        Err(error) => return Ok(Err(error)),
    };
    Ok(sound(check, &query.logical).map(|()| query))
}

/// Whether what a check gives, and what it reads, is what it may.
fn sound(check: &Check, plan: &LogicalPlan) -> Result<(), SpecError> {
    let line = check.query_line();
    pack::shape(&check.file, line, plan.schema().as_arrow())?;
    statuses::check(&check.file, line, plan)?;
    if tables_of(plan).contains(LogEventRow::TABLE)
        && !check.header.requires.iter().any(|table| table == LogEventRow::TABLE)
    {
        let problem = "it reads log_events, and `requires` does not name it";
        return Err(SpecError::new(&check.file, problem, "add \"log_events\" to requires").at(line));
    }
    Ok(())
}

/// The tables that a plan scans, wherever in it.
pub(crate) fn tables_of(plan: &LogicalPlan) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    // It fails where the closure does.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.insert(scan.table_name.table().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    tables
}

/// Runs jobs, up to `threads` at a time, and gives their answers in their order; `None` for one that
/// ended without an answer.
pub(crate) async fn in_order<F>(jobs: impl Iterator<Item = F>, threads: usize) -> Vec<Option<F::Output>>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(threads.max(1)));
    let mut running = JoinSet::new();
    let mut answers = Vec::new();
    for (place, job) in jobs.enumerate() {
        let permits = Arc::clone(&permits);
        answers.push(None);
        running.spawn(async move {
            let _permit = permits.acquire_owned().await;
            (place, job.await)
        });
    }
    while let Some(joined) = running.join_next().await {
        if let Ok((place, answer)) = joined
            && let Some(slot) = answers.get_mut(place)
        {
            *slot = Some(answer);
        }
    }
    answers
}
