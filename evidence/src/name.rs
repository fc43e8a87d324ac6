//! Names that many rows share.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray, StringBuilder};
use arrow::datatypes::DataType;

use crate::row::Cell;

/// A name that many rows share: they hold it once, and equal ones are told so at once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Default for Name {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(Arc::from(name))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl Cell for Name {
    type Builder = StringBuilder;
    const NULLABLE: bool = false;
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn append(&self, builder: &mut StringBuilder) {
        builder.append_value(&**self);
    }
    fn finish(builder: &mut StringBuilder) -> ArrayRef {
        Arc::new(builder.finish())
    }
    fn read(column: &dyn Array, row: usize) -> Option<Self> {
        Some(column.as_any().downcast_ref::<StringArray>()?.value(row).into())
    }
    fn read_after(column: &dyn Array, row: usize, before: &Self) -> Option<Self> {
        let name = column.as_any().downcast_ref::<StringArray>()?.value(row);
        Some(if **before == *name { before.clone() } else { name.into() })
    }
    fn weight(&self) -> usize {
        16
    }
    fn weight_at(_column: &dyn Array, _row: usize) -> usize {
        16
    }
}

impl Cell for Option<Name> {
    type Builder = StringBuilder;
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn append(&self, builder: &mut StringBuilder) {
        builder.append_option(self.as_deref());
    }
    fn finish(builder: &mut StringBuilder) -> ArrayRef {
        Arc::new(builder.finish())
    }
    fn read(column: &dyn Array, row: usize) -> Option<Self> {
        let column = column.as_any().downcast_ref::<StringArray>()?;
        Some(column.is_valid(row).then(|| column.value(row).into()))
    }
    fn read_after(column: &dyn Array, row: usize, before: &Self) -> Option<Self> {
        let names = column.as_any().downcast_ref::<StringArray>()?;
        match before {
            Some(name) if names.is_valid(row) && **name == *names.value(row) => Some(before.clone()),
            _ => Self::read(column, row),
        }
    }
    fn weight(&self) -> usize {
        16
    }
    fn weight_at(_column: &dyn Array, _row: usize) -> usize {
        16
    }
}
