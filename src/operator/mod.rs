//! The operator over an archive: parts of it in, rows out. It runs over partitions, on the cores of this machine or on the
//! executors of a cluster (`crate::cluster`): scheduling, retry and order are the engine's.

mod archive;

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
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
use futures::stream::{BoxStream, TryChunksError};
use futures::{StreamExt, TryStreamExt, stream};

pub(crate) use archive::{ArchiveAt, INDEX, Lazy, OpenArchive};

#[cfg(feature = "cluster")]
use crate::cluster::WorkRequest;
use crate::error::Error;

/// The rows of some parts.
pub(crate) type WorkRows = BoxStream<'static, std::result::Result<RecordBatch, Error>>;

/// What is done with parts of an archive: its bundles, named by their digests, or its index.
pub(crate) trait Work: fmt::Debug + Send + Sync {
    /// The columns of its rows.
    fn schema(&self) -> SchemaRef;

    /// The most parts that are done together.
    fn together(&self) -> usize;

    /// Does it with some parts. An error ends all of the work: a part that may be left out is a row.
    fn rows(self: Arc<Self>, parts: Vec<String>) -> WorkRows;

    /// What another machine needs to know to do the same.
    #[cfg(feature = "cluster")]
    fn request(&self) -> WorkRequest;
}

/// Does work with the parts that its child names, partition by partition.
///
/// It has a child, and is no leaf: a scheduler of Ballista gives each task a part of a plan's partitions, and cuts only scans
/// of memory, files and shuffles down to that part.
#[derive(Debug, Clone)]
pub(crate) struct WorkExec {
    parts: Arc<dyn ExecutionPlan>,
    work: Arc<dyn Work>,
    properties: Arc<PlanProperties>,
}

impl WorkExec {
    /// `parts` has one column of text.
    pub(crate) fn new(parts: Arc<dyn ExecutionPlan>, work: Arc<dyn Work>) -> Self {
        let partitions = parts.properties().output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(work.schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { parts, work, properties: Arc::new(properties) }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn request(&self) -> WorkRequest {
        self.work.request()
    }
}

impl DisplayAs for WorkExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkExec")
    }
}

impl ExecutionPlan for WorkExec {
    fn name(&self) -> &'static str {
        "WorkExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.parts]
    }

    /// No shuffle between the names of the parts and the work: the partitions are chosen.
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
        let [parts] = children.as_slice() else {
            return plan_err!("WorkExec has one child, and not {}", children.len());
        };
        Ok(Arc::new(Self::new(Arc::clone(parts), Arc::clone(&self.work))))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let work = Arc::clone(&self.work);
        let parts = self.parts.execute(partition, context)?;
        let parts = parts
            .map(|batch| -> Result<_> { Ok(stream::iter(texts(&batch?)?).map(Ok::<_, DataFusionError>)) })
            .try_flatten();
        let together = parts.try_chunks(work.together()).map_err(|TryChunksError(_, error)| error);
        let outside = |error: Error| DataFusionError::External(error.to_string().into());
        let rows = together.map_ok(move |parts| Arc::clone(&work).rows(parts).map_err(outside)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.work.schema(), rows)))
    }
}

fn texts(batch: &RecordBatch) -> Result<Vec<String>> {
    Ok(as_string_array(batch.column(0))?.iter().flatten().map(str::to_owned).collect())
}

/// A scan of the names of parts, dealt out in turn.
pub(crate) fn scan(parts: &[String], partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = Arc::new(Schema::new(vec![Field::new("part", DataType::Utf8, false)]));
    let partitions = partitions.clamp(1, parts.len().max(1));
    let dealt = (0..partitions).map(|partition| {
        let column = StringArray::from_iter_values(parts.iter().skip(partition).step_by(partitions));
        Ok(vec![RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(column)])?])
    });
    let source: Arc<dyn ExecutionPlan> =
        MemorySourceConfig::try_new_exec(&dealt.collect::<Result<Vec<_>>>()?, schema, None)?;
    Ok(source)
}

/// Where work is done.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// On this machine. The number is that of the partitions, which run at the same time.
    Here(usize),
    /// On a cluster, whose scheduler has this address.
    #[cfg(feature = "cluster")]
    Cluster(String),
}

impl Place {
    /// On every core of this machine.
    pub(crate) fn here() -> Self {
        Self::Here(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// The cluster whose scheduler `engine` names; else this place.
    #[cfg_attr(not(feature = "cluster"), expect(unused_variables, reason = "there is no cluster"))]
    pub(crate) fn or_cluster(self, engine: Option<&String>) -> Self {
        #[cfg(feature = "cluster")]
        if let Some(scheduler) = engine {
            return Self::Cluster(scheduler.clone());
        }
        self
    }

    /// Does work with parts of an archive.
    pub(crate) async fn run(
        &self,
        work: Arc<dyn Work>,
        parts: &[String],
    ) -> std::result::Result<SendableRecordBatchStream, Error> {
        match self {
            Self::Here(partitions) => {
                let scan = scan(parts, *partitions).map_err(Error::internal)?;
                let plan = CoalescePartitionsExec::new(Arc::new(WorkExec::new(scan, work)));
                execute_stream(Arc::new(plan), Arc::new(TaskContext::default())).map_err(Error::internal)
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(scheduler) => crate::cluster::run(work, parts, scheduler).await,
        }
    }
}
