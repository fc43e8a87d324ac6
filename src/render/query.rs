//! The result of a query.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimestampMillisecondType, UInt64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches_with_schema;
use casefile_analyzer::Answer;
use casefile_evidence::{Timestamp, utc_millis};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use super::markdown::{escape, table};
use super::text::{count, cut_middle, visible};
use crate::error::Error;
use crate::format::RowsFormat;

/// Columns of a cell on a terminal; `raw` documents are kilobytes.
const CELL: usize = 100;

/// The rows of an answer: a table for people, an array of objects for programs, a row a line.
///
/// # Errors
/// Only internal errors. `width`: the columns of the terminal; a wider table is shown row by row.
pub(crate) fn query(answer: &Answer, format: RowsFormat, width: Option<usize>) -> Result<Vec<u8>, Error> {
    match format {
        RowsFormat::Terminal => terminal(answer, width).map(String::into_bytes),
        RowsFormat::Json => json(answer).map(String::into_bytes),
        RowsFormat::Markdown => markdown(answer).map(String::into_bytes),
        RowsFormat::Csv => csv(answer),
        RowsFormat::Parquet => parquet(answer),
    }
}

/// Rows of RFC 4180, with the names of the columns first. Null is an empty field.
fn csv(answer: &Answer) -> Result<Vec<u8>, Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(answer.schema.fields().iter().map(|field| field.name())).map_err(Error::internal)?;
    for row in rows(answer)? {
        writer.write_record(row.into_iter().map(|cell| text(cell).unwrap_or_default())).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(Error::internal)
}

fn parquet(answer: &Answer) -> Result<Vec<u8>, Error> {
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut file = Vec::new();
    let schema = Arc::clone(&answer.schema);
    let mut writer = ArrowWriter::try_new(&mut file, schema, Some(properties))
        .map_err(|error| Error::usage(format!("these rows cannot be Parquet: {error}; cast the column")))?;
    for batch in &answer.batches {
        // Parquet lacks some types, such as intervals.
        writer
            .write(batch)
            .map_err(|error| Error::usage(format!("these rows cannot be Parquet: {error}; cast the column")))?;
    }
    writer.close().map_err(Error::internal)?;
    Ok(file)
}

fn terminal(answer: &Answer, width: Option<usize>) -> Result<String, Error> {
    let mut cut = false;
    let mut shorten = |text: String| {
        let short = cut_middle(&visible(&text), CELL);
        cut |= short.contains('…') && !text.contains('…');
        short
    };
    let fields: Vec<Field> =
        answer.schema.fields().iter().map(|field| Field::new(visible(field.name()), DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut batches = Vec::new();
    for batch in answer.batches.iter().filter(|batch| batch.num_rows() > 0) {
        let mut columns: Vec<ArrayRef> = Vec::new();
        for column in batch.columns() {
            let cells: Vec<Option<String>> =
                cells(column)?.into_iter().map(|cell| text(cell).map(&mut shorten)).collect();
            columns.push(Arc::new(StringArray::from(cells)));
        }
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns).map_err(Error::internal)?);
    }
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut table =
        pretty_format_batches_with_schema(Arc::clone(&schema), &batches).map_err(Error::internal)?.to_string();
    if width.is_some_and(|width| table.lines().next().is_some_and(|line| line.len() > width)) && rows > 0 {
        table = row_by_row(&schema, &batches);
    }
    let note = if cut { " (long values are cut: --format json has them whole)" } else { "" };
    Ok(format!("{table}\n{}{note}\n", count(rows, "row", "rows")))
}

