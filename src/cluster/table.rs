//! The rows of work as a table. The client sends it to the scheduler inside a logical plan.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use serde::{Deserialize, Serialize};

use super::WorkRequest;
use crate::error::Error;
use crate::operator::{Work, WorkExec, scan};

/// Above this, a task does more parts.
const MOST_TASKS: usize = 1024;

/// Work, with what parts, and in how many tasks.
#[derive(Debug, Clone)]
pub(super) struct WorkTable {
    work: Arc<dyn Work>,
    parts: Vec<String>,
    tasks: usize,
}

/// The table as it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sent {
    request: WorkRequest,
    parts: Vec<String>,
    tasks: usize,
}

impl WorkTable {
    /// A task does the parts that are done together. Small tasks end at about the same time on all executors, and little is
    /// done again if an executor is lost.
    pub(super) fn new(work: Arc<dyn Work>, parts: Vec<String>) -> Self {
        let tasks = parts.len().div_ceil(work.together()).clamp(1, MOST_TASKS);
        Self { work, parts, tasks }
    }

    pub(super) fn sent(&self) -> Sent {
        Sent { request: self.work.request(), parts: self.parts.clone(), tasks: self.tasks }
    }
}

impl TryFrom<Sent> for WorkTable {
    type Error = Error;

    fn try_from(Sent { request, parts, tasks }: Sent) -> std::result::Result<Self, Error> {
        Ok(Self { work: request.work()?, parts, tasks })
    }
}

#[async_trait::async_trait]
impl TableProvider for WorkTable {
    fn schema(&self) -> SchemaRef {
        self.work.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = Arc::new(WorkExec::new(scan(&self.parts, self.tasks)?, Arc::clone(&self.work)));
        let Some(projection) = projection else { return Ok(rows) };
        let schema = self.schema();
        let columns = projection.iter().map(|&place| {
            let name = schema.field(place).name();
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(name, place));
            (column, name.clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), rows)?))
    }
}

/// An error of ours as the engine has them.
pub(super) fn outside(error: Error) -> DataFusionError {
    DataFusionError::External(error.into())
}
