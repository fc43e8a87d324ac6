//! A pack, planned once: its checks, and the views that they build on, over late tables (a schema, and rows only at run
//! time).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{Row, tables};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::error::{AnalyzeError, SpecError};
use crate::options::Options;
use crate::pack::{self, Check, Pack, statuses};
use crate::sandbox::{
    Catalog, Dialect, LateQuery, LateTable, Limits, Planned, Query, Refusal, Source, plan, session, tables_of,
};
use crate::signature::derived_tables;
use crate::tables::{JudgedRollout, RolloutSettings, view_files, view_schema};
use crate::terms::Status;

/// A view as it will be computed.
#[derive(Debug, Clone)]
pub(crate) struct PlannedView {
    pub(crate) name: &'static str,
    pub(crate) schema: SchemaRef,
    pub(crate) query: Arc<LateQuery>,
}

/// Every view, each after those that it builds on, and the catalog that names all tables as late tables.
#[derive(Debug, Clone)]
pub(crate) struct ViewPlans {
    pub(crate) views: Vec<PlannedView>,
    pub(crate) catalog: Catalog,
}

impl ViewPlans {
    /// Plans the views, up to `threads` at a time.
    pub(crate) async fn new(limits: &Limits, threads: usize) -> Result<Self, AnalyzeError> {
        let catalog = catalog()?;
        let context = session(&catalog, Dialect::Check, limits)?;
        let planned = in_order(view_jobs(&context, &catalog), threads).await;
        Self::of(&context, catalog, planned)
    }

    fn of(context: &SessionContext, catalog: Catalog, planned: Vec<Option<JobAnswer>>) -> Result<Self, AnalyzeError> {
        let planned = view_files().zip(planned);
        let planned = planned.map(|((name, _), answer)| planned_view(context, &catalog, name, answer));
        Ok(Self { views: planned.collect::<Result<_, _>>()?, catalog })
    }
}

/// Every table as a late table. The columns of a view are documented, so that no plan waits for another.
fn catalog() -> Result<Catalog, AnalyzeError> {
    let mut catalog = Catalog::new(None)?;
    let stored = tables::all();
    for table in stored {
        catalog.add(table.info.name, Arc::new(LateTable::new(table.info.name, Arc::clone(&table.schema))))?;
    }
    for (name, empty) in JudgedRollout::default().tables(&RolloutSettings::default(), false)? {
        catalog.add(name, Arc::new(LateTable::new(name, empty.schema())))?;
    }
    for (name, sql) in view_files() {
        catalog.add(name, Arc::new(LateTable::new(name, Arc::new(view_schema(name, sql, stored)))))?;
    }
    let (matches, tasks, target) = Default::default();
    for (name, empty) in derived_tables(&[], &matches, &tasks, &target)? {
        catalog.add(name, Arc::new(LateTable::new(name, empty.schema())))?;
    }
    Ok(catalog)
}

/// A query that is planned, or why it cannot be.
type JobAnswer = Result<Query, SpecError>;

fn view_jobs(context: &SessionContext, catalog: &Catalog) -> impl Iterator<Item = BoxFuture<'static, JobAnswer>> {
    let (context, catalog) = (context.clone(), catalog.clone());
    view_files().map(move |(name, sql)| {
        let (context, catalog) = (context.clone(), catalog.clone());
        async move { plan(&context, Dialect::Check, name, sql, catalog.names()).await }.boxed()
    })
}

fn planned_view(
    context: &SessionContext,
    catalog: &Catalog,
    name: &'static str,
    answer: Option<JobAnswer>,
) -> Result<PlannedView, AnalyzeError> {
    let fault = |problem: String| AnalyzeError::internal(format!("view {name}: {problem}"));
    let query = answer.ok_or_else(|| fault("it could not be planned".to_owned()))?;
    let query = query.map_err(|error| fault(error.to_string()))?;
    let given = query.physical.schema();
    let schema = catalog.schema_of(name)?;
    let columns = |schema: &Schema| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    if columns(&given) != columns(&schema) {
        return Err(fault(format!("gives {:?}, not {:?}", columns(&given), columns(&schema))));
    }
    Ok(PlannedView { name, schema, query: Arc::new(LateQuery::new(query, context.clone())) })
}

/// A check as it will be run.
#[derive(Debug, Clone)]
pub(crate) enum PlannedCheck {
    /// In this process: one that ships with this program.
    Here(Arc<LateQuery>),
    /// In a process of its own.
    Apart(Planned),
}

impl PlannedCheck {
    /// Whether its rows have a column.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        match self {
            Self::Here(query) => query.has_column(name),
            Self::Apart(planned) => planned.columns.contains(name),
        }
    }

    /// Whether it reads any of these tables.
    pub(crate) fn reads_any(&self, tables: &[&str]) -> bool {
        match self {
            Self::Here(query) => tables.iter().any(|table| query.tables().contains(*table)),
            Self::Apart(planned) => tables.iter().any(|table| planned.reads.contains(*table)),
        }
    }

    /// The statuses that its rows can say; `None` where any.
    pub(crate) fn says(&self) -> Option<BTreeSet<Status>> {
        match self {
            Self::Here(query) => statuses::written(query.logical()),
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
    /// Plans a pack, up to `threads` queries at a time.
    pub(crate) async fn new(pack: &Pack, options: &Options) -> Result<Self, AnalyzeError> {
        let mut planning = Planning::begin(pack, options)?;
        let views = planning.views().await?;
        let checks = planning.checks().await?;
        Ok(Self { views, checks })
    }
}

/// A pack that is being planned, on other threads: the views first, and the checks after them. The evidence can be opened
/// meanwhile. Checks that do not ship with this program are planned in a process of their own, where there
/// may be one.
pub struct Planning<'a> {
    pub(crate) pack: &'a Pack,
    pub(crate) options: &'a Options,
    catalog: Catalog,
    context: SessionContext,
    jobs: Jobs<JobAnswer>,
}

