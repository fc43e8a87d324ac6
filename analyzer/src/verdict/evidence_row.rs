//! From a check's result to rows of evidence.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimestampMillisecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use casefile_evidence::{Timestamp, utc_millis};

use super::outcome::EvidenceRow;
use crate::terms::{Owner, Status};

const OUT_OF_RANGE: &str = "it gave a time that is out of range";
const NO_TEXT: &str = "it gave a value that cannot be written as text";

/// Reads the rows of a result. `Err` names the first invalid value.
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
