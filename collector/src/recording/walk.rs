//! The files of a folder, and the documents in them.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::RecordingError;
use super::files::{Entry, Files, Kind};
use super::info::RecordingInfo;
use super::lines;
use super::name::named_stream;
use super::read::{Content, DocumentFile, Place, UnknownFile};
use super::text::{self, Part};
use crate::document::{DELIVERED, Document, is_delivered};

/// Where a walk through folders puts what it finds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) documents: Vec<DocumentFile>,
    pub(super) unknown: Vec<UnknownFile>,
}

/// Finds the documents of a file.
fn read_file(files: &Arc<Files>, snapshot: &Path, path: &Path, found: &mut Found) -> Result<(), RecordingError> {
    let parts = text::parse(&files.bytes(path)?, &files.full(path))?;
    if parts.is_empty() {
        let why = "is empty: did the command that wrote it fail?".to_owned();
        found.unknown.push(UnknownFile { path: path.to_owned(), why });
        return Ok(());
    }
    let several = parts.len() > 1;
    let (before, mut unknown) = (found.documents.len(), Vec::new());
    let (events, parts): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| is_delivered(&part.value));
    if let Some(first) = events.first() {
        // A file may hold thousands of them: they are one document, so that it is read once.
        let place =
            Place::Events(several.then_some(first.line), events.iter().map(|part| part.place.clone()).collect());
        let events = Value::Array(events.into_iter().map(|part| part.value).collect());
        let document = Document::from_json(json!({ DELIVERED: events }), String::new())
            .map_err(|source| RecordingError::NotADocument { path: files.full(path), source })?;
        found.documents.push(DocumentFile {
            path: path.to_owned(),
            operation: document.operation,
            named_stream: None,
            content: Content::of(&document),
            place,
            files: Arc::clone(files),
        });
    }
    for Part { line, place, value } in parts {
        let line = several.then_some(line);
        match Document::from_json(value, String::new()) {
            Err(why) => {
                let at = line.map_or_else(String::new, |line| format!("line {line} "));
                unknown.push(UnknownFile { path: path.to_owned(), why: format!("{at}{why}") });
            }
            Ok(document) => {
                let operation = document.operation;
                let named_stream = if operation.is_of_lines() { named_stream(relative(snapshot, path)) } else { None };
                let (path, files) = (path.to_owned(), Arc::clone(files));
                let content = Content::of(&document);
                let place = Place::Part(line, place);
                found.documents.push(DocumentFile { path, operation, named_stream, content, place, files });
            }
        }
    }
    if found.documents.len() == before {
        // One entry tells what the file is.
        unknown.truncate(1);
    }
    found.unknown.append(&mut unknown);
    Ok(())
}

/// Finds the documents under `folder`. `snapshot` is where the paths of log files begin.
pub(super) fn walk(
    files: &Arc<Files>,
    snapshot: &Path,
    folder: &Path,
    found: &mut Found,
) -> Result<(), RecordingError> {
    for entry in files.list(folder)? {
        let why = match entry.kind {
            Kind::Folder => {
                walk(files, snapshot, &entry.path, found)?;
                continue;
            }
            Kind::File if is_known(&entry) => continue,
            Kind::File if is_json(&entry.path) => {
                read_file(files, snapshot, &entry.path, found)?;
                continue;
            }
            Kind::File => "is not a .json file: save what the AWS CLI prints with --output json",
            Kind::LinkToFolder => "is a symbolic link to a folder: put the files themselves there",
            Kind::Other => "is not a plain file",
        };
        found.unknown.push(UnknownFile { path: entry.path, why: why.to_owned() });
    }
    Ok(())
}

fn relative<'a>(folder: &Path, path: &'a Path) -> &'a Path {
    path.strip_prefix(folder).unwrap_or(path)
}

/// A path as it is written in messages and rows, whatever the system's separator is.
pub(super) fn slashed(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Whether a file's name says that it holds JSON: one value, or one a line.
fn is_json(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["json", "jsonl", "ndjson"].iter().any(|json| extension.eq_ignore_ascii_case(json))
}

/// Files that belong to a recording and are no documents.
pub(super) fn is_known(entry: &Entry) -> bool {
    let name = entry.name();
    let top = entry.path.parent() == Some(Path::new(""));
    let upper = name.to_ascii_uppercase();
    !entry.is_folder()
        && (upper.starts_with("README")
            || upper.starts_with("NOTES")
            || top && [RecordingInfo::FILE, lines::FILE, "case.toml", "casefile.toml"].contains(&name))
}
