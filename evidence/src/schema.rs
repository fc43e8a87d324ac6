//! Whether a file has the schema of its table.

use arrow::datatypes::Schema;

/// The first way in which a schema differs from the expected one; names, types, nulls and order count. Columns that
/// a later version added, at the end and nullable, may be missing: they read as null.
pub(crate) fn schema_difference(found: &Schema, expected: &Schema) -> Option<String> {
    for (place, field) in expected.fields().iter().enumerate() {
        let Some(other) = found.fields().get(place) else {
            if expected.fields()[place..].iter().all(|added| added.is_nullable()) && place > 0 {
                return None;
            }
            return Some(format!("column {} is missing", field.name()));
        };
        if other.name() != field.name() {
            return Some(format!("column {} is {}, expected {}", place + 1, other.name(), field.name()));
        }
        if other.data_type() != field.data_type() {
            return Some(format!("column {} is {}, expected {}", field.name(), other.data_type(), field.data_type()));
        }
        if other.is_nullable() != field.is_nullable() {
            let (is, should) = if other.is_nullable() { ("nullable", "not") } else { ("not nullable", "nullable") };
            return Some(format!("column {} is {is}, expected {should}", field.name()));
        }
    }
    let extra = found.fields().get(expected.fields().len())?;
    Some(format!("column {} is not expected", extra.name()))
}
