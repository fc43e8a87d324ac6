//! The views that checks build on, computed once from the bundle's tables, and their documentation.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use casefile_evidence::{ColumnInfo, Table};

/// In an order in which each needs only those before it.
const VIEWS: [(&str, &str); 10] = [
    ("latest_services", include_str!("../../views/latest_services.sql")),
    ("latest_deployments", include_str!("../../views/latest_deployments.sql")),
    ("latest_task_sets", include_str!("../../views/latest_task_sets.sql")),
    ("latest_tasks", include_str!("../../views/latest_tasks.sql")),
    ("latest_containers", include_str!("../../views/latest_containers.sql")),
    ("latest_service_deployments", include_str!("../../views/latest_service_deployments.sql")),
    ("latest_sources", include_str!("../../views/latest_sources.sql")),
    ("rollout", include_str!("../../views/rollout.sql")),
    ("one_off_tasks", include_str!("../../views/one_off_tasks.sql")),
    ("task_ends", include_str!("../../views/task_ends.sql")),
];

/// Name and SQL of every view, each after those that it builds on.
pub(crate) fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    VIEWS.into_iter()
}

/// A table or view that a query can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDoc {
    /// Its name.
    pub name: String,
    /// The meaning of one row.
    pub doc: String,
    /// Whether it is derived, not stored in the bundle.
    pub derived: bool,
    /// Its columns.
    pub columns: Vec<ColumnDoc>,
}

/// A column of a [`TableDoc`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDoc {
    /// Its name.
    pub name: String,
    /// Its type in SQL.
    pub sql_type: &'static str,
    /// Whether it can be null.
    pub nullable: bool,
    /// Its meaning.
    pub doc: String,
}

impl From<&ColumnInfo> for ColumnDoc {
    fn from(column: &ColumnInfo) -> Self {
        Self {
            name: column.name.to_owned(),
            sql_type: sql_type(&column.data_type),
            nullable: column.nullable,
            doc: column.doc.clone(),
        }
    }
}

pub(crate) fn sql_type(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Utf8 => "VARCHAR",
        DataType::Int64 => "BIGINT",
        DataType::Boolean => "BOOLEAN",
        _ => "TIMESTAMP",
    }
}

fn data_type(sql_type: &str) -> DataType {
    match sql_type {
        "VARCHAR" => DataType::Utf8,
        "BIGINT" => DataType::Int64,
        "BOOLEAN" => DataType::Boolean,
        _ => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
    }
}

/// The columns of a view, as documented.
pub(crate) fn view_schema(name: &str, sql: &str, stored: &[Table]) -> Schema {
    let field = |column: ColumnDoc| Field::new(column.name, data_type(column.sql_type), column.nullable);
    Schema::new(view_doc(name, sql, stored).columns.into_iter().map(field).collect::<Vec<_>>())
}

pub(crate) fn view_doc(name: &str, sql: &str, stored: &[Table]) -> TableDoc {
    let comments = || sql.lines().map_while(|line| line.strip_prefix("-- "));
    let base = name.trim_start_matches("latest_");
    let base = stored.iter().find(|table| table.info.name == base);
    let mut columns: Vec<ColumnDoc> =
        base.into_iter().flat_map(|table| &table.info.columns).map(ColumnDoc::from).collect();
    columns.extend(comments().filter_map(|line| line.strip_prefix("+ ")?.split_once(": ")).map(|(column, doc)| {
        // `name TYPE?: meaning`; the mark means that it can be null.
        let (name, of_type) = column.split_once(' ').unwrap_or((column, "BOOLEAN"));
        let sql_type = match of_type.trim_end_matches('?') {
            "VARCHAR" => "VARCHAR",
            "BIGINT" => "BIGINT",
            "TIMESTAMP" => "TIMESTAMP",
            _ => "BOOLEAN",
        };
        ColumnDoc { name: name.to_owned(), sql_type, nullable: of_type.ends_with('?'), doc: doc.to_owned() }
    }));
    let doc = comments().filter(|line| !line.starts_with("+ ")).collect::<Vec<_>>().join(" ");
    TableDoc { name: name.to_owned(), doc, derived: true, columns }
}
