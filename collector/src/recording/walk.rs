//! The files of a folder, and the documents in them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::error::RecordingError;
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
fn read_file(root: &Path, snapshot: &Path, file: &Path, found: &mut Found) -> Result<(), RecordingError> {
    let bytes = fs::read(file).map_err(RecordingError::reading(file))?;
    let path = relative(root, file);
    let parts = text::parse(&bytes, file)?;
    if parts.is_empty() {
        let why = "is empty: did the command that wrote it fail?".to_owned();
        found.unknown.push(UnknownFile { path, why });
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
            .map_err(|source| RecordingError::NotADocument { path: file.to_owned(), source })?;
        found.documents.push(DocumentFile {
            path: path.clone(),
            operation: document.operation,
            named_stream: None,
            content: Content::of(&document),
            place,
            root: root.to_owned(),
        });
    }
    for Part { line, place, value } in parts {
        let line = several.then_some(line);
        match Document::from_json(value, String::new()) {
            Err(why) => {
                let at = line.map_or_else(String::new, |line| format!("line {line} "));
                unknown.push(UnknownFile { path: path.clone(), why: format!("{at}{why}") });
            }
            Ok(document) => {
                let operation = document.operation;
                let named_stream = if operation.is_of_lines() { named_stream(&relative(snapshot, file)) } else { None };
                let (path, root) = (path.clone(), root.to_owned());
                let content = Content::of(&document);
                let place = Place::Part(line, place);
                found.documents.push(DocumentFile { path, operation, named_stream, content, place, root });
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
pub(super) fn walk(root: &Path, snapshot: &Path, folder: &Path, found: &mut Found) -> Result<(), RecordingError> {
    for entry in entries(folder)? {
        let path = relative(root, &entry);
        let about = fs::symlink_metadata(&entry).map_err(RecordingError::reading(&entry))?;
        if about.is_symlink() && entry.is_dir() {
            let why = "is a symbolic link to a folder: put the files themselves there".to_owned();
            found.unknown.push(UnknownFile { path, why });
        } else if entry.is_dir() {
            walk(root, snapshot, &entry, found)?;
        } else if !entry.is_file() {
            found.unknown.push(UnknownFile { path, why: "is not a plain file".to_owned() });
        } else if is_known(root, &entry) {
        } else if !is_json(&entry) {
            let why = "is not a .json file: save what the AWS CLI prints with --output json".to_owned();
            found.unknown.push(UnknownFile { path, why });
        } else {
            read_file(root, snapshot, &entry, found)?;
        }
    }
    Ok(())
}

/// The entries of a folder, by name.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let entries = fs::read_dir(folder).map_err(RecordingError::reading(folder))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(RecordingError::reading(folder))?;
    paths.sort();
    Ok(paths)
}

pub(super) fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
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
pub(super) fn is_known(root: &Path, path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let top = path.parent() == Some(root);
    let upper = name.to_ascii_uppercase();
    !path.is_dir()
        && (upper.starts_with("README")
            || upper.starts_with("NOTES")
            || top && [RecordingInfo::FILE, lines::FILE, "case.toml", "casefile.toml"].contains(&name))
}
