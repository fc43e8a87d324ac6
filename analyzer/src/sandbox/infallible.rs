//! Whether an expression fails for a row must not depend on the rows beside it.
//!
//! The engine evaluates the right side of AND and OR either for all rows of a batch, or, where few of them need it, for these
//! alone. So `k <> 0 AND 10 / k > 1` fails over some batches and not over others that have the same row.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

use super::plan::{any_expression, input_schema};

/// Functions that give a value for every argument.
const FUNCTIONS: &[&str] = &[
    "btrim",
    "character_length",
    "coalesce",
    "concat",
    "contains",
    "ends_with",
    "greatest",
    "json_get_bool",
    "json_get_int",
    "json_get_str",
    "least",
    "lower",
    "nullif",
    "starts_with",
    "strpos",
    "upper",
];

/// Whether a node has AND or OR whose right side may fail.
pub(super) fn depends_on_neighbours(plan: &LogicalPlan) -> Result<bool> {
    let schema = input_schema(plan);
    any_expression(plan, |expr| match expr {
        Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, right, .. }) => may_fail(right, &schema),
        _ => Ok(false),
    })
}

fn may_fail(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    expr.exists(|expr| {
        Ok(match expr {
            Expr::BinaryExpr(binary) => match binary.op {
                Operator::Divide | Operator::Modulo => {
                    !expr.get_type(schema)?.is_integer() || may_be_zero(&binary.right)
                }
                // Integers wrap. Decimals, times and intervals do not.
                Operator::Plus | Operator::Minus | Operator::Multiply => !expr.get_type(schema)?.is_integer(),
                // A pattern is compiled.
                Operator::RegexMatch | Operator::RegexIMatch | Operator::RegexNotMatch | Operator::RegexNotIMatch => {
                    !matches!(*binary.right, Expr::Literal(..))
                }
                Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq
                | Operator::And
                | Operator::Or
                | Operator::IsDistinctFrom
                | Operator::IsNotDistinctFrom
                | Operator::StringConcat => false,
                _ => true,
            },
            Expr::Cast(Cast { expr, field }) => !is_safe(&expr.get_type(schema)?, field.data_type()),
            Expr::ScalarFunction(function) if function.name() == "regexp_like" => {
                !function.args.iter().skip(1).all(|argument| matches!(argument, Expr::Literal(..)))
            }
            // Of a text that has fewer parts it gives an empty one. There is no part 0.
            Expr::ScalarFunction(function) if function.name() == "split_part" => {
                function.args.get(2).is_none_or(may_be_zero)
            }
            Expr::ScalarFunction(function) => !FUNCTIONS.contains(&function.name()),
            Expr::Column(_)
            | Expr::Literal(..)
            | Expr::Alias(_)
            | Expr::Not(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::IsNotUnknown(_)
            | Expr::Between(_)
            | Expr::Case(_)
            | Expr::TryCast(_)
            | Expr::InList(_) => false,
            Expr::Like(like) => !matches!(*like.pattern, Expr::Literal(..)),
            _ => true,
        })
    })
}

fn may_be_zero(divisor: &Expr) -> bool {
    match divisor {
        Expr::Literal(value, _) => value.is_null() || i64::try_from(value.clone()).map_or(true, |number| number < 1),
        _ => true,
    }
}

/// Whether a cast has a value for every value.
fn is_safe(from: &DataType, to: &DataType) -> bool {
    let is_text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8);
    from == to
        || from.is_null()
        || is_text(to) && (is_text(from) || from.is_integer() || *from == DataType::Boolean)
        || *to == DataType::Int64 && (matches!(from, DataType::Timestamp(..)) || from.is_signed_integer())
}