/// Each row as lines of a name and a value.
fn row_by_row(schema: &Schema, batches: &[RecordBatch]) -> String {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let widest = names.iter().map(|name| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    let mut number = 0;
    for batch in batches {
        for row in 0..batch.num_rows() {
            number += 1;
            text.push_str(&format!("-- row {number}\n"));
            for (name, column) in names.iter().zip(batch.columns()) {
                let cells = column.as_string::<i32>();
                let value = if cells.is_null(row) { "" } else { cells.value(row) };
                text.push_str(format!("{name:<widest$} | {value}").trim_end());
                text.push('\n');
            }
        }
    }
    text.trim_end().to_owned()
}

fn json(answer: &Answer) -> Result<String, Error> {
    let names: Vec<String> =
        answer.schema.fields().iter().map(|field| Value::from(field.name().as_str()).to_string()).collect();
    let objects: Vec<String> = rows(answer)?
        .iter()
        .map(|row| {
            let members: Vec<String> = names.iter().zip(row).map(|(name, value)| format!("{name}:{value}")).collect();
            format!("{{{}}}", members.join(","))
        })
        .collect();
    // Objects keep the order of the columns, and each is a line: for jq and for grep.
    Ok(if objects.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", objects.join(",\n")) })
}

fn markdown(answer: &Answer) -> Result<String, Error> {
    let names: Vec<String> = answer.schema.fields().iter().map(|field| escape(field.name())).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = rows(answer)?
        .into_iter()
        .map(|row| row.into_iter().map(|cell| text(cell).map_or_else(String::new, |text| escape(&text))).collect())
        .collect();
    let mut page = String::new();
    table(&mut page, &names, &rows);
    Ok(page)
}

fn rows(answer: &Answer) -> Result<Vec<Vec<Value>>, Error> {
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let mut columns = batch.columns().iter().map(cells).collect::<Result<Vec<_>, _>>()?;
        columns.iter_mut().for_each(|column| column.reverse());
        for _ in 0..batch.num_rows() {
            rows.push(columns.iter_mut().filter_map(Vec::pop).collect());
        }
    }
    Ok(rows)
}

fn text(cell: Value) -> Option<String> {
    match cell {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// A column as JSON values: times as RFC 3339 in UTC; types that JSON lacks, as text.
fn cells(column: &ArrayRef) -> Result<Vec<Value>, Error> {
    let to = |data_type: &DataType| cast(column, data_type).map_err(Error::internal);
    let each = |value: &dyn Fn(usize) -> Value| {
        (0..column.len()).map(|row| if column.is_null(row) { Value::Null } else { value(row) }).collect()
    };
    match column.data_type() {
        DataType::Null => Ok(vec![Value::Null; column.len()]),
        DataType::Boolean => {
            let values = column.as_boolean();
            Ok(each(&|row| values.value(row).into()))
        }
        DataType::UInt64 => {
            let values = column.as_primitive::<UInt64Type>();
            Ok(each(&|row| values.value(row).into()))
        }
        data_type if data_type.is_integer() => {
            let values = to(&DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>();
            Ok(each(&|row| values.value(row).into()))
        }
        data_type if data_type.is_floating() => {
            let values = to(&DataType::Float64)?;
            let values = values.as_primitive::<Float64Type>();
            // JSON has neither infinities nor NaN.
            Ok(each(&|row| values.value(row).into()))
        }
        DataType::Timestamp(..) => {
            let values = to(&utc_millis())?;
            let values = values.as_primitive::<TimestampMillisecondType>();
            Ok(each(&|row| Timestamp(values.value(row)).to_string().into()))
        }
        _ => {
            let options = FormatOptions::new();
            let formatter = ArrayFormatter::try_new(column.as_ref(), &options).map_err(Error::internal)?;
            let mut values = Vec::with_capacity(column.len());
            for row in 0..column.len() {
                let text = formatter.value(row).try_to_string().map_err(Error::internal)?;
                values.push(if column.is_null(row) { Value::Null } else { text.into() });
            }
            Ok(values)
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Float64Array, Int32Array, Int64Array, TimestampMillisecondArray};

    use super::*;

    fn answer() -> Answer {
        let at = TimestampMillisecondArray::from(vec![Some(1_763_883_780_000), None]).with_timezone("UTC");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("task_id", Arc::new(StringArray::from(vec!["9d85800c", "a|b\x1b[2J\n</td>"]))),
            ("at", Arc::new(at)),
            ("exit_code", Arc::new(Int64Array::from(vec![Some(137), None]))),
            ("small", Arc::new(Int32Array::from(vec![-1, 2]))),
            ("share", Arc::new(Float64Array::from(vec![0.5, f64::NAN]))),
            ("judged", Arc::new(BooleanArray::from(vec![true, false]))),
            ("raw", Arc::new(StringArray::from(vec!["{}".to_owned(), format!("{{{}}}", "x".repeat(300))]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        Answer { schema: batch.schema(), batches: vec![batch] }
    }

    fn shown(answer: &Answer, format: RowsFormat) -> String {
        String::from_utf8(query(answer, format, None).unwrap()).unwrap()
    }

    #[test]
    fn rows_for_spreadsheets_and_for_other_engines() {
        insta::assert_snapshot!(shown(&answer(), RowsFormat::Csv).replace('\r', "\\r").replace('\x1b', "\\e"));
        let file = bytes::Bytes::from(query(&answer(), RowsFormat::Parquet, None).unwrap());
        let read = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(file, 1024).unwrap();
        let batches: Vec<RecordBatch> = read.collect::<Result<_, _>>().unwrap();
        // NaN never equals itself, so another column is compared.
        assert_eq!((batches[0].schema(), batches[0].num_rows()), (answer().schema, 2));
        assert_eq!(batches[0].column(1), answer().batches[0].column(1));
    }

    #[test]
    fn a_table_for_people() {
        insta::assert_snapshot!(shown(&answer(), RowsFormat::Terminal));
        insta::assert_snapshot!(shown(&answer(), RowsFormat::Markdown));
    }

    #[test]
    fn a_table_that_is_too_wide_is_shown_row_by_row() {
        let wide = String::from_utf8(query(&answer(), RowsFormat::Terminal, Some(80)).unwrap()).unwrap();
        insta::assert_snapshot!(wide);
        let fits = String::from_utf8(query(&answer(), RowsFormat::Terminal, Some(400)).unwrap()).unwrap();
        assert_eq!(fits, shown(&answer(), RowsFormat::Terminal));
    }

    #[test]
    fn objects_for_programs() {
        let text = shown(&answer(), RowsFormat::Json);
        let rows: Vec<serde_json::Map<String, Value>> = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["at"], "2025-11-23T07:43:00Z");
        assert_eq!(
            (&rows[0]["exit_code"], &rows[0]["small"], &rows[0]["judged"]),
            (&137.into(), &(-1).into(), &true.into())
        );
        assert_eq!(rows[1]["task_id"], "a|b\x1b[2J\n</td>", "programs get what is there");
        assert!(rows[1]["at"].is_null() && rows[1]["exit_code"].is_null() && rows[1]["share"].is_null());
        assert_eq!(rows[1]["raw"].as_str().unwrap().len(), 302);
        assert!(text.lines().nth(1).unwrap().starts_with("{\"task_id\":"), "columns keep their order: {text}");
    }

    #[test]
    fn no_rows_are_said_to_be_none() {
        let empty = Answer { batches: Vec::new(), ..answer() };
        assert_eq!(shown(&empty, RowsFormat::Json), "[]\n");
        let table = shown(&empty, RowsFormat::Terminal);
        assert!(table.contains("| task_id | at |") && table.ends_with("0 rows\n"), "{table}");
    }
}
