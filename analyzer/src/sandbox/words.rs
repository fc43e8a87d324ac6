//! Errors of the engine about values, in our own words, which do not change with the engine's version: they stand
//! in verdicts.

use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;

/// The problem with a value; `None` if the error is about something else.
pub(super) fn of_value(error: &DataFusionError) -> Option<String> {
    let text = match error {
        DataFusionError::ArrowError(error, _) => match error.as_ref() {
            ArrowError::DivideByZero => return Some("it divides by zero; write nullif(..., 0)".to_owned()),
            ArrowError::ArithmeticOverflow(_) => return Some("a number is too large for its type".to_owned()),
            other => other.to_string(),
        },
        other => other.strip_backtrace(),
    };
    let cast = text.split_once("Cannot cast string '").and_then(|(_, rest)| rest.rsplit_once("' to value of "));
    if let Some((value, kind)) = cast {
        let kind = kind.trim_end_matches(" type");
        return Some(format!("the text {value:?} cannot be cast to {kind}; write TRY_CAST, or leave such rows out"));
    }
    let known = [
        ("more than one row", "a subquery that stands for one value gave more than one row; aggregate it"),
        ("Regular expression did not compile", "a text that is used as a regular expression is none"),
    ];
    known.iter().find(|(part, _)| text.contains(part)).map(|(_, words)| (*words).to_owned())
}
