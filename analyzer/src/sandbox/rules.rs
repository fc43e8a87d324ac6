//! The rules by which the engine makes a plan faster.
//!
//! A hash join holds its left side and streams its right side. The engine holds the smaller one where it knows how large
//! they are, and of a table whose rows come when the plan runs it does not. `tasks t JOIN (SELECT task_arn, max(snapshot) ...
//! GROUP BY task_arn) last` would hold every task of every snapshot, and not the one group of each task.
//!
//! Checks and views are planned at every start, which takes more time than to run them. So rules are left out that cost more
//! than they save: those that cannot improve a plan over late tables, whose size is not known and which do not filter their
//! rows; and those that spare a few columns or a second computation of a value.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_expr::{LexOrdering, OrderingRequirements};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::{ChildSatisfactionOptions, ExecutionPlan, ExecutionPlanProperties};

/// The rule of the engine that chooses by size.
const BY_SIZE: &str = "join_selection";

/// The rule of the engine that makes one aggregation of two halves of it.
const WHOLE_AGGREGATES: &str = "CombinePartialFinalAggregate";
/// The rule of the engine that sees to it that operators get their rows in the order and the partitions that they need.
const REQUIREMENTS: &str = "EnsureRequirements";
/// The rules of the engine that a check does without.
const LEFT_OUT: [&str; 5] =
    ["aggregate_statistics", BY_SIZE, "FilterPushdown", "FilterPushdown(Post)", "ProjectionPushdown"];
/// The same, of the rules for logical plans.
const LEFT_OUT_LOGICAL: [&str; 3] =
    ["common_sub_expression_eliminate", "extract_leaf_expressions", "push_down_leaf_projections"];

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
    rules.retain(|rule| !LEFT_OUT.contains(&rule.name()));
    for rule in rules.iter_mut().filter(|rule| rule.name() == REQUIREMENTS) {
        *rule = Arc::new(Requirements { of_engine: Arc::clone(rule) });
    }
    let (mut ordered, others): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.name() == WHOLE_AGGREGATES);
    ordered.extend(others);
    ordered
}

/// The rules for the logical plans of checks and views.
pub(super) fn logical_of_checks() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    rules.retain(|rule| !LEFT_OUT_LOGICAL.contains(&rule.name()));
    rules
}

/// Sorts and brings together the rows of an operator's inputs where it needs that: what the rule of the engine does for plans of
/// one partition, in one pass. Where that does not suffice, the engine's rule does it.
#[derive(Debug)]
struct Requirements {
    of_engine: Rule,
}

impl PhysicalOptimizerRule for Requirements {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let met = Arc::clone(&plan).transform_up(with_inputs_as_needed).data()?;
        SanityCheckPlan::new().optimize(met, config).or_else(|_| self.of_engine.optimize(plan, config))
    }

    fn name(&self) -> &'static str {
        REQUIREMENTS
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn with_inputs_as_needed(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let (orders, partitions) = (node.required_input_ordering(), node.input_distribution_requirements());
    let mut is_changed = false;
    let mut inputs = Vec::new();
    for (number, (input, order)) in node.children().into_iter().zip(orders).enumerate() {
        let mut input = Arc::clone(input);
        let options = ChildSatisfactionOptions::new().with_allow_subset(true);
        if !partitions.child_satisfaction(number, input.as_ref(), options)?.is_satisfied() {
            input = Arc::new(CoalescePartitionsExec::new(input));
            is_changed = true;
        }
        if let Some(order) = order.map(OrderingRequirements::into_single)
            && !input.equivalence_properties().ordering_satisfy_requirement(order.clone())?
            && let Some(order) = LexOrdering::new(order.into_iter().map(Into::into))
        {
            input = Arc::new(SortExec::new(order, input));
            is_changed = true;
        }
        inputs.push(input);
    }
    if !is_changed {
        return Ok(Transformed::no(node));
    }
    node.replace_children(inputs, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute)).map(Transformed::yes)
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
        for name in LEFT_OUT.into_iter().chain([WHOLE_AGGREGATES, REQUIREMENTS]) {
            assert!(times(name) > 0, "{name}");
        }
        let rules = Optimizer::new().rules;
        for name in LEFT_OUT_LOGICAL {
            assert!(rules.iter().any(|rule| rule.name() == name), "{name}");
        }
    }
}
