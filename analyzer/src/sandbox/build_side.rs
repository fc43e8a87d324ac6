//! Which side of a join is held in memory.
//!
//! A hash join holds its left side and streams its right side. The engine holds the smaller one where it knows how large
//! they are, and of a table whose rows come when the plan runs it does not. `tasks t JOIN (SELECT task_arn, max(snapshot) ...
//! GROUP BY task_arn) last` would hold every task of every snapshot, and not the one group of each task.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::streaming::StreamingTableExec;

/// The rule of the engine that chooses by size.
const BY_SIZE: &str = "join_selection";

/// The engine's rules, with [`HoldGroups`] where it chooses the sides of joins: later rules build on the choice.
pub(super) fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let place = rules.iter().position(|rule| rule.name() == BY_SIZE).map_or(0, |place| place + 1);
    rules.insert(place, Arc::new(HoldGroups));
    rules
}

/// Of a table that is joined with groups of rows, holds the groups. No answer depends on the order of a join's rows: a
/// query may not use it.
#[derive(Debug)]
struct HoldGroups;

impl PhysicalOptimizerRule for HoldGroups {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let swap = |node: Arc<dyn ExecutionPlan>| match node.downcast_ref::<HashJoinExec>() {
            Some(join) if *join.join_type() == JoinType::Inner && is_table(join.left()) && is_groups(join.right()) => {
                Ok(Transformed::yes(join.swap_inputs(*join.partition_mode())?))
            }
            _ => Ok(Transformed::no(node)),
        };
        plan.transform_up(swap).data()
    }

    fn name(&self) -> &'static str {
        "hold_groups"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether a plan gives the rows of a late table.
fn is_table(plan: &Arc<dyn ExecutionPlan>) -> bool {
    row_by_row(plan).is::<StreamingTableExec>()
}

/// Whether a plan gives one row for each group of rows.
fn is_groups(plan: &Arc<dyn ExecutionPlan>) -> bool {
    row_by_row(plan).is::<AggregateExec>()
}

/// The plan below the filters and projections.
fn row_by_row(plan: &Arc<dyn ExecutionPlan>) -> &Arc<dyn ExecutionPlan> {
    match plan.children()[..] {
        [input] if plan.is::<ProjectionExec>() || plan.is::<FilterExec>() => row_by_row(input),
        _ => plan,
    }
}
