//! A bundle rewritten, by other rules than it was collected with.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use casefile_evidence::{AnyRow, Bundle, BundleWriter, ManifestHead, ReadError, Sealed, WriteError, tables};
use serde_json::Value;

use super::{Counts, Redactor};

/// A bundle could not be redacted.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new one cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Rewrites a bundle without what the rules call secret, in every text of every table. It names the bundle that it
/// was made of, and counts what was taken out of either.
///
/// # Errors
/// [`RedactError`]; the writer's partial folder is then left.
pub fn redact_bundle(
    bundle: &Bundle,
    redactor: &Redactor,
    mut writer: BundleWriter,
    tool: &str,
) -> Result<Sealed, RedactError> {
    let manifest = bundle.manifest();
    let mut counts = manifest.redactions.clone();
    for table in tables::all() {
        let name = table.info.name;
        if !bundle.has_table(name) {
            continue;
        }
        for batch in bundle.batches(name)? {
            let batch = redact_batch(&batch?, redactor, &mut counts);
            let rows = batch.and_then(|batch| AnyRow::from_batch(name, &batch)).ok_or_else(|| ReadError::Schema {
                table: name.to_owned(),
                difference: "its batches are not of its rows".to_owned(),
            })?;
            rows.into_iter().try_for_each(|row| writer.push(row))?;
        }
    }
    let text = |text: &String, counts: &mut Counts| redactor.redact_counted(text, counts).into_owned();
    let head = ManifestHead {
        tool: tool.to_owned(),
        ci: manifest.ci.clone(),
        target: manifest.target.iter().map(|(key, value)| (key.clone(), text(value, &mut counts))).collect(),
        window: manifest.window,
        stop_reason: manifest.stop_reason.clone(),
        remarks: manifest.remarks.iter().map(|remark| text(remark, &mut counts)).collect(),
        redactions: counts,
        pseudonym_key: redactor.key_id().map(str::to_owned).or_else(|| manifest.pseudonym_key.clone()),
        config: manifest.config.clone(),
        parent: Some(format!("sha256:{}", bundle.digest())),
    };
    Ok(writer.seal(&head)?)
}

fn redact_batch(batch: &RecordBatch, redactor: &Redactor, counts: &mut Counts) -> Option<RecordBatch> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| -> ArrayRef {
        match (field.data_type(), column.as_string_opt::<i32>()) {
            (DataType::Utf8, Some(texts)) => {
                let redacted = texts.iter().map(|value| value.map(|value| redact(value, redactor, counts)));
                Arc::new(redacted.collect::<StringArray>())
            }
            _ => Arc::clone(column),
        }
    });
    let columns: Vec<ArrayRef> = columns.collect();
    RecordBatch::try_new(schema, columns).ok()
}

fn redact(text: &str, redactor: &Redactor, counts: &mut Counts) -> String {
    // A document is read as one: its keys tell what its texts are.
    if text.starts_with('{')
        && let Ok(mut document) = serde_json::from_str::<Value>(text)
    {
        let printed = document.to_string();
        if printed == text {
            redactor.redact_value(&mut document, counts);
            return document.to_string();
        }
    }
    redactor.redact_counted(text, counts).into_owned()
}
