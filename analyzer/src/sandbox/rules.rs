//! The rules by which the engine makes a plan faster.
//!
//! A hash join holds its left side and streams its right side. The engine holds the smaller one where it knows how large
//! they are, and of a table whose rows come when the plan runs it does not. `tasks t JOIN (SELECT task_arn, max(snapshot) ...
//! GROUP BY task_arn) last` would hold every task of every snapshot, and not the one group of each task.
//!
//! Checks and views are planned at every start, which takes more time than to run them. So rules that cannot improve a plan
//! over late tables are left out: the size of these tables is not known, and they do not filter their rows.

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

/// The rule of the engine that makes one aggregation of two halves of it.
const WHOLE_AGGREGATES: &str = "CombinePartialFinalAggregate";
/// The rule of the engine that reads fewer columns. It is there twice.
const FEWER_COLUMNS: &str = "ProjectionPushdown";
/// The rules of the engine that need to know how large a table is, or a table that filters its rows.
const OF_KNOWN_TABLES: [&str; 4] = ["aggregate_statistics", BY_SIZE, "FilterPushdown", "FilterPushdown(Post)"];

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules for a person's question, whose tables are files and rows: the engine's, with [`HoldGroups`] where it chooses the
/// sides of joins, since later rules build on the choice.
pub(super) fn of_questions() -> Vec<Rule> {
    let mut rules = PhysicalOptimizer::new().rules;
    let place = rules.iter().position(|rule| rule.name() == BY_SIZE).map_or(0, |place| place + 1);
    rules.insert(place, Arc::new(HoldGroups));
    rules
}

/// The rules for checks and views, whose tables are late ones. What makes a plan smaller comes first.
pub(super) fn of_checks() -> Vec<Rule> {
    let mut rules = of_questions();
    rules.retain(|rule| !OF_KNOWN_TABLES.contains(&rule.name()));
    if let Some(first) = rules.iter().position(|rule| rule.name() == FEWER_COLUMNS) {
        rules.remove(first);
    }
    let (mut ordered, others): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.name() == WHOLE_AGGREGATES);
    ordered.extend(others);
    ordered
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_has_the_rules_that_are_named() {
        let rules = PhysicalOptimizer::new().rules;
        let times = |name: &str| rules.iter().filter(|rule| rule.name() == name).count();
        for name in OF_KNOWN_TABLES.into_iter().chain([WHOLE_AGGREGATES]) {
            assert_eq!(times(name), 1, "{name}");
        }
        assert_eq!(times(FEWER_COLUMNS), 2);
    }
}
