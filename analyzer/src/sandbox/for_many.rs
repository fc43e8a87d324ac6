//! The plan that gives the rows of a query for each of many bundles in one run.
//!
//! Every node of the query's plan gets one more column, the bundle's number, and keeps the bundles apart by it: a join joins rows
//! of the same bundle, an aggregate groups by it, a window is partitioned by it. An aggregate without groups gives one row even
//! where it has no input, so it is joined with the list of all bundles.
//!
//! So the rows of each bundle are those that the query gives for it alone. A plan with a node that is not known here runs for each
//! bundle alone; and so does one in which an expression may fail for a row or not, depending on the rows of other bundles beside
//! it ([`infallible`](super::infallible)). Only optimized plans come here: the engine has made joins of subqueries. They are not
//! optimized once more, because some rules of the engine are wrong on plans that were optimized before.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    Column, DFSchema, JoinConstraint, JoinType, NullEquality, Result, ScalarValue, TableReference, plan_err,
};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, Filter, Join, LogicalPlan, Projection, Sort, SubqueryAlias, TableScan,
    TableScanBuilder, Union, Window, cast, lit, when,
};

use super::infallible;
use super::many::{BUNDLE, table_of_bundles, table_of_each};
use super::plan::any_expression;

/// The plan for each of many bundles. Its last column is the bundle's number.
///
/// # Errors
/// Where a node is not known.
pub(super) fn for_many(plan: &LogicalPlan) -> Result<LogicalPlan> {
    let (each, bundle) = Numbers::default().of(plan)?;
    let mut columns = columns(plan.schema());
    columns.push(Expr::Column(bundle).alias(BUNDLE));
    Projection::try_new(columns, Arc::new(each)).map(LogicalPlan::Projection)
}

/// A plan, and its column with the bundle's number.
type Each = (LogicalPlan, Column);

/// Names of columns, each used once: so both sides of a join can have theirs.
#[derive(Default)]
struct Numbers(usize);

