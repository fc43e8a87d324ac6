//! From the engine's errors to a line of the check's file.

use datafusion::common::{DataFusionError, SchemaError};

use super::words;
use crate::did_you_mean::closest;
use crate::error::SpecError;

/// Turns an error of the engine into a problem with its line and its remedy.
pub(crate) fn spec_error(file: &str, first_line: u64, error: &DataFusionError) -> SpecError {
    let line = line_of(error).unwrap_or(first_line);
    let (problem, remedy) = describe(error);
    SpecError::new(file, problem, remedy).at(line)
}

fn line_of(error: &DataFusionError) -> Option<u64> {
    if let Some(span) = error.diagnostic().and_then(|diagnostic| diagnostic.span) {
        return Some(span.start.line);
    }
    match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => line_of(inner),
        DataFusionError::Shared(inner) => line_of(inner),
        DataFusionError::Collection(errors) => errors.iter().find_map(line_of),
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field } => {
                field.spans().first().map(|span| span.start.line)
            }
            _ => None,
        },
        other => line_in_text(&other.strip_backtrace()),
    }
}

/// The parser ends its messages with `at Line: 3, Column: 5`.
pub(crate) fn line_in_text(text: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once("at Line: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn describe(error: &DataFusionError) -> (String, String) {
    match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => describe(inner),
        DataFusionError::Shared(inner) => describe(inner),
        DataFusionError::Collection(errors) => {
            errors.first().map_or_else(|| (error.strip_backtrace(), String::new()), describe)
        }
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let known = valid_fields.iter().map(|valid| valid.name.as_str());
                (format!("there is no column {}", field.flat_name()), closest(&field.name, known))
            }
            SchemaError::AmbiguousReference { field } => {
                (format!("column {} is ambiguous", field.name), "write the table's name or alias before it".to_owned())
            }
            other => (other.to_string(), String::new()),
        },
        other => {
            if let Some(words) = words::of_value(other) {
                return (words, String::new());
            }
            let text = other.strip_backtrace();
            // "Error during planning: ", "SQL error: ": the kind is clear from where it is said.
            let text = [
                "Error during planning: ",
                "SQL error: ",
                "This feature is not implemented: ",
                "Invalid or Unsupported Configuration: ",
            ]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .unwrap_or(&text);
            // The rest of the text repeats the problem for every signature of the function.
            let text =
                text.strip_prefix("Internal error: ").and_then(|text| text.split(", errors: ").next()).unwrap_or(text);
            (text.trim().to_owned(), String::new())
        }
    }
}
