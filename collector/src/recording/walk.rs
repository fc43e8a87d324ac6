//! The files of a folder, and the documents in them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::RecordingError;
use super::files::{Entry, Files, Kind};
use super::info::RecordingInfo;
use super::lines;
use super::name::named_stream;
use super::read::{Content, DocumentFile, Place, UnknownFile};
use super::text::{self, Encoding, Part};
use crate::document::{DELIVERED, Document, RESULTS, is_delivered, is_result};

/// Where a walk through folders puts what it finds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) documents: Vec<DocumentFile>,
    pub(super) unknown: Vec<UnknownFile>,
}

/// The key of the document that a value of a file is a part of: a file may hold thousands of them, and they are one
/// document, so that it is read once.
fn part_of(value: &Value) -> Option<&'static str> {
    if is_delivered(value) { Some(DELIVERED) } else { is_result(value).then_some(RESULTS) }
}

/// Finds the documents of a file.
fn read_file(files: &Arc<Files>, snapshot: &Path, path: &Path, found: &mut Found) -> Result<(), RecordingError> {
    let bytes = files.bytes(path)?;
    let encoding = Encoding::of(&bytes);
    let file = |document: &Document, place: Place| DocumentFile {
        path: path.to_owned(),
        operation: document.operation,
        named_stream: document.operation.is_of_lines().then(|| named_stream(relative(snapshot, path))).flatten(),
        content: Content::of(document),
        place,
        files: Arc::clone(files),
    };
    let mut lists: BTreeMap<&'static str, Vec<Part>> = BTreeMap::new();
    let (mut documents, mut unknown) = (Vec::new(), Vec::new());
    let parts = text::parse(&bytes, &files.full(path), |part| match part_of(&part.value) {
        Some(key) => lists.entry(key).or_default().push(part),
        None => match Document::from_json(part.value, String::new()) {
            Ok(document) => {
                documents.push(file(&document, Place::Parts(encoding, None, Some(part.line), vec![part.place])))
            }
            Err(why) => unknown.push((part.line, why)),
        },
    })?;
    for (key, parts) in lists {
        let line = parts.first().map(|part| part.line);
        let place = Place::Parts(encoding, Some(key), line, parts.iter().map(|part| part.place.clone()).collect());
        let list = Value::Array(parts.into_iter().map(|part| part.value).collect());
        let document = Document::from_json(Value::Object(Map::from_iter([(key.to_owned(), list)])), String::new())
            .map_err(|source| RecordingError::NotADocument { path: files.full(path), source })?;
        documents.push(file(&document, place));
    }
    if documents.is_empty() {
        // One entry says what the file is.
        unknown.truncate(1);
    }
    let unknown_file = |why| UnknownFile { path: path.to_owned(), why };
    match parts {
        0 => found.unknown.push(unknown_file("is empty: did the command that wrote it fail?".to_owned())),
        1 => {
            documents.iter_mut().for_each(|document| document.place.forget_line());
            found.unknown.extend(unknown.into_iter().map(|(_, why)| unknown_file(why.to_string())));
        }
        _ => found.unknown.extend(unknown.into_iter().map(|(line, why)| unknown_file(format!("line {line} {why}")))),
    }
    found.documents.append(&mut documents);
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
