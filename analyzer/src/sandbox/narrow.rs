//! The tables of a query with the columns that it names, and no others.
//!
//! The engine carries the columns of every table through all steps of planning, and where rows are equal in what a check orders
//! them by, all their columns decide ([`ties`](super::ties)). A check names about five of a table's twenty columns. A query
//! cannot tell rows apart that are the same in every column that it names, so its answer does not depend on the others.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::{DataFusionError, TableReference};
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Query, Select, SelectItem, SetExpr, TableFactor,
    Visit, Visitor,
};

use super::late_table::LateTable;
use super::session::Catalog;
use crate::error::AnalyzeError;

/// The words of a query, in lower case. Every column and table that it names is among them.
#[derive(Debug)]
pub(super) struct Words(BTreeSet<String>);

impl Words {
    /// `None` where the query may read columns that it does not name, such as all of them (`*`).
    pub(super) fn of(sql: &str, statement: &Statement) -> Option<Self> {
        let Statement::Statement(statement) = statement else { return None };
        if statement.visit(&mut OnlyNamed).is_break() {
            return None;
        }
        let words = sql.split(|c| !is_of_word(c)).filter(|word| !word.is_empty());
        let words = Self(words.map(str::to_lowercase).collect());
        // A natural join joins by all columns that both sides have.
        (!words.name("natural")).then_some(words)
    }

    /// Whether a table or a column may be named. A name with other characters than those of words is written in quotes: it
    /// always may be.
    pub(super) fn name(&self, name: &str) -> bool {
        !name.chars().all(is_of_word) || self.0.contains(&name.to_lowercase())
    }
}

/// Leaves a session the tables and columns that a query may name.
pub(super) async fn narrow(state: &mut SessionState, tables: &[String], words: &Words) -> Result<(), DataFusionError> {
    let external = |error: AnalyzeError| DataFusionError::External(Box::new(error));
    let mut catalog = Catalog::new(None).map_err(external)?;
    for name in tables.iter().filter(|name| words.name(name)) {
        let Some(table) = state.schema_for_ref(TableReference::bare(name.as_str()))?.table(name).await? else {
            continue;
        };
        let narrowed =
            table.downcast_ref::<LateTable>().map(|late| Arc::new(late.narrowed(|column| words.name(column))) as _);
        catalog.add(name, narrowed.unwrap_or(table)).map_err(external)?;
    }
    state.register_catalog_list(catalog.list());
    Ok(())
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Stops at syntax that reads columns without naming them.
struct OnlyNamed;

fn stop_if(unnamed: bool) -> ControlFlow<()> {
    if unnamed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

impl Visitor for OnlyNamed {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        stop_if(!query.pipe_operators.is_empty() || !is_select(&query.body))
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let is_named =
            |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
        stop_if(!select.projection.iter().all(is_named))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            // `tasks AS t(a, b)` names columns by their places.
            TableFactor::Table { alias, .. } => stop_if(alias.as_ref().is_some_and(|alias| !alias.columns.is_empty())),
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } | TableFactor::UNNEST { .. } => {
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => ControlFlow::Break(()),
            Expr::Function(function) => stop_if(!has_only_named(function)),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Whether a query is a SELECT, VALUES, or a UNION or the like of such. Queries inside of it are visited by themselves.
fn is_select(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => is_select(left) && is_select(right),
        _ => false,
    }
}

/// Whether the arguments name the columns that they read. `count(*)` reads none.
fn has_only_named(function: &Function) -> bool {
    let FunctionArguments::List(arguments) = &function.args else { return true };
    let is_count = function.name.to_string().eq_ignore_ascii_case("count");
    arguments.args.iter().all(|argument| {
        let (FunctionArg::Unnamed(value)
        | FunctionArg::Named { arg: value, .. }
        | FunctionArg::ExprNamed { arg: value, .. }) = argument;
        match value {
            FunctionArgExpr::Expr(_) => true,
            FunctionArgExpr::Wildcard => is_count,
            FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::WildcardWithOptions(_) => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::parse;

    fn words(sql: &str) -> Option<Words> {
        Words::of(sql, &parse("test", 1, sql).unwrap())
    }

    #[test]
    fn what_is_named_is_known() {
        for sql in [
            "SELECT task_arn FROM tasks t WHERE t.Stop_Code = 'x' ORDER BY \"at\"",
            "WITH stop_code AS (SELECT task_arn, at FROM tasks) SELECT count(*) FROM stop_code",
            "SELECT 1 FROM tasks t JOIN (SELECT at FROM tasks) u USING (at, task_arn, stop_code)",
            "SELECT count(*), stop_code FROM tasks GROUP BY 2, task_arn UNION ALL SELECT 1, (SELECT max(at) FROM tasks)",
            "SELECT a.x FROM (SELECT task_arn, at, stop_code FROM tasks) AS a(x, y, z)",
            "SELECT sum(at) OVER w FROM tasks WINDOW w AS (PARTITION BY task_arn ORDER BY stop_code)",
        ] {
            let words = words(sql).expect(sql);
            assert!(["tasks", "task_arn", "stop_code", "at"].iter().all(|name| words.name(name)), "{sql}");
            assert!(["services", "stop", "arn", "status"].iter().all(|name| !words.name(name)), "{sql}");
            assert!(words.name("a column"), "it could be in quotes");
        }
    }

    #[test]
    fn columns_may_be_read_that_are_not_named() {
        for sql in [
            "SELECT * FROM tasks",
            "SELECT t.*, 1 FROM tasks t",
            "SELECT * EXCLUDE (at) FROM tasks",
            "SELECT 1 WHERE EXISTS (SELECT * FROM tasks)",
            "WITH t AS (SELECT t.* FROM tasks t) SELECT task_arn FROM t",
            "SELECT at FROM tasks UNION ALL SELECT * FROM services",
            "SELECT at FROM tasks UNION ALL (SELECT at FROM (SELECT * FROM services) s)",
            "SELECT a.task_arn FROM tasks a NATURAL JOIN services b",
            "SELECT x FROM tasks AS t(x, y)",
            "SELECT count(t.*), concat(t.*) FROM tasks t",
            "SELECT count(t.*) FROM tasks t",
        ] {
            assert!(words(sql).is_none(), "{sql}");
        }
    }
}
