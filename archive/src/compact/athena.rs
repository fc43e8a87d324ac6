//! The compacted copy as Amazon Athena declares it.

use std::fmt::Write;

use arrow::datatypes::DataType;
use casefile_evidence::tables;

use super::{TABLES, compacted_schema};

/// `CREATE EXTERNAL TABLE` of every table, for a copy below `location` (`s3://bucket/prefix`). Months are projected, so
/// that no partition has to be added.
///
/// Types as Athena reads Parquet: <https://docs.aws.amazon.com/athena/latest/ug/data-types.html>; projection:
/// <https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html>.
pub fn athena(location: &str) -> String {
    let location = location.trim_end_matches('/');
    let mut sql = String::new();
    for table in tables::all() {
        let name = table.info.name;
        let columns: Vec<String> = compacted_schema(table)
            .fields()
            .iter()
            .map(|field| format!("  `{}` {}", field.name(), type_of(field.data_type())))
            .collect();
        let _ = write!(
            sql,
            "CREATE EXTERNAL TABLE IF NOT EXISTS {name} (\n{}\n)\nPARTITIONED BY (`month` string)\nSTORED AS PARQUET\n\
             LOCATION '{location}/{TABLES}/{name}/'\nTBLPROPERTIES (\n  'projection.enabled' = 'true',\n  \
             'projection.month.type' = 'date',\n  'projection.month.format' = 'yyyy-MM',\n  \
             'projection.month.range' = '2020-01,NOW',\n  'projection.month.interval' = '1',\n  \
             'projection.month.interval.unit' = 'MONTHS'\n);\n\n",
            columns.join(",\n")
        );
    }
    sql
}

fn type_of(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int64 => "bigint",
        DataType::Boolean => "boolean",
        DataType::Timestamp(_, _) => "timestamp",
        _ => "string",
    }
}
