//! Statuses that a check writes out are read when it is planned, so that a misspelt one is an error of
//! the check, and never "no match".

use std::collections::BTreeSet;

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::did_you_mean::closest;
use crate::error::SpecError;
use crate::terms::Status;

/// Refuses a plan whose column `status` can be a text that is no status, as far as the plan tells.
pub(crate) fn check(file: &str, line: u64, plan: &LogicalPlan) -> Result<(), SpecError> {
    match Written::of(plan).literals.into_iter().find(|text| Status::parse(text).is_none()) {
        Some(text) => {
            let problem = format!("{text:?} is no status");
            Err(SpecError::new(file, problem, closest(&text, Status::NAMES)).at(line))
        }
        None => Ok(()),
    }
}

/// The statuses that a plan's rows can say; `None` where the plan does not tell: a view's column may be any.
pub(crate) fn written(plan: &LogicalPlan) -> Option<BTreeSet<Status>> {
    let Written { literals, is_all } = Written::of(plan);
    is_all.then(|| literals.iter().filter_map(|text| Status::parse(text)).collect())
}

/// The texts that the column `status` of a plan can be, where they are written out.
struct Written {
    literals: Vec<String>,
    /// Whether it can be no other text.
    is_all: bool,
}

impl Written {
    fn of(plan: &LogicalPlan) -> Self {
        let mut written = Self { literals: Vec::new(), is_all: true };
        expressions(plan, "status", &mut |expr, input| written.add(expr, input));
        written
    }

    fn add(&mut self, expr: &Expr, input: &LogicalPlan) {
        match expr {
            Expr::Literal(
                ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
                _,
            ) => self.literals.push(text.clone()),
            Expr::Case(case) => {
                let branches = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
                branches.for_each(|branch| follow(branch, input, &mut |expr, input| self.add(expr, input)));
            }
            _ => self.is_all = false,
        }
    }
}

/// Visits the expressions that make a column of a plan, each with the plan that it reads: aliases, casts and
/// columns of subqueries are followed to their expressions, or to a column that cannot be followed.
pub(crate) fn expressions(plan: &LogicalPlan, name: &str, visit: &mut dyn FnMut(&Expr, &LogicalPlan)) {
    match plan {
        LogicalPlan::Projection(projection) => {
            for expr in &projection.expr {
                if expr.schema_name().to_string() == name || matches!(expr, Expr::Column(column) if column.name == name)
                {
                    follow(expr, &projection.input, visit);
                }
            }
        }
        LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Window(_) => plan.inputs().into_iter().for_each(|input| expressions(input, name, visit)),
        _ => visit(&Expr::Column(Column::from_name(name)), plan),
    }
}

fn follow(expr: &Expr, input: &LogicalPlan, visit: &mut dyn FnMut(&Expr, &LogicalPlan)) {
    match expr {
        Expr::Alias(alias) => follow(&alias.expr, input, visit),
        Expr::Cast(cast) => follow(&cast.expr, input, visit),
        Expr::Column(from) => expressions(input, &from.name, visit),
        other => visit(other, input),
    }
}
