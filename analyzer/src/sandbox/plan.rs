//! The third layer, and the real gate: a walk over the whole logical plan, subqueries included.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::expr::{AggregateFunction, Cast, TryCast, WindowFunction};
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable, LogicalPlan, Volatility, WindowFunctionDefinition};

use super::functions::{Dialect, needs_order};
use crate::error::SpecError;

/// Why a plan is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    problem: String,
    remedy: String,
    line: Option<u64>,
}

impl Refusal {
    fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into(), line: None }
    }

    pub(crate) fn into_error(self, file: &str, first_line: u64) -> SpecError {
        SpecError::new(file, self.problem, self.remedy).at(self.line.unwrap_or(first_line))
    }
}

/// Refuses a plan that holds anything but known nodes and allowed functions.
pub(crate) fn gate(plan: &LogicalPlan, dialect: Dialect) -> Result<(), Refusal> {
    let mut refusal = None;
    let walked = plan.apply_with_subqueries(|node| {
        refusal = node_refusal(node, dialect);
        Ok(if refusal.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    match (refusal, walked) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(Refusal::new(error.strip_backtrace(), "")),
        (None, Ok(_)) => Ok(()),
    }
}

fn node_refusal(node: &LogicalPlan, dialect: Dialect) -> Option<Refusal> {
    let no_query =
        |what: &str| Some(Refusal::new(format!("{what} is not allowed"), "write one SELECT and nothing else"));
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Distinct(Distinct::All(_))
        | LogicalPlan::Unnest(_) => {}
        LogicalPlan::Distinct(Distinct::On(on)) => {
            if dialect == Dialect::Check && on.sort_expr.is_none() {
                return Some(Refusal::new("DISTINCT ON without ORDER BY takes any row", "add ORDER BY"));
            }
        }
        LogicalPlan::Limit(limit) => {
            if dialect == Dialect::Check && !is_sorted(&limit.input) {
                return Some(Refusal::new(
                    "LIMIT without ORDER BY takes any rows",
                    "add ORDER BY over columns that leave no tie, or remove LIMIT",
                ));
            }
        }
        LogicalPlan::RecursiveQuery(_) => return no_query("recursion"),
        LogicalPlan::Repartition(_) => return no_query("DISTRIBUTE BY"),
        LogicalPlan::Statement(_) => return no_query("a statement"),
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => return no_query("EXPLAIN"),
        LogicalPlan::Extension(_) => return no_query("an extension of the engine"),
        LogicalPlan::Dml(_) | LogicalPlan::Ddl(_) => return no_query("a change of data"),
        LogicalPlan::Copy(_) => return no_query("COPY"),
        LogicalPlan::DescribeTable(_) => return no_query("DESCRIBE"),
    }
    let schema = input_schema(node);
    let mut refusal = None;
    let walked = node.apply_expressions(|expr| {
        expr.apply(|expr| {
            refusal = expr_refusal(expr, &schema, dialect)?;
            Ok(if refusal.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    });
    match (refusal, walked) {
        (None, Err(error)) => Some(Refusal::new(error.strip_backtrace(), "")),
        (refusal, _) => refusal,
    }
}

/// The columns that the node's expressions can use.
pub(super) fn input_schema(node: &LogicalPlan) -> DFSchema {
    let mut schema = DFSchema::empty();
    for input in node.inputs() {
        schema.merge(input.schema());
    }
    schema
}

/// Whether an expression of the node, or a part of one, is as asked.
pub(super) fn any_expression(
    node: &LogicalPlan,
    mut is: impl FnMut(&Expr) -> Result<bool, DataFusionError>,
) -> Result<bool, DataFusionError> {
    let mut any = false;
    node.apply_expressions(|expr| {
        any = expr.exists(&mut is)?;
        Ok(if any { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(any)
}

/// The tables that a plan scans, wherever in it.
pub(crate) fn tables_of(plan: &LogicalPlan) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    // It fails where the closure does.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.insert(scan.table_name.table().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    tables
}

fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(projection) => is_sorted(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_sorted(&alias.input),
        _ => false,
    }
}

/// Whether values are times of another zone than UTC.
fn is_local(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(zone)) if !matches!(&**zone, "UTC" | "+00:00" | "Z"))
}

fn not_listed(kind: &str, name: &str) -> Refusal {
    Refusal::new(format!("{kind} {name} is not allowed"), "see the functions of a check in the reference")
}

fn expr_refusal(expr: &Expr, schema: &DFSchema, dialect: Dialect) -> Result<Option<Refusal>, DataFusionError> {
    Ok(match expr {
        Expr::ScalarFunction(function) => {
            let name = function.name();
            if let Some((why, instead)) = dialect.refusal(name) {
                Some(Refusal::new(format!("function {name} is not allowed: it {why}"), instead))
            } else if !dialect.allows_scalar(name) {
                Some(not_listed("function", name))
            } else if function.func.signature().volatility != Volatility::Immutable {
                Some(Refusal::new(
                    format!("function {name} may give another value at another run"),
                    "use a column of the evidence",
                ))
            } else {
                None
            }
        }
        Expr::AggregateFunction(function) => aggregate_refusal(function, schema, dialect)?,
        Expr::WindowFunction(function) => window_refusal(function, schema, dialect)?,
        Expr::ScalarVariable(_, names) => {
            Some(Refusal::new(format!("variable {} is not allowed", names.join(".")), "use target"))
        }
        Expr::Placeholder(placeholder) => Some(Refusal::new(
            format!("parameter {} has no value", placeholder.id),
            "write the value, or take it from target",
        )),
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. })
            if dialect == Dialect::Check && is_local(field.data_type()) =>
        {
            Some(Refusal::new(
                format!("{} is a time of another zone than UTC, whose rules change", field.data_type()),
                "compare times in UTC, as the evidence has them",
            ))
        }
        Expr::HigherOrderFunction(_) | Expr::Lambda(_) | Expr::LambdaVariable(_) => {
            Some(Refusal::new("a lambda is not allowed", "unnest the array and filter its rows"))
        }
        _ => None,
    })
}

fn aggregate_refusal(
    function: &AggregateFunction,
    schema: &DFSchema,
    dialect: Dialect,
) -> Result<Option<Refusal>, DataFusionError> {
    let name = function.func.name();
    if let Some((why, instead)) = dialect.refusal(name) {
        return Ok(Some(Refusal::new(format!("function {name} is not allowed: it {why}"), instead)));
    }
    if !dialect.allows_aggregate(name) {
        return Ok(Some(not_listed("aggregate", name)));
    }
    if dialect == Dialect::Question {
        return Ok(None);
    }
    if needs_order(name) && function.params.order_by.is_empty() {
        return Ok(Some(Refusal::new(
            format!("{name} without ORDER BY depends on the order of rows"),
            format!("write {name}(... ORDER BY ...)"),
        )));
    }
    sum_refusal(name, &function.params.args, schema)
}

/// Sums must not depend on the order of their rows: integers and decimals only.
fn sum_refusal(name: &str, args: &[Expr], schema: &DFSchema) -> Result<Option<Refusal>, DataFusionError> {
    for arg in args {
        let data_type = arg.get_type(schema)?;
        let decimal = matches!(
            data_type,
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
        );
        let exact = match name {
            "sum" => decimal || data_type.is_integer() || matches!(data_type, DataType::Null | DataType::Duration(_)),
            "avg" => decimal,
            _ => true,
        };
        if !exact {
            return Ok(Some(Refusal::new(
                format!("{name} over {data_type} is not exact: its value depends on the order of rows"),
                format!("write {name}(CAST(... AS DECIMAL(20, 3)))"),
            )));
        }
    }
    Ok(None)
}

fn window_refusal(
    function: &WindowFunction,
    schema: &DFSchema,
    dialect: Dialect,
) -> Result<Option<Refusal>, DataFusionError> {
    let name = function.fun.name();
    let unordered = function.params.order_by.is_empty();
    let needs = match &function.fun {
        WindowFunctionDefinition::AggregateUDF(_) if !dialect.allows_aggregate(name) => {
            return Ok(Some(not_listed("aggregate", name)));
        }
        WindowFunctionDefinition::AggregateUDF(_) => needs_order(name),
        WindowFunctionDefinition::WindowUDF(_) if !dialect.allows_window(name) => {
            return Ok(Some(not_listed("window function", name)));
        }
        WindowFunctionDefinition::WindowUDF(_) => true,
    };
    if dialect == Dialect::Question {
        return Ok(None);
    }
    let is_part = !(function.params.window_frame.start_bound.is_unbounded()
        && function.params.window_frame.end_bound.is_unbounded());
    if (needs || is_part) && unordered {
        return Ok(Some(Refusal::new(
            format!("{name} without ORDER BY depends on the order of rows"),
            format!("write {name}(...) OVER (PARTITION BY ... ORDER BY ...)"),
        )));
    }
    sum_refusal(name, &function.params.args, schema)
}
