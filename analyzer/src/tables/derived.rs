//! Tables that are computed from the evidence before any check runs.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{Field, Schema};

use super::views::{ColumnDoc, TableDoc, sql_type};
use crate::error::AnalyzeError;

pub(crate) fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
}

pub(crate) fn texts<S: AsRef<str>>(values: impl Iterator<Item = Option<S>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// A table of columns: name, whether it can be null, values.
pub(crate) fn batch(columns: Vec<(&str, bool, ArrayRef)>) -> Result<RecordBatch, AnalyzeError> {
    let fields = columns.iter().map(|(name, nullable, array)| Field::new(*name, array.data_type().clone(), *nullable));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(.., array)| array).collect()).map_err(AnalyzeError::internal)
}

/// The documentation of a table. `columns`: name and text of each.
pub(crate) fn doc(name: &str, doc: &str, columns: &[(&str, &str)], batch: &RecordBatch) -> TableDoc {
    let schema = batch.schema();
    let column = |(name, doc): &(&str, &str)| {
        let field = schema.field_with_name(name).ok()?;
        Some(ColumnDoc {
            name: (*name).to_owned(),
            sql_type: sql_type(field.data_type()),
            nullable: field.is_nullable(),
            doc: (*doc).to_owned(),
        })
    };
    let columns = columns.iter().filter_map(column).collect();
    TableDoc { name: name.to_owned(), doc: doc.to_owned(), derived: true, columns }
}
