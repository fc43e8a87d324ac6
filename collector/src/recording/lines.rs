//! `recording.jsonl`: one document a line, in the order of observation, as `--record` appends it.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use casefile_evidence::Timestamp;
use serde_json::{Map, Value, json};

use super::error::RecordingError;
use super::files::Files;
use super::read::{DocumentFile, UnknownFile};
use super::text::{not_json, wrong};
use crate::document::Document;

/// The file's name.
pub(super) const FILE: &str = "recording.jsonl";

/// The document of a line that does not include its request.
const BARE: &str = "answer";
const OBSERVED_AT: &str = "observed_at";
/// A line may state the format of the file; without one it is of this format.
const FORMAT: &str = "format";
const FORMAT_READ: u64 = 1;

/// What a file has: the documents by when they were observed, and the lines that are no evidence.
#[derive(Default)]
pub(super) struct Found {
    pub(super) snapshots: BTreeMap<Option<Timestamp>, Vec<DocumentFile>>,
    pub(super) unknown: Vec<UnknownFile>,
    /// The number of its last line.
    pub(super) last_line: usize,
}

/// Reads the file, a line at a time.
pub(super) fn read(files: &Arc<Files>) -> Result<Found, RecordingError> {
    let name = Path::new(FILE);
    let path = files.full(name);
    let mut file = files.open(name)?;
    let mut found = Found::default();
    let (mut at, mut line) = (0, Vec::new());
    for number in 1.. {
        line.clear();
        let length = file.read_until(b'\n', &mut line).map_err(RecordingError::reading(&path))?;
        if length == 0 {
            break;
        }
        found.last_line = number;
        let place = at..at + length as u64;
        at = place.end;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let unknown = |why: String| UnknownFile { path: FILE.into(), why: format!("line {number} {why}") };
        let value = match serde_json::from_slice::<Value>(&line) {
            Ok(value) => value,
            // Whoever wrote it was killed.
            Err(_) if !line.ends_with(b"\n") => {
                found.unknown.push(unknown("is cut off: the recording ended there".to_owned()));
                break;
            }
            Err(error) => return Err(not_json(&path, number - 1, &error)),
        };
        if let Some(format) = value.get(FORMAT) {
            if format.as_u64() == Some(FORMAT_READ) {
                continue;
            }
            return Err(RecordingError::Format { path, line: number, format: format.to_string() });
        }
        let (observed_at, document) = match parse(value) {
            Ok(parsed) => parsed,
            Err(Problem::Time(text)) => {
                let problem = format!("{OBSERVED_AT} {text} is no time: write it as 2026-11-23T07:43:00Z");
                return Err(wrong(&path, number, 1, problem));
            }
            Err(Problem::Other(why)) => {
                found.unknown.push(unknown(why));
                continue;
            }
        };
        let file = DocumentFile::of_line(files, name, number, place, &document);
        found.snapshots.entry(observed_at).or_default().push(file);
    }
    Ok(found)
}

/// Reads one line again.
pub(super) fn read_line(
    files: &Files,
    file: &Path,
    place: &Range<u64>,
    number: usize,
) -> Result<Document, RecordingError> {
    let path = files.full(file);
    let line = files.part(file, place)?;
    let value = serde_json::from_slice(&line).map_err(|error| not_json(&path, number - 1, &error))?;
    let changed = || wrong(&path, number, 1, "the file changed while it was read".to_owned());
    parse(value).map(|(_, document)| document).map_err(|_| changed())
}

enum Problem {
    Time(String),
    Other(String),
}

/// When a document was observed, and the document.
fn parse(value: Value) -> Result<(Option<Timestamp>, Document), Problem> {
    let Value::Object(mut object) = value else { return Err(Problem::Other("is not a JSON object".to_owned())) };
    let observed_at = match object.remove(OBSERVED_AT) {
        None => None,
        Some(Value::String(text)) => Some(Timestamp::parse(&text).map_err(|_| Problem::Time(text))?),
        Some(other) => return Err(Problem::Time(other.to_string())),
    };
    let named = object.remove(BARE).map(|answer| (answer, object.remove("request")));
    let (value, request) = named.map_or((Value::Object(object), None), |(answer, request)| (answer, request));
    let mut document = Document::from_json(value, String::new()).map_err(|why| Problem::Other(why.to_string()))?;
    if let (true, Some(Value::Object(request))) = (document.assumed, request) {
        document.request = Some(request);
    }
    Ok((observed_at, document))
}

/// The line of a document. One that does not include its request stays so, but for the stream that it is of.
pub(super) fn print(observed_at: Timestamp, document: &Document) -> serde_json::Result<String> {
    let mut object = match (document.assumed, document.answer()) {
        (true, Some(answer)) => {
            let request = document.request.clone().map(|request| ("request".to_owned(), Value::Object(request)));
            Map::from_iter([(BARE.to_owned(), Value::Object(answer.to_json()))].into_iter().chain(request))
        }
        _ => match document.to_json() {
            Value::Object(object) => object,
            other => Map::from_iter([(BARE.to_owned(), other)]),
        },
    };
    object.insert(OBSERVED_AT.to_owned(), json!(observed_at));
    serde_json::to_string(&Value::Object(object)).map(|line| line + "\n")
}
