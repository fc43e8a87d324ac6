//! The order of rows that stand in columns: that of the rows themselves (a row's derived `Ord`).

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMillisecondType};

use crate::row::Row;

/// The places of all rows, as batch and row, in order. `None` where a batch is not of this table.
///
/// The columns of the sort key are compared as numbers, for they are compared again and again: texts by their rank among
/// those of their column. The rest is looked at where these are equal.
pub(crate) fn order<R: Row>(batches: &[RecordBatch]) -> Option<Vec<(usize, usize)>> {
    let places: Vec<(usize, usize)> =
        (0..).zip(batches).flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row))).collect();
    let schema = R::schema();
    let columns = schema.fields().iter().take(R::info().sort_key);
    // Of a column that has nulls, these come first: that is a number of its own.
    let width = columns.clone().map(|column| if column.is_nullable() { 2 } else { 1 }).sum::<usize>();
    let mut keys = vec![0_i64; width * places.len()];
    let mut at = 0;
    for (column, field) in columns.enumerate() {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        if field.is_nullable() {
            let valid = parts.iter().flat_map(|part| (0..part.len()).map(|row| i64::from(part.is_valid(row))));
            fill(&mut keys, width, at, valid);
            at += 1;
        }
        match field.data_type() {
            DataType::Utf8 => fill(&mut keys, width, at, ranks(&parts).into_iter()),
            DataType::Int64 => {
                fill(
                    &mut keys,
                    width,
                    at,
                    parts.iter().flat_map(|part| part.as_primitive::<Int64Type>().values().iter().copied()),
                );
            }
            DataType::Timestamp(..) => {
                let values = parts.iter().flat_map(|part| part.as_primitive::<TimestampMillisecondType>().values());
                fill(&mut keys, width, at, values.copied());
            }
            DataType::Boolean => {
                let values = parts.iter().flat_map(|part| part.as_boolean().values().iter().map(i64::from));
                fill(&mut keys, width, at, values);
            }
            _ => return None,
        }
        at += 1;
    }
    let key = |index: usize| &keys[index * width..(index + 1) * width];
    let mut order: Vec<usize> = (0..places.len()).collect();
    let mut failed = false;
    let row = |index: usize| {
        let (batch, row): (usize, usize) = places[index];
        row_at::<R>(&batches[batch], row)
    };
    order.sort_unstable_by(|a, b| {
        key(*a).cmp(key(*b)).then_with(|| match (row(*a), row(*b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => {
                failed = true;
                Ordering::Equal
            }
        })
    });
    (!failed).then(|| order.into_iter().map(|index| places[index]).collect())
}

/// One row of a batch.
pub(crate) fn row_at<R: Row>(batch: &RecordBatch, row: usize) -> Option<R> {
    R::from_batch(&batch.slice(row, 1))?.pop()
}

fn fill(keys: &mut [i64], width: usize, at: usize, values: impl Iterator<Item = i64>) {
    keys.iter_mut().skip(at).step_by(width).zip(values).for_each(|(key, value)| *key = value);
}

/// Texts as numbers that compare as they do.
fn ranks(parts: &[&dyn Array]) -> Vec<i64> {
    let texts = || parts.iter().flat_map(|part| part.as_string::<i32>().iter().map(Option::unwrap_or_default));
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut last: Option<(&str, usize)> = None;
    let mut numbers = Vec::new();
    for text in texts() {
        // Neighbours are often alike.
        let number = match last {
            Some((before, number)) if before == text => number,
            _ => {
                let new = known.len();
                *known.entry(text).or_insert(new)
            }
        };
        last = Some((text, number));
        numbers.push(number);
    }
    let mut sorted: Vec<(&str, usize)> = known.into_iter().collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    for (rank, (_, number)) in (0..).zip(sorted) {
        ranks[number] = rank;
    }
    numbers.into_iter().map(|number| ranks[number]).collect()
}
