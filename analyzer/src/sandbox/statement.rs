//! The first layer: the text is exactly one query, and names nothing that is refused.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, ObjectName, Query, SetExpr, Spanned, Statement as SqlStatement, TableFactor, Visit,
    Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::functions::Dialect;
use super::locate::line_in_text;
use crate::did_you_mean::closest;
use crate::error::SpecError;

/// The names that a query may use.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) tables: &'a [String],
    pub(crate) state: &'a SessionState,
}

impl Known<'_> {
    /// The functions of the session, by every name that they have.
    fn functions(&self) -> impl Iterator<Item = &str> {
        let scalar = self.state.scalar_functions().keys();
        let aggregate = self.state.aggregate_functions().keys();
        // Functions that the planner inserts.
        scalar.chain(aggregate).chain(self.state.window_functions().keys()).map(String::as_str).chain(["unnest"])
    }
}

/// How many words and signs a query may have: chains of operators and of UNIONs nest as deep as they are
/// long.
pub(super) const WORDS: usize = 10_000;

/// The first line that is neither empty nor a comment.
pub(crate) fn first_line(sql: &str) -> u64 {
    let is_code = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with("--");
    sql.lines().position(is_code).map_or(1, |line| line as u64 + 1)
}

const ONE_QUERY: &str = "write one SELECT and nothing else";

/// Parses exactly one statement.
pub(crate) fn parse(file: &str, first_line: u64, sql: &str) -> Result<Statement, SpecError> {
    let syntax = |error: &ParserError| {
        let text = match error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
            ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
        };
        let line = line_in_text(&text).unwrap_or(first_line);
        let text = text.rsplit_once(" at Line: ").map_or(text.as_str(), |(text, _)| text);
        SpecError::new(file, format!("cannot be parsed: {text}"), String::new()).at(line)
    };
    let from_engine = |error: datafusion::error::DataFusionError| match error {
        datafusion::error::DataFusionError::SQL(error, _) => syntax(&error),
        datafusion::error::DataFusionError::Diagnostic(diagnostic, inner) => match *inner {
            datafusion::error::DataFusionError::SQL(error, _) => {
                let mut error = syntax(&error);
                if let Some(span) = diagnostic.span {
                    error.line = Some(span.start.line);
                }
                error
            }
            other => super::locate::spec_error(file, first_line, &other),
        },
        other => super::locate::spec_error(file, first_line, &other),
    };
    let dialect = GenericDialect {};
    // A text has no more words than bytes.
    if sql.len() > WORDS {
        let tokens = Tokenizer::new(&dialect, sql).tokenize().map_err(|error| syntax(&ParserError::from(error)))?;
        let words = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).count();
        if words > WORDS {
            let problem = format!("has {words} words and signs, which is more than {WORDS}");
            return Err(SpecError::new(file, problem, "make it simpler").at(first_line));
        }
    }
    let mut parser =
        DFParserBuilder::new(sql).with_dialect(&dialect).with_recursion_limit(50).build().map_err(from_engine)?;
    let mut statements = parser.parse_statements().map_err(from_engine)?;
    match (statements.pop_front(), statements.pop_front()) {
        (Some(statement), None) => Ok(statement),
        (None, _) => Err(SpecError::new(file, "there is no query", ONE_QUERY).at(first_line)),
        (Some(_), Some(second)) => {
            let mut error = SpecError::new(file, "there is more than one statement", ONE_QUERY).at(first_line);
            if let Statement::Statement(second) = second {
                let line = second.span().start.line;
                if line > 0 {
                    error.line = Some(line);
                }
            }
            Err(error)
        }
    }
}

/// Refuses a statement that names a forbidden function, table or clause.
pub(crate) fn refuse(file: &str, first_line: u64, statement: &Statement, known: Known<'_>) -> Result<(), SpecError> {
    let refuse = |what: &str| {
        Err(SpecError::new(file, format!("{what} is not allowed: it is not a query"), ONE_QUERY).at(first_line))
    };
    let query = match statement {
        Statement::Statement(statement) => match statement.as_ref() {
            SqlStatement::Query(query) => query,
            other => return refuse(&first_words(&other.to_string())),
        },
        Statement::CopyTo(_) => return refuse("COPY"),
        Statement::Explain(_) => return refuse("EXPLAIN"),
        Statement::CreateExternalTable(_) => return refuse("CREATE EXTERNAL TABLE"),
        Statement::Reset(_) => return refuse("RESET"),
    };
    let mut names = WithNames::default();
    let _ = query.visit(&mut names);
    let mut gate = Gate { file, first_line, known, with: names.0 };
    match query.visit(&mut gate) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn first_words(statement: &str) -> String {
    let words = statement.split_whitespace().take_while(|word| word.chars().all(|c| c.is_ascii_uppercase()));
    let words = words.take(2).collect::<Vec<_>>().join(" ");
    if words.is_empty() { "this statement".to_owned() } else { words }
}

/// The names that WITH gives. Where they hold is the planner's business.
#[derive(Default)]
struct WithNames(BTreeSet<String>);

impl Visitor for WithNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.0.insert(normalised(&table.alias.name));
        }
        ControlFlow::Continue(())
    }
}

