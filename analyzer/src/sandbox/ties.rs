//! Where rows are equal in all that a check orders them by, their other columns decide. So no answer depends on the
//! order in which the engine happens to have them, which may differ from machine to machine.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, WindowFrameUnits, WindowFunctionDefinition};

use super::functions::{needs_order, ranks_peers};

/// The plan with every order made total.
pub(crate) fn broken(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    plan.transform_up_with_subqueries(in_node).map(|plan| plan.data)
}

fn in_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    match node {
        LogicalPlan::Sort(mut sort) => {
            let all = columns(sort.input.schema());
            extend(&mut sort.expr, &all);
            Ok(Transformed::yes(LogicalPlan::Sort(sort)))
        }
        LogicalPlan::Distinct(Distinct::On(mut on)) => {
            let all = columns(on.input.schema());
            on.sort_expr.iter_mut().for_each(|order| extend(order, &all));
            Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(on))))
        }
        node @ (LogicalPlan::Window(_) | LogicalPlan::Aggregate(_)) => {
            let all = node.inputs().first().map(|input| columns(input.schema())).unwrap_or_default();
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let expr = expr.transform_up(|expr| Ok(in_function(expr, &all)))?;
                Ok(expr.update_data(|expr| name.restore(expr)))
            })
        }
        node => Ok(Transformed::no(node)),
    }
}

fn in_function(mut expr: Expr, all: &[Expr]) -> Transformed<Expr> {
    let order = match &mut expr {
        Expr::WindowFunction(function) => {
            let depends = match &function.fun {
                // A frame of rows, in which some of those that are equal are and others are not.
                WindowFunctionDefinition::AggregateUDF(udf) => {
                    let frame = &function.params.window_frame;
                    needs_order(udf.name())
                        || frame.units != WindowFrameUnits::Range && !function.params.order_by.is_empty()
                }
                WindowFunctionDefinition::WindowUDF(udf) => !ranks_peers(udf.name()),
            };
            depends.then_some(&mut function.params.order_by)
        }
        // DISTINCT may be ordered by its argument alone: then rows that are equal give equal values.
        Expr::AggregateFunction(function) => {
            (needs_order(function.func.name()) && !function.params.distinct).then_some(&mut function.params.order_by)
        }
        _ => None,
    };
    match order {
        Some(order) => {
            extend(order, all);
            Transformed::yes(expr)
        }
        None => Transformed::no(expr),
    }
}

fn extend(order: &mut Vec<Sort>, all: &[Expr]) {
    for column in all {
        if !order.iter().any(|sort| sort.expr == *column) {
            order.push(column.clone().sort(true, true));
        }
    }
}

/// The columns that rows can be ordered by.
fn columns(schema: &DFSchema) -> Vec<Expr> {
    let sortable = |data_type: &DataType| !data_type.is_nested() && !matches!(data_type, DataType::Null);
    let columns = schema.iter().filter(|(_, field)| sortable(field.data_type()));
    columns.map(|(table, field)| Expr::Column((table, field.as_ref()).into())).collect()
}
