//! How many rows two bundles share.

use std::cmp::Ordering;

use arrow::array::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};

use crate::error::ReadError;
use crate::read::Bundle;
use crate::tables;

/// The rows of a table in two bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDifference {
    /// The table.
    pub table: &'static str,
    /// Rows of the first bundle.
    pub before: u64,
    /// Rows of the second.
    pub after: u64,
    /// Rows that both have, in every column.
    pub same: u64,
}

impl Bundle {
    /// Compares every table with that of another bundle, row by row, in flat memory.
    ///
    /// # Errors
    /// Where a table cannot be read.
    pub fn compare(&self, other: &Self) -> Result<Vec<TableDifference>, ReadError> {
        tables::all().iter().map(|table| compare(table.info.name, self, other)).collect()
    }
}

fn compare(table: &'static str, before: &Bundle, after: &Bundle) -> Result<TableDifference, ReadError> {
    let mut found = TableDifference { table, before: 0, after: 0, same: 0 };
    let (mut before, mut after) = (Rows::of(before, table)?, Rows::of(after, table)?);
    let (mut left, mut right) = (before.next()?, after.next()?);
    loop {
        // The tables are in the order of their rows.
        let order = match (&left, &right) {
            (None, None) => return Ok(found),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.cmp(right),
        };
        if order != Ordering::Greater {
            found.before += 1;
            left = before.next()?;
        }
        if order != Ordering::Less {
            found.after += 1;
            right = after.next()?;
        }
        found.same += u64::from(order == Ordering::Equal);
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ReadError>>>;

/// The rows of a table as bytes that compare as the rows do.
struct Rows {
    table: &'static str,
    batches: Batches,
    converter: RowConverter,
    rows: std::vec::IntoIter<OwnedRow>,
}

impl Rows {
    fn of(bundle: &Bundle, table: &'static str) -> Result<Self, ReadError> {
        let schema = tables::by_name(table).map(|table| &table.schema);
        let fields = schema.into_iter().flat_map(|schema| schema.fields());
        let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(|source| unreadable(table, source))?;
        let has = bundle.has_table(table);
        let batches: Batches = if has { Box::new(bundle.batches(table)?) } else { Box::new(std::iter::empty()) };
        Ok(Self { table, batches, converter, rows: Vec::new().into_iter() })
    }

    fn next(&mut self) -> Result<Option<OwnedRow>, ReadError> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            let Some(batch) = self.batches.next().transpose()? else { return Ok(None) };
            let rows = self.converter.convert_columns(batch.columns());
            let rows = rows.map_err(|source| unreadable(self.table, source))?;
            self.rows = rows.iter().map(|row| row.owned()).collect::<Vec<_>>().into_iter();
        }
    }
}

fn unreadable(table: &str, source: arrow::error::ArrowError) -> ReadError {
    ReadError::Arrow { table: table.to_owned(), source }
}
