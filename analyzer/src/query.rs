//! A person's question to the evidence, in the same sandbox.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::engine::Options;
use crate::error::AnalyzeError;
use crate::evidence::Evidence;
use crate::plans::ViewPlans;
use crate::prepared::Prepared;
use crate::sandbox::{Dialect, RunError, collect, plan, session};
use crate::settings::Settings;

/// What a query gave.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub batches: Vec<RecordBatch>,
}

/// Asks evidence a question: one SELECT over the tables, the views and the matches of the settings'
/// signatures. More functions are allowed than in a check; the limits hold.
///
/// May be cancelled: nothing outlives it.
///
/// # Errors
/// Where the query is refused, wrong or too costly, or the evidence cannot be read.
pub async fn query(
    evidence: &Evidence,
    sql: &str,
    settings: &Settings,
    options: &Options,
) -> Result<Answer, AnalyzeError> {
    let patterns = settings.signature.iter().map(crate::Signature::compile).collect::<Result<Vec<_>, _>>();
    let patterns = patterns.map_err(|error| vec![error])?;
    let limits = options.limits();
    let views = ViewPlans::new(&limits).await?;
    let prepared = Prepared::new(evidence, &views, settings, &patterns, options.as_of, &limits).await?;
    let catalog = prepared.catalog(evidence, &views, options.as_of)?;
    let context = session(&catalog, Dialect::Question, &limits)?;
    let plan = plan(&context, Dialect::Question, "query", sql, catalog.names()).await.map_err(AnalyzeError::Query)?;
    let schema = SchemaRef::new(plan.logical.schema().as_arrow().clone());
    let batches = collect(context.task_ctx(), plan.physical, &limits).await.map_err(|error| match error {
        RunError::Engine(error) => AnalyzeError::Query(crate::SpecError::new("query", error, "")),
        limit => AnalyzeError::Limit(format!("the query was stopped: {limit}")),
    })?;
    Ok(Answer { schema, batches })
}
