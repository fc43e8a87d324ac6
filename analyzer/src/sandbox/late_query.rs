//! A query over late tables: it is planned once, and run over the tables of one bundle or of many at once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::prelude::SessionContext;
use tokio::sync::OnceCell;

use super::late_table::Contents;
use super::many::{Many, apart};
use super::plan::tables_of;
use super::run::{Limits, RunError, collect};
use super::session::task;
use super::together::Together;
use super::{Query, plan_again, plan_for_many};

/// What a run for many bundles may hold, their tables included.
const MEMORY: usize = 128 << 20;

/// A query that passed the gate.
pub(crate) struct LateQuery {
    query: Query,
    /// The tables that it reads, wherever in it.
    tables: BTreeSet<String>,
    context: SessionContext,
    /// Whether its plan keeps the values of subqueries (DataFusion 55, `ScalarSubqueryExec`): a plan can be run only once.
    runs_once: bool,
    /// The plan for many bundles, made when it is first needed; `None` where there is none.
    for_many: OnceCell<Option<Arc<dyn ExecutionPlan>>>,
}

impl fmt::Debug for LateQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateQuery").field("logical", self.logical()).finish_non_exhaustive()
    }
}

impl LateQuery {
    pub(crate) fn new(query: Query, context: SessionContext) -> Self {
        let tables = tables_of(&query.logical);
        let runs_once = keeps_values(&query.physical);
        Self { query, tables, context, runs_once, for_many: OnceCell::new() }
    }

    /// The plan as the text says it.
    pub(crate) fn logical(&self) -> &LogicalPlan {
        &self.query.logical
    }

    pub(crate) fn tables(&self) -> &BTreeSet<String> {
        &self.tables
    }

    /// Whether its rows have a column.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.query.physical.schema().column_with_name(name).is_some()
    }

    /// Its rows over the tables of a bundle, within the limits; together with those for other bundles, where there is a
    /// [`Together`].
    pub(crate) async fn run(
        self: &Arc<Self>,
        contents: &Arc<Contents>,
        limits: &Limits,
        together: Option<&Together>,
    ) -> Result<Vec<RecordBatch>, RunError> {
        match together {
            Some(together) => together.run(self, contents, limits).await,
            None => self.alone(contents, limits).await,
        }
    }

    pub(crate) async fn alone(&self, contents: &Arc<Contents>, limits: &Limits) -> Result<Vec<RecordBatch>, RunError> {
        let task = task(Arc::clone(contents), limits).map_err(|error| RunError::Start(error.to_string()))?;
        let plan = if self.runs_once {
            plan_again(&self.context, self.logical()).await.map_err(RunError::Start)?
        } else {
            Arc::clone(&self.query.physical)
        };
        collect(task, plan, limits).await
    }

    /// The plan for many bundles, where there is one.
    pub(crate) async fn plan_for_many(&self) -> Option<&Arc<dyn ExecutionPlan>> {
        let plan = || plan_for_many(&self.context, self.logical());
        self.for_many.get_or_try_init(plan).await.ok()?.as_ref()
    }

    /// Its rows for each of many bundles, all of whose tables are small, in one run. `None`: only [`LateQuery::alone`] gives
    /// them, because there is no plan for many bundles, some row cannot be computed, or a limit is reached.
    pub(crate) async fn run_for_many(
        &self,
        many: Vec<Arc<Contents>>,
        limits: &Limits,
    ) -> Option<Vec<Vec<RecordBatch>>> {
        let plan = Arc::clone(self.plan_for_many().await?);
        let bundles = many.len();
        let (rows, memory) = (limits.rows.saturating_mul(bundles), limits.memory.min(MEMORY));
        let of_all = Limits { rows, memory, ..*limits };
        let batches = collect(task(Arc::new(Many(many)), &of_all).ok()?, plan, &of_all).await.ok()?;
        let apart = apart(&batches, bundles).ok()?;
        let rows = |batches: &Vec<RecordBatch>| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        apart.iter().all(|batches| rows(batches) <= limits.rows).then_some(apart)
    }
}

fn keeps_values(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<ScalarSubqueryExec>() || plan.children().into_iter().any(keeps_values)
}
