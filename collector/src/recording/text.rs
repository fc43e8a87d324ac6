//! JSON files as people save them, and as we write them.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::RecordingError;

/// The text of a file: UTF-8, or UTF-16 with a byte-order mark, as PowerShell's `>` writes it.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map(Cow::Owned).map_err(|_| "it is not valid UTF-16".to_owned())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            std::str::from_utf8(rest).map(Cow::Borrowed).map_err(|error| format!("it is not UTF-8: {error}"))
        }
    }
}

/// Reads the one JSON value of a file; `None` where the file is blank.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Option<Value>, RecordingError> {
    let wrong = |line, column, problem| RecordingError::Json { path: path.to_owned(), line, column, problem };
    let text = decode(bytes).map_err(|problem| wrong(1, 1, problem))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&text).map(Some).map_err(|error| {
        // serde_json's message ends with the place, which is said already.
        let message = error.to_string();
        let problem = message.rsplit_once(" at line ").map_or(message.as_str(), |(problem, _)| problem);
        wrong(error.line(), error.column(), problem.to_owned())
    })
}

/// JSON for people: indented, keys in order whatever the map's own order is, final newline.
pub(super) fn print(value: Value) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&sorted(value))? + "\n")
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}