impl Numbers {
    fn of(&mut self, plan: &LogicalPlan) -> Result<Each> {
        if has_subquery(plan)? {
            return plan_err!("an expression has a subquery");
        }
        if infallible::depends_on_neighbours(plan)? {
            return plan_err!("whether an expression fails depends on other rows");
        }
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => self.bundles(),
            LogicalPlan::EmptyRelation(empty) => {
                let (bundles, number) = self.bundles()?;
                let none = LogicalPlan::Filter(Filter::try_new(lit(false), Arc::new(bundles))?);
                self.named(none, nulls(&empty.schema), Expr::Column(number))
            }
            LogicalPlan::Projection(projection) => {
                let (input, bundle) = self.of(&projection.input)?;
                let mut expr = projection.expr.clone();
                expr.push(Expr::Column(bundle.clone()));
                Ok((LogicalPlan::Projection(Projection::try_new(expr, Arc::new(input))?), bundle))
            }
            LogicalPlan::Filter(filter) => {
                let (input, bundle) = self.of(&filter.input)?;
                Ok((LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), Arc::new(input))?), bundle))
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                let (input, bundle) = self.of(&sort.input)?;
                let expr = sort.expr.clone();
                Ok((LogicalPlan::Sort(Sort { expr, input: Arc::new(input), fetch: None }), bundle))
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let (input, bundle) = self.of(&alias.input)?;
                let bundle = Column::new(Some(alias.alias.clone()), bundle.name);
                let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
                Ok((LogicalPlan::SubqueryAlias(alias), bundle))
            }
            LogicalPlan::Join(join) if !join.null_aware => self.join(join),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Union(union) => self.union(union),
            other => plan_err!("{} is not known", other.display()),
        }
    }

    /// The columns of `of`, and the number under a new name.
    fn named(&mut self, plan: LogicalPlan, of: Vec<Expr>, number: Expr) -> Result<Each> {
        self.0 += 1;
        let name = format!("{BUNDLE}#{}", self.0);
        let mut expr = of;
        expr.push(number.alias(&name));
        let named = Projection::try_new(expr, Arc::new(plan))?;
        Ok((LogicalPlan::Projection(named), Column::new_unqualified(name)))
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Each> {
        if scan.fetch.is_some() || !scan.filters.is_empty() {
            return plan_err!("a scan that ends early is not known");
        }
        let schema = scan.source.schema();
        let number = schema.fields().len();
        let table = table_of_each(scan.table_name.table(), &schema);
        let mut wanted = scan.projection.clone().unwrap_or_else(|| (0..number).collect());
        wanted.push(number);
        let many = TableScanBuilder::new(scan.table_name.clone(), provider_as_source(Arc::new(table)))
            .with_projection(Some(wanted))
            .build()?;
        let number = Expr::Column(Column::new(Some(scan.table_name.clone()), BUNDLE));
        self.named(LogicalPlan::TableScan(many), columns(&scan.projected_schema), number)
    }

    /// One row for each bundle.
    fn bundles(&mut self) -> Result<Each> {
        let scan = TableScanBuilder::new(BUNDLE, provider_as_source(Arc::new(table_of_bundles()))).build()?;
        self.named(LogicalPlan::TableScan(scan), Vec::new(), Expr::Column(Column::new(Some(BUNDLE), BUNDLE)))
    }

    fn join(&mut self, join: &Join) -> Result<Each> {
        let ((left, of_left), (right, of_right)) = (self.of(&join.left)?, self.of(&join.right)?);
        let mut on = join.on.clone();
        on.push((Expr::Column(of_left.clone()), Expr::Column(of_right.clone())));
        let (filter, kind) = (join.filter.clone(), join.join_type);
        let joined = joined(left, right, on, filter, kind, join.null_equality)?;
        match kind {
            JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                Ok((joined, of_left))
            }
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => Ok((joined, of_right)),
            JoinType::Full => {
                let of_left = Expr::Column(of_left);
                let number = when(of_left.clone().is_null(), Expr::Column(of_right)).otherwise(of_left)?;
                self.named(joined, columns(&join.schema), number)
            }
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Each> {
        if matches!(&aggregate.group_expr[..], [Expr::GroupingSet(_)]) {
            return plan_err!("grouping sets are not known");
        }
        let (input, bundle) = self.of(&aggregate.input)?;
        let mut groups = aggregate.group_expr.clone();
        groups.push(Expr::Column(bundle.clone()));
        let grouped = Aggregate::try_new(Arc::new(input), groups, aggregate.aggr_expr.clone())?;
        let grouped = LogicalPlan::Aggregate(grouped);
        if !aggregate.group_expr.is_empty() {
            return Ok((grouped, bundle));
        }
        let (bundles, every) = self.bundles()?;
        let on = vec![(Expr::Column(every.clone()), Expr::Column(bundle.clone()))];
        let all = joined(bundles, grouped, on, None, JoinType::Left, NullEquality::NullEqualsNothing)?;
        let mut expr = Vec::new();
        for (of, (_, field)) in aggregate.aggr_expr.iter().zip(aggregate.schema.iter()) {
            let value = Expr::Column(Column::new_unqualified(field.name()));
            let of_nothing = value_of_nothing(of, &aggregate.input)?;
            expr.push(if of_nothing.is_null() {
                value
            } else {
                let is_nothing = Expr::Column(bundle.clone()).is_null();
                when(is_nothing, lit(of_nothing)).otherwise(value)?.alias(field.name())
            });
        }
        expr.push(Expr::Column(every.clone()));
        Ok((LogicalPlan::Projection(Projection::try_new(expr, Arc::new(all))?), every))
    }

    fn window(&mut self, window: &Window) -> Result<Each> {
        let (input, bundle) = self.of(&window.input)?;
        let by_bundle = |expr: &Expr| {
            expr.clone().transform_up(|expr| match expr {
                Expr::WindowFunction(mut function) => {
                    function.params.partition_by.push(Expr::Column(bundle.clone()));
                    Ok(Transformed::yes(Expr::WindowFunction(function)))
                }
                other => Ok(Transformed::no(other)),
            })
        };
        let windows: Vec<Expr> =
            window.window_expr.iter().map(|expr| by_bundle(expr).map(|by| by.data)).collect::<Result<_>>()?;
        // The partition is in the names of the new columns.
        let mut expr = columns(window.input.schema());
        for (old, new) in window.window_expr.iter().zip(&windows) {
            let new = Column::new_unqualified(new.schema_name().to_string());
            expr.push(Expr::Column(new).alias(old.schema_name().to_string()));
        }
        expr.push(Expr::Column(bundle.clone()));
        let windows = LogicalPlan::Window(Window::try_new(windows, Arc::new(input))?);
        Ok((LogicalPlan::Projection(Projection::try_new(expr, Arc::new(windows))?), bundle))
    }

    fn union(&mut self, union: &Union) -> Result<Each> {
        let mut inputs = Vec::new();
        for input in &union.inputs {
            let (each, bundle) = self.of(input)?;
            let mut expr = columns(input.schema());
            expr.push(Expr::Column(bundle).alias(BUNDLE));
            inputs.push(Arc::new(LogicalPlan::Projection(Projection::try_new(expr, Arc::new(each))?)));
        }
        let all = Union::try_new(inputs)?;
        let given = columns(&all.schema);
        let (Some(number), named) = (given.last().cloned(), given.into_iter().zip(union.schema.iter())) else {
            return plan_err!("a union without inputs");
        };
        let named = named.map(|(expr, (table, field))| expr.alias_qualified(table.cloned(), field.name()));
        let named = named.collect();
        self.named(LogicalPlan::Union(all), named, number)
    }
}

fn joined(
    left: LogicalPlan,
    right: LogicalPlan,
    on: Vec<(Expr, Expr)>,
    filter: Option<Expr>,
    kind: JoinType,
    nulls: NullEquality,
) -> Result<LogicalPlan> {
    let (left, right) = (Arc::new(left), Arc::new(right));
    Join::try_new(left, right, on, filter, kind, JoinConstraint::On, nulls, false).map(LogicalPlan::Join)
}

fn columns(schema: &DFSchema) -> Vec<Expr> {
    schema.iter().map(|(table, field)| Expr::Column((table, field.as_ref()).into())).collect()
}

fn nulls(schema: &DFSchema) -> Vec<Expr> {
    let null = |data_type: &DataType| cast(lit(ScalarValue::Null), data_type.clone());
    let null = |(table, field): (Option<&TableReference>, &Arc<Field>)| {
        null(field.data_type()).alias_qualified(table.cloned(), field.name())
    };
    schema.iter().map(null).collect()
}

/// What an aggregate gives where it has no rows.
fn value_of_nothing(aggregate: &Expr, input: &LogicalPlan) -> Result<ScalarValue> {
    match aggregate {
        Expr::Alias(alias) => value_of_nothing(&alias.expr, input),
        Expr::AggregateFunction(function) => function.func.default_value(&aggregate.get_type(input.schema())?),
        other => plan_err!("{other} is no aggregate"),
    }
}

fn has_subquery(plan: &LogicalPlan) -> Result<bool> {
    any_expression(plan, |expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    })
}
