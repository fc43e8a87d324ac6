//! A null condition is not met. If the remaining branch passes, a missing value is read as good news.

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Case, Expr, ExprSchemable, LogicalPlan, Operator};

use crate::pack::statuses;
use crate::terms::Status;

/// The conditions of `status` that can be null while ELSE passes.
pub(super) fn fall_into_pass(plan: &LogicalPlan) -> Vec<String> {
    let mut found = Vec::new();
    statuses::expressions(plan, "status", &mut |expr, input| match expr {
        Expr::Case(case) if passes(case) => found.extend(nullable(case, input.schema())),
        _ => {}
    });
    found.dedup();
    found
}

fn passes(case: &Case) -> bool {
    let pass = |text: &str| Status::parse(text) == Some(Status::Pass);
    matches!(case.else_expr.as_deref(), Some(Expr::Literal(ScalarValue::Utf8(Some(text)), _)) if pass(text))
}

/// Of a CASE, the conditions that can be null. `CASE x WHEN ...` compares: null where x is.
fn nullable(case: &Case, schema: &DFSchema) -> Vec<String> {
    let can_be_null = |expr: &Expr| can_be_null(expr, schema);
    match &case.expr {
        Some(value) => Some(value).filter(|value| can_be_null(value)).map(|value| told(value)).into_iter().collect(),
        None => case.when_then_expr.iter().filter(|(when, _)| can_be_null(when)).map(|(when, _)| told(when)).collect(),
    }
}

fn can_be_null(expr: &Expr, schema: &DFSchema) -> bool {
    match expr {
        // The engine takes these to be null where a side is, and they never are.
        Expr::BinaryExpr(binary) if matches!(binary.op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom) => {
            false
        }
        Expr::BinaryExpr(binary) if matches!(binary.op, Operator::And | Operator::Or) => {
            can_be_null(&binary.left, schema) || can_be_null(&binary.right, schema)
        }
        Expr::Not(inner) => can_be_null(inner, schema),
        _ => expr.nullable(schema).unwrap_or(true),
    }
}

fn told(expr: &Expr) -> String {
    const LENGTH: usize = 80;
    // As it was written, not as the engine types it.
    let text = expr.to_string().replace("Utf8(\"", "'").replace("\")", "'");
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