fn normalised(ident: &datafusion::sql::sqlparser::ast::Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

struct Gate<'a> {
    file: &'a str,
    first_line: u64,
    known: Known<'a>,
    with: BTreeSet<String>,
}

impl Gate<'_> {
    fn refuse(&self, at: &impl Spanned, problem: String, remedy: impl Into<String>) -> ControlFlow<Box<SpecError>> {
        let line = at.span().start.line;
        let line = if line == 0 { self.first_line } else { line };
        ControlFlow::Break(Box::new(SpecError::new(self.file, problem, remedy).at(line)))
    }

    fn function(&self, name: &ObjectName) -> ControlFlow<Box<SpecError>> {
        let written = name.to_string();
        let called = written.to_ascii_lowercase();
        if let Some((why, instead)) = self.known.dialect.refusal(&called) {
            return self.refuse(name, format!("function {called} is not allowed: it {why}"), instead);
        }
        if self.known.functions().any(|known| known == called) {
            return ControlFlow::Continue(());
        }
        let near = closest(&called, self.known.functions());
        let remedy = if near.starts_with("did you mean") {
            near
        } else {
            "see the functions of a check in the reference".to_owned()
        };
        self.refuse(name, format!("function {called} is not one that a query may call"), remedy)
    }

    fn relation(&self, name: &ObjectName) -> ControlFlow<Box<SpecError>> {
        let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(normalised)).collect();
        let Some(parts) = parts else {
            return self.refuse(name, format!("{name} is no table"), "name a table of the bundle");
        };
        let known = |table: &String| self.known.tables.contains(table) || self.with.contains(table);
        match parts.as_slice() {
            [table] if known(table) => ControlFlow::Continue(()),
            [table] if table.contains(['/', '\\', '.', '*', ':']) => self.refuse(
                name,
                format!("{table:?} is a file path: a query reads the bundle's tables and nothing else"),
                "name a table, such as tasks",
            ),
            [table] => self.refuse(
                name,
                format!("there is no table {table}"),
                closest(table, self.known.tables.iter().chain(&self.with).map(String::as_str)),
            ),
            _ => self.refuse(
                name,
                format!("{name} names a schema: a query reads the bundle's tables and nothing else"),
                "write the table's name alone, such as tasks",
            ),
        }
    }
}

impl Visitor for Gate<'_> {
    type Break = Box<SpecError>;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        if let Some(with) = query.with.as_ref().filter(|with| with.recursive) {
            let remedy = "write the steps out, or join: evidence is no graph of unknown depth";
            return self.refuse(with, "WITH RECURSIVE is not allowed: it may never end".to_owned(), remedy);
        }
        let refused = match query.body.as_ref() {
            SetExpr::Insert(_) => Some("INSERT"),
            SetExpr::Update(_) => Some("UPDATE"),
            SetExpr::Delete(_) => Some("DELETE"),
            SetExpr::Merge(_) => Some("MERGE"),
            SetExpr::Select(select) if select.into.is_some() => Some("SELECT INTO"),
            _ => (!query.locks.is_empty()).then_some("FOR UPDATE"),
        };
        match refused {
            Some(what) => self.refuse(query, format!("{what} is not allowed: it is not a query"), ONE_QUERY),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        let function = match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => name.to_string(),
            TableFactor::TableFunction { expr, .. } => expr.to_string(),
            TableFactor::Table { sample: Some(_), .. } => {
                let problem = "TABLESAMPLE is not allowed: it gives other rows at every run".to_owned();
                return self.refuse(factor, problem, "read the whole table");
            }
            _ => return ControlFlow::Continue(()),
        };
        let problem = format!("{function} is a table function: a query reads the bundle's tables and nothing else");
        self.refuse(factor, problem, "name a table, such as tasks")
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Self::Break> {
        self.relation(relation)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Function(function) => {
                if !matches!(function.parameters, FunctionArguments::None) {
                    let problem = format!("function {} has parameters before its arguments", function.name);
                    return self.refuse(expr, problem, "write name(arguments)");
                }
                self.function(&function.name)
            }
            Expr::Identifier(name) if name.value.starts_with('@') => {
                self.refuse(expr, format!("variable {name} is not allowed"), "use a column of target")
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
