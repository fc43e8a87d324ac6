//! Columns of a WITH query that nothing reads.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SelectItem, SetExpr, Statement as SqlStatement, Visit, Visitor,
};

use crate::sandbox::parse;

/// The table and the name of every column of a WITH query that is named nowhere outside of it.
pub(super) fn columns(file: &str, line: u64, sql: &str) -> Vec<(String, String)> {
    let Ok(Statement::Statement(statement)) = parse(file, line, sql) else { return Vec::new() };
    let SqlStatement::Query(query) = *statement else { return Vec::new() };
    let everywhere = Names::of(query.as_ref());
    let mut unused = Vec::new();
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        let within = Names::of(table.query.as_ref());
        // A wildcard uses every column.
        if everywhere.wildcards > within.wildcards {
            continue;
        }
        for column in outputs(&table.query.body) {
            let outside = everywhere.count(&column).saturating_sub(within.count(&column));
            if outside == 0 {
                unused.push((table.alias.name.value.clone(), column));
            }
        }
    }
    unused
}

/// The names that a query gives to its columns, as far as it names them itself.
fn outputs(body: &SetExpr) -> Vec<String> {
    match body {
        SetExpr::Select(select) => select
            .projection
            .iter()
            .filter_map(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => names.last().map(|name| name.value.clone()),
                _ => None,
            })
            .collect(),
        SetExpr::SetOperation { left, .. } => outputs(left),
        SetExpr::Query(query) => outputs(&query.body),
        _ => Vec::new(),
    }
}

/// How often each column is named in a query, and how often all are taken.
#[derive(Default)]
struct Names {
    columns: BTreeMap<String, usize>,
    wildcards: usize,
}

impl Names {
    fn of(query: &Query) -> Self {
        let mut names = Self::default();
        let _ = query.visit(&mut names);
        names
    }

    fn count(&self, column: &str) -> usize {
        self.columns.get(column).copied().unwrap_or_default()
    }

    fn name(&mut self, column: &str) {
        *self.columns.entry(column.to_owned()).or_default() += 1;
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => self.name(&name.value),
            Expr::CompoundIdentifier(names) => names.iter().skip(1).for_each(|name| self.name(&name.value)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let all = |item: &&SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        self.wildcards += select.projection.iter().filter(all).count();
        ControlFlow::Continue(())
    }
}
