//! The outcomes as a table. The client sends it to the scheduler inside a logical plan.

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

use crate::backtest::operator::{JudgeExec, scan, schema};
use crate::backtest::{Job, Judging};

/// What is judged, and in how many tasks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JudgeTable {
    pub(crate) job: Job,
    /// The digests.
    pub(crate) bundles: Vec<String>,
    pub(crate) tasks: usize,
}

#[async_trait::async_trait]
impl TableProvider for JudgeTable {
    fn schema(&self) -> SchemaRef {
        schema()
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
        let judging = Judging::told(self.job.clone()).map_err(|error| DataFusionError::External(error.into()))?;
        let judged = Arc::new(JudgeExec::new(scan(&self.bundles, self.tasks)?, judging));
        let Some(projection) = projection else { return Ok(judged) };
        let schema = schema();
        let columns = projection.iter().map(|&place| {
            let name = schema.field(place).name();
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(name, place));
            (column, name.clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), judged)?))
    }
}
