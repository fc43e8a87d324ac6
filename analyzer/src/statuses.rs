//! Statuses that a check writes out are read when it is planned, so that a misspelt one is an error of
//! the check, and never "no match".

use std::collections::BTreeSet;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::error::SpecError;
use crate::outcome::Status;
use crate::suggest::closest;

/// Refuses a plan whose column `status` can be a text that is no status, as far as the plan tells.
pub(crate) fn check(file: &str, line: u64, plan: &LogicalPlan) -> Result<(), SpecError> {
    let mut written = Vec::new();
    column(plan, "status", &mut written);
    match written.into_iter().find(|text| Status::parse(text).is_none()) {
        Some(text) => {
            let problem = format!("{text:?} is no status");
            Err(SpecError::new(file, problem, closest(&text, Status::NAMES)).at(line))
        }
        None => Ok(()),
    }
}

/// The statuses that a plan's rows can say, as far as the plan tells.
pub(crate) fn written(plan: &LogicalPlan) -> BTreeSet<Status> {
    let mut written = Vec::new();
    column(plan, "status", &mut written);
    written.iter().filter_map(|text| Status::parse(text)).collect()
}

/// The literals that a column of a plan can be.
fn column(plan: &LogicalPlan, name: &str, written: &mut Vec<String>) {
    match plan {
        LogicalPlan::Projection(projection) => {
            for expr in &projection.expr {
                if expr.schema_name().to_string() == name || matches!(expr, Expr::Column(column) if column.name == name)
                {
                    literals(expr, &projection.input, written);
                }
            }
        }
        LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Window(_) => plan.inputs().into_iter().for_each(|input| column(input, name, written)),
        _ => {}
    }
}

fn literals(expr: &Expr, input: &LogicalPlan, written: &mut Vec<String>) {
    match expr {
        Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            _,
        ) => written.push(text.clone()),
        Expr::Alias(alias) => literals(&alias.expr, input, written),
        Expr::Cast(cast) => literals(&cast.expr, input, written),
        Expr::Case(case) => {
            case.when_then_expr.iter().for_each(|(_, then)| literals(then, input, written));
            case.else_expr.iter().for_each(|otherwise| literals(otherwise, input, written));
        }
        Expr::Column(from) => column(input, &from.name, written),
        _ => {}
    }
}