impl<'a> Planning<'a> {
    /// Begins to plan. To be called in a Tokio runtime.
    ///
    /// # Errors
    /// Internal ones.
    pub fn begin(pack: &'a Pack, options: &'a Options) -> Result<Self, AnalyzeError> {
        let catalog = catalog()?;
        let context = session(&catalog, Dialect::Check, &options.limits())?;
        let here = pack.checks().iter().filter(|check| !is_apart(check, options));
        let checks = here.map(|check| {
            let (check, context, catalog) = (check.clone(), context.clone(), catalog.clone());
            async move { plan_check(&check, &context, &catalog).await }.boxed()
        });
        let jobs = Jobs::begin(view_jobs(&context, &catalog).chain(checks), options.threads);
        Ok(Self { pack, options, catalog, context, jobs })
    }

    /// The views. To be called once, and before [`Planning::checks`].
    pub(crate) async fn views(&mut self) -> Result<ViewPlans, AnalyzeError> {
        let planned = self.jobs.answers(view_files().count()).await;
        ViewPlans::of(&self.context, self.catalog.clone(), planned)
    }

    /// The checks, in the order of the pack.
    pub(crate) async fn checks(mut self) -> Result<Vec<PlannedCheck>, AnalyzeError> {
        let (apart, here): (Vec<_>, Vec<_>) =
            self.pack.checks().iter().enumerate().partition(|(_, check)| is_apart(check, self.options));
        let mut planned = BTreeMap::new();
        for ((place, _), answer) in here.iter().zip(self.jobs.answers(here.len()).await) {
            let query = answer.ok_or_else(|| AnalyzeError::internal("a check could not be planned"))?;
            let late = |query| PlannedCheck::Here(Arc::new(LateQuery::new(query, self.context.clone())));
            planned.insert(*place, query.map(late));
        }
        if let Some(isolation) = &self.options.isolation {
            let sources = apart.iter().map(|(_, check)| source(check)).collect();
            let answers = isolation.plan(sources, &self.catalog, self.options.limits()).await?;
            for ((place, check), answer) in apart.iter().zip(answers) {
                planned.insert(*place, answer.map(PlannedCheck::Apart).map_err(|refusal| refused(check, refusal)));
            }
        }
        let (checks, errors): (Vec<_>, Vec<_>) = planned.into_values().partition(Result::is_ok);
        let errors: Vec<SpecError> = errors.into_iter().filter_map(Result::err).collect();
        let checks = checks.into_iter().filter_map(Result::ok).collect();
        if errors.is_empty() { Ok(checks) } else { Err(AnalyzeError::Specification(errors)) }
    }
}

/// Whether a check is planned and run in a process of its own.
fn is_apart(check: &Check, options: &Options) -> bool {
    options.isolation.is_some() && !pack::ships(check)
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
pub(crate) async fn plan_check(check: &Check, context: &SessionContext, catalog: &Catalog) -> Result<Query, SpecError> {
    let query = plan(context, Dialect::Check, &check.file, &check.sql, catalog.names()).await?;
    sound(check, &query.logical)?;
    Ok(query)
}

/// Checks the columns, the statuses and the tables of a check.
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

/// Runs jobs, up to `threads` at a time, and gives their answers in their order; `None` for one that
/// ended without an answer.
pub(crate) async fn in_order<F>(jobs: impl Iterator<Item = F>, threads: usize) -> Vec<Option<F::Output>>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    Jobs::begin(jobs, threads).answers(usize::MAX).await
}

/// Jobs that run, up to `threads` at a time, until they are dropped.
struct Jobs<T> {
    answers: VecDeque<oneshot::Receiver<T>>,
    _running: JoinSet<()>,
}

impl<T: Send + 'static> Jobs<T> {
    fn begin<F>(jobs: impl Iterator<Item = F>, threads: usize) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(threads.max(1)));
        let mut running = JoinSet::new();
        let begun = jobs.map(|job| {
            let (permits, (answer, answered)) = (Arc::clone(&permits), oneshot::channel());
            running.spawn(async move {
                let _permit = permits.acquire_owned().await;
                // The receiver may be gone.
                let _ = answer.send(job.await);
            });
            answered
        });
        Self { answers: begun.collect(), _running: running }
    }

    /// The answers of the next jobs, in their order; `None` for one that ended without an answer.
    async fn answers(&mut self, count: usize) -> Vec<Option<T>> {
        let next = self.answers.drain(..count.min(self.answers.len()));
        let mut answers = Vec::new();
        for answered in next {
            answers.push(answered.await.ok());
        }
        answers
    }
}
