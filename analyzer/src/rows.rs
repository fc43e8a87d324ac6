//! From a check's result to rows of evidence.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, TimestampMillisecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use casefile_evidence::{Timestamp, utc_millis};

use crate::error::SpecError;
use crate::outcome::{EvidenceRow, Status};
use crate::pack::Owner;

const SHAPE: &str = "a check gives `resource`, `status` and `reason` as text, and `at` as a timestamp where it helps";

const OUT_OF_RANGE: &str = "it gave a time that is out of range";
const NO_TEXT: &str = "it gave a value that cannot be written as text";

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

/// The rows of a result whose [`shape`] was found right. `Err` says what a row says wrongly.
pub(crate) fn read(batches: &[RecordBatch]) -> Result<Vec<EvidenceRow>, String> {
    let mut rows = Vec::new();
    for batch in batches {
        let schema = batch.schema();
        let mut columns = Vec::new();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            columns.push((field.name().as_str(), Texts::new(array)?));
        }
        for row in 0..batch.num_rows() {
            let mut cells: BTreeMap<String, String> = columns
                .iter()
                .filter_map(|(name, texts)| {
                    Some(Ok::<_, String>(((*name).to_owned(), texts.at(row).transpose()?.ok()?)))
                })
                .collect::<Result<_, _>>()?;
            let at = match batch.column_by_name("at") {
                Some(at) => time(at, row)?,
                None => None,
            };
            cells.remove("at");
            let resource = cells.remove("resource").ok_or("a row has no resource: it is null")?;
            let status =
                cells.remove("status").ok_or_else(|| format!("the row of {resource} has no status: it is null"))?;
            let status = Status::parse(&status).ok_or_else(|| {
                format!("the row of {resource} has status {status:?}, which is none of {}", Status::NAMES.join(", "))
            })?;
            let owner = match cells.remove("owner") {
                Some(text) => Some(text.parse::<Owner>().map_err(|_| {
                    format!("the row of {resource} has owner {text:?}, which is none of service, platform, shared")
                })?),
                None => None,
            };
            rows.push(EvidenceRow {
                status,
                resource,
                at,
                reason: cells.remove("reason").unwrap_or_default(),
                observed: cells.remove("observed"),
                expected: cells.remove("expected"),
                owner,
                advice: cells.remove("advice"),
                more: cells,
                tail: None,
            });
        }
    }
    rows.sort();
    Ok(rows)
}

fn time(column: &ArrayRef, row: usize) -> Result<Option<Timestamp>, String> {
    let column = cast(column, &utc_millis()).map_err(|_| OUT_OF_RANGE)?;
    let column = column.as_primitive_opt::<TimestampMillisecondType>().ok_or("column at is no timestamp")?;
    Ok(column.is_valid(row).then(|| Timestamp(column.value(row))))
}

/// A column as text, the same on every machine.
enum Texts<'a> {
    Time(ArrayRef),
    Other(&'a ArrayRef, ArrayFormatter<'a>),
}

static FORMAT: FormatOptions<'static> = FormatOptions::new();

impl<'a> Texts<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self, String> {
        if matches!(array.data_type(), DataType::Timestamp(..)) {
            return Ok(Self::Time(cast(array, &utc_millis()).map_err(|_| OUT_OF_RANGE)?));
        }
        let formatter = ArrayFormatter::try_new(array.as_ref(), &FORMAT).map_err(|_| NO_TEXT)?;
        Ok(Self::Other(array, formatter))
    }

    fn at(&self, row: usize) -> Result<Option<String>, String> {
        match self {
            Self::Time(array) => {
                let times = array.as_primitive_opt::<TimestampMillisecondType>().ok_or("no timestamp")?;
                Ok(times.is_valid(row).then(|| Timestamp(times.value(row)).to_string()))
            }
            Self::Other(array, formatter) => {
                if array.is_null(row) || matches!(array.data_type(), DataType::Null) {
                    return Ok(None);
                }
                formatter.value(row).try_to_string().map(Some).map_err(|_| NO_TEXT.to_owned())
            }
        }
    }
}
