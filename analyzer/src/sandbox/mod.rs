//! The sandbox: what an untrusted query may say, see and cost.
//!
//! In layers, each of which would do alone for most of it:
//! 1. the text parses to exactly one query ([`statement`]), which names no refused function, no table
//!    but the bundle's and no file: these refusals know the line;
//! 2. the engine's own statement options;
//! 3. the logical plan, subqueries included, holds only known nodes and immutable functions of the
//!    allow-list ([`plan`]): the real gate, since planners may put functions in that the text does not name;
//! 4. the session knows no other function, table function, file format or table factory, and no
//!    recursion ([`session`]);
//! 5. its object stores are the bundle's data folder, and nothing else;
//! 6. time, memory and rows are limited ([`run`]).

mod functions;
mod locate;
mod plan;
mod run;
mod session;
mod statement;

use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

pub(crate) use functions::{Dialect, documented};
pub(crate) use run::{Limits, RunError, collect};
pub(crate) use session::{BUNDLE_URL, Catalog, session};

use crate::error::SpecError;

/// Plans one query, or says why it is refused. `first_line` is named where no better line is known.
pub(crate) async fn plan(
    context: &SessionContext,
    dialect: Dialect,
    file: &str,
    sql: &str,
    tables: &[String],
) -> Result<LogicalPlan, SpecError> {
    let first_line = crate::pack::first_line(sql);
    let error = |error: &datafusion::error::DataFusionError| locate::spec_error(file, first_line, error);
    let statement = statement::parse(file, first_line, sql)?;
    statement::refuse(file, first_line, &statement, dialect, tables)?;
    let plan = context.state().statement_to_plan(statement).await.map_err(|problem| error(&problem))?;
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(&plan).map_err(|problem| error(&problem))?;
    plan::gate(&plan, dialect).map_err(|refusal| refusal.into_error(file, first_line))?;
    Ok(plan)
}
