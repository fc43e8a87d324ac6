//! The columns that a check must give.

use arrow::datatypes::{DataType, Schema};

use crate::error::SpecError;

const SHAPE: &str = "a check gives `resource`, `status` and `reason` as text, and `at` as a timestamp where it helps";

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether a result has the shape of a check's.
pub(crate) fn shape(file: &str, line: u64, schema: &Schema) -> Result<(), SpecError> {
    let wrong = |problem: String| Err(SpecError::new(file, problem, SHAPE).at(line));
    for name in ["resource", "status", "reason"] {
        match schema.column_with_name(name) {
            None => return wrong(format!("the result has no column {name}")),
            Some((_, field)) if !is_text(field.data_type()) => {
                return wrong(format!("column {name} is {}, not text", field.data_type()));
            }
            Some(_) => {}
        }
    }
    match schema.column_with_name("at") {
        Some((_, field)) if !matches!(field.data_type(), DataType::Timestamp(..) | DataType::Null) => {
            wrong(format!("column at is {}, not a timestamp", field.data_type()))
        }
        _ => Ok(()),
    }
}
