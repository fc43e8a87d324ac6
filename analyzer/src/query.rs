//! A person's question to the evidence, in the same sandbox.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;

use crate::error::{AnalyzeError, SpecError};
use crate::options::Options;
use crate::plans::ViewPlans;
use crate::prepared::{Prepared, tables_themselves};
use crate::sandbox::{Catalog, Contents, Dialect, Limits, Refusal, RunError, Source, collect, plan, session};
use crate::settings::Settings;
use crate::signature::Compiled;
use crate::tables::Evidence;

/// The result of a query.
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
    let signatures = Compiled::new(patterns.map_err(|error| vec![error])?)?;
    let limits = limits(options);
    let views = ViewPlans::new(&limits, options.threads).await?;
    let prepared = Prepared::new(evidence, None, &views, &settings.rollout, &signatures, options).await?;
    let answer = match &options.isolation {
        None => ask(&views.catalog, &prepared.contents, sql, &limits).await?,
        Some(isolation) => {
            let question = Source { file: NAME.to_owned(), sql: sql.to_owned() };
            let answer = isolation.ask(question, &views.catalog, &prepared.contents, limits).await?;
            answer.map(|(schema, batches)| Answer { schema, batches })
        }
    };
    answer.map_err(refused)
}

pub(crate) fn refused(refusal: Refusal) -> AnalyzeError {
    match refusal {
        Refusal::Refused(error) => AnalyzeError::Query(error),
        Refusal::Failed(RunError::Engine { said, .. }) => AnalyzeError::Query(SpecError::new(NAME, said, "")),
        Refusal::Failed(RunError::Rows(rows)) => {
            AnalyzeError::Limit(format!("the query gave more than {rows} rows: add LIMIT, or allow more rows"))
        }
        Refusal::Failed(limit) => AnalyzeError::Limit(limit.to_string().replacen("it ", "the query ", 1)),
    }
}

/// The limits of a question: its answer may be as large as what it holds.
pub(crate) fn limits(options: &Options) -> Limits {
    Limits { answer: options.memory_limit, ..options.limits() }
}

/// How messages call a question.
pub(crate) const NAME: &str = "query";

/// Plans a question over the tables themselves and runs it.
pub(crate) async fn ask(
    late_tables: &Catalog,
    contents: &Contents,
    sql: &str,
    limits: &Limits,
) -> Result<Result<Answer, Refusal>, AnalyzeError> {
    let catalog = tables_themselves(late_tables, contents)?;
    let context = session(&catalog, Dialect::Question, limits)?;
    Ok(run(&context, &catalog, sql, limits).await)
}

/// Plans a question in a session and runs it.
pub(crate) async fn asked(
    context: &SessionContext,
    catalog: &Catalog,
    sql: &str,
    limits: &Limits,
) -> Result<Answer, AnalyzeError> {
    run(context, catalog, sql, limits).await.map_err(refused)
}

async fn run(context: &SessionContext, catalog: &Catalog, sql: &str, limits: &Limits) -> Result<Answer, Refusal> {
    let plan = plan(context, Dialect::Question, NAME, sql, catalog.names()).await.map_err(Refusal::Refused)?;
    let schema = SchemaRef::new(plan.logical.schema().as_arrow().clone());
    let batches = collect(context.task_ctx(), plan.physical, limits).await.map_err(Refusal::Failed)?;
    Ok(Answer { schema, batches })
}
