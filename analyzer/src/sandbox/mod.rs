//! The sandbox: limits on the text, the data and the cost of an untrusted query.
//!
//! In layers, each of which would do alone for most of it:
//! 1. the text parses to exactly one query ([`statement`]), which names no refused function, no table
//!    but the bundle's and no file: these refusals know the line;
//! 2. the engine's own statement options;
//! 3. the logical plan, subqueries included, holds only known nodes and immutable functions of the
//!    allow-list ([`plan`]): the real gate, since planners may put functions in that the text does not name;
//! 4. the session knows no other function, table function, file format or table factory, and no
//!    recursion ([`session`]);
//! 5. its object stores are the bundle's data folder, or the archive that is asked, and nothing else;
//! 6. time, memory and rows are limited ([`run`]);
//! 7. checks that do not ship with this program are planned and run in a child process; if it dies, the check's outcome
//!    is `error` ([`isolation`]).

mod for_many;
mod functions;
mod infallible;
mod isolation;
mod late_query;
mod late_table;
mod locate;
mod many;
mod narrow;
mod plan;
mod rules;
mod run;
mod session;
mod statement;
mod threads;
mod ties;
mod together;
pub(crate) mod wire;
mod words;

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use tokio::runtime::Runtime;

pub(crate) use functions::{Dialect, documented, scalars};
pub use isolation::Isolation;
pub(crate) use late_query::LateQuery;
pub(crate) use late_table::{Contents, LateTable, Rows, as_of, observed_column};
pub(crate) use plan::tables_of;
pub(crate) use run::{Limits, RunError, collect, drain};
pub(crate) use session::{ARCHIVE, BUNDLE_URL, Catalog, session, task};
pub(crate) use statement::{first_line, parse};
pub use together::{Seat, Together};
pub(crate) use wire::{Answer, Planned, Refusal, Source};

use narrow::{Words, narrow};
use threads::{Done, PLANNING};

use crate::error::SpecError;

/// A query that passed the gate: as it was written, and as it will run.
pub(crate) struct Query {
    pub(crate) logical: LogicalPlan,
    pub(crate) physical: Arc<dyn ExecutionPlan>,
}

/// Constants are computed while planning, so planning is limited like running.
const PLANNING_TIME: Duration = Duration::from_secs(10);

/// Plans one query down to its physical plan, so that wrong types are found too; or returns why it is refused.
/// The first line of the query is named where no better line is known.
///
/// May be cancelled: the plan is then made to its end, and dropped.
pub(crate) async fn plan(
    context: &SessionContext,
    dialect: Dialect,
    file: &str,
    sql: &str,
    tables: &[String],
) -> Result<Query, SpecError> {
    let (context, owned) = (context.clone(), (file.to_owned(), sql.to_owned(), tables.to_owned()));
    let planned = on_a_thread(move |runtime| {
        let (file, sql, tables) = owned;
        runtime.block_on(plan_here(&context, dialect, &file, &sql, &tables))
    });
    let stopped = |problem: String| SpecError::new(file, problem, "make it simpler").at(first_line(sql));
    planned.await.map_err(stopped)?
}

/// Plans once more what [`plan`] took.
///
/// May be cancelled, as [`plan`].
async fn plan_again(context: &SessionContext, logical: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, String> {
    let (context, logical) = (context.clone(), logical.clone());
    let planned = on_a_thread(move |runtime| {
        runtime.block_on(context.state().create_physical_plan(&logical)).and_then(run::yielding)
    });
    planned.await?.map_err(|error: DataFusionError| error.to_string())
}

/// The plan that gives the rows of a query for each of many bundles; `None` where there is none. An error is why it was not
/// found out: it may be tried again.
///
/// May be cancelled, as [`plan`].
async fn plan_for_many(
    context: &SessionContext,
    logical: &LogicalPlan,
) -> Result<Option<Arc<dyn ExecutionPlan>>, String> {
    let (context, logical) = (context.clone(), logical.clone());
    let planned = on_a_thread(move |runtime| {
        let state = context.state();
        let for_many = for_many::for_many(&state.optimize(&logical)?)?;
        // Without the numbers that nothing reads.
        let fewer_columns = Optimizer::with_rules(vec![Arc::new(OptimizeProjections::new())]);
        let for_many = fewer_columns.optimize(for_many, &state, |_, _| {})?;
        runtime.block_on(state.query_planner().create_physical_plan(&for_many, &state)).and_then(run::yielding)
    });
    planned.await.map(|planned: Result<_, DataFusionError>| planned.ok())
}

/// Plans on a thread of its own, since planning does not yield; or tells why there is no plan.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce(&Runtime) -> T + Send + 'static) -> Result<T, String> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let work = move |runtime: &Runtime| {
        let planned = work(runtime);
        // The receiver may be gone.
        Done { tell: Box::new(|| drop(answer.send(planned))), is_whole: true }
    };
    PLANNING.run(work).map_err(|error| format!("no thread could be started to plan it: {error}"))?;
    match tokio::time::timeout(PLANNING_TIME, answered).await {
        Ok(Ok(planned)) => Ok(planned),
        Ok(Err(_)) => Err("could not be planned, which is a fault of the engine".to_owned()),
        Err(_) => Err(format!("takes longer than {} s to plan", PLANNING_TIME.as_secs())),
    }
}

async fn plan_here(
    context: &SessionContext,
    dialect: Dialect,
    file: &str,
    sql: &str,
    tables: &[String],
) -> Result<Query, SpecError> {
    let first_line = first_line(sql);
    let error = |error: &datafusion::error::DataFusionError| locate::spec_error(file, first_line, error);
    let mut state = context.state();
    let statement = statement::parse(file, first_line, sql)?;
    let known = statement::Known { dialect, tables, state: &state };
    statement::refuse(file, first_line, &statement, known)?;
    let words = if dialect == Dialect::Check { Words::of(sql, &statement) } else { None };
    if let Some(words) = &words {
        narrow(&mut state, tables, words).await.map_err(|problem| error(&problem))?;
    }
    let plan = match state.statement_to_plan(statement).await {
        // With all columns, which the message lists.
        Err(_) if words.is_some() => context.state().statement_to_plan(statement::parse(file, first_line, sql)?).await,
        planned => planned,
    };
    let plan = plan.map_err(|problem| error(&problem))?;
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(&plan).map_err(|problem| error(&problem))?;
    plan::gate(&plan, dialect).map_err(|refusal| refusal.into_error(file, first_line))?;
    let plan = if dialect == Dialect::Check { ties::broken(plan).map_err(|problem| error(&problem))? } else { plan };
    let physical =
        state.create_physical_plan(&plan).await.and_then(run::yielding).map_err(|problem| error(&problem))?;
    Ok(Query { logical: plan, physical })
}
