//! The operator that judges: digests of bundles in, outcomes out. It runs over partitions, on the cores of this machine or on
//! the executors of a cluster (`crate::cluster`): scheduling, retry and order are the engine's.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::cast::as_string_array;
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream,
    execute_stream,
};
use futures::stream::TryChunksError;
use futures::{StreamExt, TryStreamExt, stream};

use super::{Judging, Outcome};
use crate::error::Error;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![text("bundle", false), text("outcome", true), text("problem", true)]))
});

/// The columns: the bundle's digest; its outcome as JSON; why there is none. Neither of these: it has no verdict to compare with.
pub(crate) fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The most bundles that are judged together. Larger groups are not faster, and take more memory.
pub(crate) const AT_ONCE: usize = 24;

/// One row of the operator.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) bundle: String,
    pub(crate) outcome: std::result::Result<Option<Outcome>, String>,
}

/// Judges the bundles whose digests its child gives, partition by partition.
///
/// It has a child, and is no leaf: a scheduler of Ballista gives each task a part of a plan's partitions, and cuts only scans
/// of memory, files and shuffles down to that part.
#[derive(Debug, Clone)]
pub(crate) struct JudgeExec {
    bundles: Arc<dyn ExecutionPlan>,
    judging: Judging,
    properties: Arc<PlanProperties>,
}

impl JudgeExec {
    /// `bundles` has one column of text.
    pub(crate) fn new(bundles: Arc<dyn ExecutionPlan>, judging: Judging) -> Self {
        let partitions = bundles.properties().output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { bundles, judging, properties: Arc::new(properties) }
    }

    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "only a cluster is told of plans"))]
    pub(crate) fn judging(&self) -> &Judging {
        &self.judging
    }
}

impl DisplayAs for JudgeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JudgeExec")
    }
}

impl ExecutionPlan for JudgeExec {
    fn name(&self) -> &'static str {
        "JudgeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.bundles]
    }

    /// No shuffle between the digests and the judge: the partitions are chosen.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [bundles] = children.as_slice() else {
            return plan_err!("JudgeExec has one child, and not {}", children.len());
        };
        Ok(Arc::new(Self::new(Arc::clone(bundles), self.judging.clone())))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let judging = self.judging.clone();
        let bundles = self.bundles.execute(partition, context)?;
        let bundles = bundles.map(|batch| -> Result<_> { Ok(stream::iter(texts(&batch?)?).map(Ok)) }).try_flatten();
        let together = bundles.try_chunks(AT_ONCE).map_err(|TryChunksError(_, error)| error);
        let rows = together.and_then(move |bundles| {
            let judging = judging.clone();
            async move { judge(&judging, bundles).await }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema(), rows)))
    }
}

fn texts(batch: &RecordBatch) -> Result<Vec<String>> {
    Ok(as_string_array(batch.column(0))?.iter().flatten().map(str::to_owned).collect())
}

/// A bundle that cannot be judged is a row. An error is what no bundle can be judged with.
async fn judge(judging: &Judging, bundles: Vec<String>) -> Result<RecordBatch> {
    let outside = |error: Error| DataFusionError::External(error.to_string().into());
    let backtest = judging.backtest().await.map_err(outside)?;
    let (mut outcomes, mut problems) = (Vec::new(), Vec::new());
    for outcome in backtest.judge_bundles(&bundles).await {
        let outcome = outcome.map(|outcome| outcome.as_ref().map(serde_json::to_string).transpose());
        let (outcome, problem) = match outcome {
            Ok(outcome) => (outcome.map_err(|error| outside(Error::internal(error)))?, None),
            Err(error) => (None, Some(error.to_string())),
        };
        outcomes.push(outcome);
        problems.push(problem);
    }
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(StringArray::from(bundles)),
        Arc::new(StringArray::from(outcomes)),
        Arc::new(StringArray::from(problems)),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// The rows of a batch of the operator.
pub(crate) fn rows(batch: &RecordBatch) -> std::result::Result<Vec<Judged>, Error> {
    let column = |place: usize| as_string_array(batch.column(place)).map_err(Error::internal);
    let (bundles, outcomes, problems) = (column(0)?, column(1)?, column(2)?);
    let row = |at: usize| {
        let text = |column: &StringArray| column.is_valid(at).then(|| column.value(at).to_owned());
        let outcome = match (text(problems), text(outcomes)) {
            (Some(problem), _) => Err(problem),
            (None, None) => Ok(None),
            (None, Some(outcome)) => Ok(Some(serde_json::from_str(&outcome).map_err(Error::internal)?)),
        };
        Ok(Judged { bundle: bundles.value(at).to_owned(), outcome })
    };
    (0..batch.num_rows()).map(row).collect()
}

/// A scan of the digests, dealt out in turn.
pub(crate) fn scan(bundles: &[String], partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = Arc::new(Schema::new(vec![Field::new("bundle", DataType::Utf8, false)]));
    let partitions = partitions.clamp(1, bundles.len().max(1));
    let parts = (0..partitions).map(|part| {
        let dealt = bundles.iter().skip(part).step_by(partitions);
        let column = Arc::new(StringArray::from_iter_values(dealt));
        Ok(vec![RecordBatch::try_new(Arc::clone(&schema), vec![column])?])
    });
    let source: Arc<dyn ExecutionPlan> =
        MemorySourceConfig::try_new_exec(&parts.collect::<Result<Vec<_>>>()?, schema, None)?;
    Ok(source)
}

/// Judges on the cores of this machine.
pub(crate) fn here(
    judging: Judging,
    bundles: &[String],
    partitions: usize,
) -> std::result::Result<SendableRecordBatchStream, Error> {
    let scan = scan(bundles, partitions).map_err(Error::internal)?;
    let plan = CoalescePartitionsExec::new(Arc::new(JudgeExec::new(scan, judging)));
    execute_stream(Arc::new(plan), Arc::new(TaskContext::default())).map_err(Error::internal)
}
