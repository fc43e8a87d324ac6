//! Lint findings: allowed, but probably wrong. Reported by `check lint` only.

mod nulls;
mod unused;

use datafusion::logical_expr::LogicalPlan;

use crate::error::SpecError;
use crate::pack::Check;

/// Lint findings about a check that can be planned.
pub(crate) fn findings(check: &Check, plan: &LogicalPlan) -> Vec<SpecError> {
    let line = check.query_line();
    let finding = |problem: String, remedy: &str| SpecError::new(&check.file, problem, remedy).at(line);
    let mut findings = Vec::new();
    if check.header.advice.as_deref().is_none_or(|advice| advice.trim().is_empty()) {
        let problem = "it gives no advice".to_owned();
        findings.push(finding(problem, "write in `advice` where to look first").at(1));
    }
    if check.prose().trim().is_empty() {
        let problem = "no comment says which AWS field decides".to_owned();
        findings.push(finding(problem, "add lines `-- # ...` under the header").at(1));
    }
    findings.extend(nulls::fall_into_pass(plan).into_iter().map(|condition| {
        let problem = format!("where {condition} is null, the row falls into ELSE 'pass'");
        finding(problem, "write coalesce(..., FALSE), IS TRUE, or a branch of its own for the unknown value")
    }));
    findings.extend(unused::columns(&check.file, line, &check.sql).into_iter().map(|(table, column)| {
        let problem = format!("column {column} of {table} is never used");
        finding(problem, "remove it: a reader looks for its use")
    }));
    findings
}
