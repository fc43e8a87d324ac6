//! A pack, planned once: its checks, and the views that they build on, over slots instead of rows.

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
use crate::pack::{Check, Pack};
use crate::rollout::JudgedRollout;
use crate::rows;
use crate::sandbox::{Catalog, Dialect, Limits, plan, session};
use crate::settings::Settings;
use crate::signature::derived_tables;
use crate::slot::Slot;
use crate::statuses;
use crate::views;

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
        for (name, empty) in JudgedRollout::default().tables(&Settings::default(), false)? {
            catalog.add(name, Arc::new(Slot::new(name, empty.schema())))?;
        }
        let mut views = Vec::new();
        for (name, sql) in views::files() {
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
    let documented = views::nullable_columns(name, sql);
    let nullable = |name: &String| documented.get(name).copied().unwrap_or(true);
    let fields = query.logical.schema().fields().iter();
    let fields: Vec<Field> =
        fields.map(|field| Field::new(field.name(), field.data_type().clone(), nullable(field.name()))).collect();
    Ok(PlannedView { name, schema: Arc::new(Schema::new(fields)), plan: query.physical })
}

/// A check as it will be run.
#[derive(Debug, Clone)]
pub(crate) struct PlannedCheck {
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    /// As it was written: what a linter looks at.
    pub(crate) logical: LogicalPlan,
}

/// Every check of a pack, in its order, with the views.
#[derive(Debug, Clone)]
pub(crate) struct Plans {
    pub(crate) views: ViewPlans,
    pub(crate) checks: Vec<PlannedCheck>,
}

impl Plans {
    /// Plans a pack, up to `threads` checks at a time.
    pub(crate) async fn new(pack: &Pack, limits: &Limits, threads: usize) -> Result<Self, AnalyzeError> {
        let views = ViewPlans::new(limits).await?;
        let jobs = pack.checks().iter().map(|check| {
            let (check, catalog, limits) = (check.clone(), views.catalog.clone(), *limits);
            async move { plan_check(&check, &catalog, &limits).await }
        });
        let mut checks = Vec::new();
        let mut errors = Vec::new();
        for job in in_order(jobs, threads).await {
            match job.unwrap_or_else(|| Err(AnalyzeError::internal("a check could not be planned")))? {
                Ok(plan) => checks.push(plan),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { views, checks }) } else { Err(AnalyzeError::Specification(errors)) }
    }
}

async fn plan_check(
    check: &Check,
    catalog: &Catalog,
    limits: &Limits,
) -> Result<Result<PlannedCheck, SpecError>, AnalyzeError> {
    let context = session(catalog, Dialect::Check, limits)?;
    let query = match plan(&context, Dialect::Check, &check.file, &check.sql, catalog.names()).await {
        Ok(query) => query,
        Err(error) => return Ok(Err(error)),
    };
    Ok(sound(check, &query.logical).map(|()| PlannedCheck { plan: query.physical, logical: query.logical }))
}

/// Whether what a check gives, and what it reads, is what it may.
fn sound(check: &Check, plan: &LogicalPlan) -> Result<(), SpecError> {
    let line = check.query_line();
    rows::shape(&check.file, line, plan.schema().as_arrow())?;
    statuses::check(&check.file, line, plan)?;
    if reads(plan, LogEventRow::TABLE) && !check.header.requires.iter().any(|table| table == LogEventRow::TABLE) {
        let problem = "it reads log_events, and `requires` does not name it";
        return Err(SpecError::new(&check.file, problem, "add \"log_events\" to requires").at(line));
    }
    Ok(())
}

/// Whether a plan scans a table, wherever in it.
fn reads(plan: &LogicalPlan, table: &str) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::TableScan(scan) if scan.table_name.table() == table);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || walked.is_err()
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
