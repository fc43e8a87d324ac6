//! JSON files as people save them, and as we write them.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use super::error::RecordingError;
use super::files::Files;

/// The text of a file: UTF-8, or UTF-16 with a byte-order mark, as PowerShell's `>` writes it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
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

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8, after a byte-order mark of this length.
    Utf8(usize),
    Utf16,
}

impl Encoding {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Self::Utf16,
            [0xef, 0xbb, 0xbf, ..] => Self::Utf8(3),
            _ => Self::Utf8(0),
        }
    }
}

/// One JSON value of a file.
#[derive(Debug)]
pub(super) struct Part {
    /// The line that it begins in, from 1.
    pub(super) line: usize,
    /// Its place in the text of the file, in bytes of UTF-8.
    pub(super) place: Range<usize>,
    pub(super) value: Value,
}

/// Hands over the JSON values of a file, one after the other: a document, several documents, or lists of documents, whose
/// entries are values of their own. Gives their number, 0 where the file is blank.
pub(super) fn parse(bytes: &[u8], path: &Path, mut take: impl FnMut(Part)) -> Result<usize, RecordingError> {
    let text = decode(bytes).map_err(|problem| wrong(path, 1, 1, problem))?;
    let mut count = 0;
    let mut take = |part: Part| {
        count += 1;
        take(part);
    };
    let mut lines = Lines { text: &text, at: 0, line: 1 };
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let mut end = 0;
    while let Some(value) = values.next() {
        let value = value.map_err(|error| not_json(path, 0, &error))?;
        let start = end + blank(text.get(end..).unwrap_or_default());
        end = values.byte_offset();
        match value {
            Value::Array(items) if !items.is_empty() => {
                let places = entries(text.get(start..end).unwrap_or_default());
                for (value, place) in items.into_iter().zip(places) {
                    let place = start + place.start..start + place.end;
                    take(Part { line: lines.of(place.start), place, value });
                }
            }
            value => take(Part { line: lines.of(start), place: start..end, value }),
        }
    }
    Ok(count)
}

/// Reads again the values at places of a file, which are in order. Of a file in UTF-8 only that part is read.
pub(super) fn parse_again(
    files: &Files,
    path: &Path,
    encoding: Encoding,
    places: &[Range<usize>],
) -> Result<Vec<Value>, RecordingError> {
    let full = files.full(path);
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return Ok(Vec::new()) };
    let (text, begin) = match encoding {
        Encoding::Utf8(mark) => {
            let part = (mark + first.start) as u64..(mark + last.end) as u64;
            (files.part(path, &part)?, first.start)
        }
        Encoding::Utf16 => {
            let bytes = files.bytes(path)?;
            let text = decode(&bytes).map_err(|problem| wrong(&full, 1, 1, problem))?;
            (Bytes::from(text.into_owned()), 0)
        }
    };
    let parse = |place: &Range<usize>| {
        let part = text.get(place.start.saturating_sub(begin)..place.end.saturating_sub(begin)).unwrap_or_default();
        serde_json::from_slice(part).map_err(|error| not_json(&full, 0, &error))
    };
    places.iter().map(parse).collect()
}

pub(super) fn wrong(path: &Path, line: usize, column: usize, problem: String) -> RecordingError {
    RecordingError::Json { path: path.to_owned(), line, column, problem }
}

/// `before`: how many lines stand before the text that was read.
pub(super) fn not_json(path: &Path, before: usize, error: &serde_json::Error) -> RecordingError {
    // serde_json's message ends with the place, which is said already.
    let message = error.to_string();
    let problem = message.rsplit_once(" at line ").map_or(message.as_str(), |(problem, _)| problem);
    wrong(path, before + error.line(), error.column(), problem.to_owned())
}

/// The length of the white space that a text begins with.
fn blank(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// The places of the entries of a list, in its text, which is known to be JSON.
fn entries(list: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let (mut depth, mut quoted, mut escaped, mut start) = (0_usize, false, false, None);
    for (at, byte) in list.bytes().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        let ends = depth == 1 && matches!(byte, b',' | b']');
        if ends {
            places.extend(start.take().map(|start| start..at));
        } else if depth == 1 && !byte.is_ascii_whitespace() {
            start = start.or(Some(at));
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    places
}

/// Which line a place is in; places come in order.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, place: usize) -> usize {
        let between = self.text.as_bytes().get(self.at..place).unwrap_or_default();
        self.line += between.iter().filter(|byte| **byte == b'\n').count();
        self.at = place;
        self.line
    }
}
