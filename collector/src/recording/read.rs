//! Reading a recording, a document at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use casefile_evidence::Timestamp;
use serde_json::{Map, json};

use super::error::RecordingError;
use super::files::{Entry, Files, Kind};
use super::info::RecordingInfo;
use super::lines;
use super::name::{is_dated, snapshot_time};
use super::text::{self, Encoding};
use super::walk::{Found, is_known, slashed, walk};
use crate::document::{Document, Operation, service_arns_of_events};
use crate::normalise::{first_stop, latest_moment, latest_of_aws, service_arns_of, services_of};

/// A recording, opened: its documents are known, and read when they are asked for.
#[derive(Debug, Clone)]
pub struct Recording {
    /// `recording.toml`, or nothing where there is none.
    pub info: RecordingInfo,
    /// The snapshots, in time order.
    pub snapshots: Vec<RecordedSnapshot>,
    /// The files that are no evidence, in path order.
    pub unknown: Vec<UnknownFile>,
}

/// The documents of one poll.
#[derive(Debug, Clone)]
pub struct RecordedSnapshot {
    /// When it was observed; `None` where the folder is flat, so that nothing says it.
    pub observed_at: Option<Timestamp>,
    /// The documents, by their operation's place in [`Operation::ALL`], then by the number that their
    /// file's name begins with, then by path.
    pub documents: Vec<DocumentFile>,
}

/// A file that holds a document.
#[derive(Debug, Clone)]
pub struct DocumentFile {
    /// Its path, relative to the recording.
    pub path: PathBuf,
    /// The operation that it answers.
    pub operation: Operation,
    /// The log group and stream that its path names, for a document of log events that names none.
    pub named_stream: Option<(String, String)>,
    /// What is known of its content without reading it again.
    pub(crate) content: Content,
    pub(super) place: Place,
    pub(super) files: Arc<Files>,
}

/// Where a document is in its file.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A line of a `recording.jsonl`: its number, and its bytes.
    Line(usize, Range<u64>),
    /// A part of a JSON file; or its parts that are the entries of one document, which has them under this key. With the line
    /// that the first begins in, where the file has several, and their places in its text.
    Parts(Encoding, Option<&'static str>, Option<usize>, Vec<Range<usize>>),
}

impl Place {
    /// The line says nothing where the file is one document.
    pub(super) fn forget_line(&mut self) {
        match self {
            Self::Line(..) => {}
            Self::Parts(_, _, line, _) => *line = None,
        }
    }

    fn begin(&self) -> u64 {
        match self {
            Self::Line(_, bytes) => bytes.start,
            Self::Parts(.., places) => places.first().map_or(0, |place| place.start as u64),
        }
    }
}

/// What a document tells of times and services.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    /// The latest time of any kind in it.
    pub(crate) latest: Option<Timestamp>,
    /// The latest time that AWS's own clock set, and its field.
    pub(crate) latest_of_aws: Option<(Timestamp, String)>,
    /// When the first of the stopped tasks in it stopped.
    pub(crate) first_stop: Option<Timestamp>,
    /// The services of an answer of DescribeServices.
    pub(crate) services: BTreeSet<String>,
    /// Their ARNs.
    pub(crate) service_arns: BTreeSet<String>,
    /// The ARNs of the services that its events tell of.
    pub(crate) services_of_events: BTreeSet<String>,
    /// Whether it answers `update-service` or `create-service`, which have no `failures`.
    pub(crate) changes: bool,
    /// Whether it is bare, as the CLI prints it.
    pub(crate) bare: bool,
    /// Whether it says when it was fetched.
    pub(crate) fetched: bool,
}

impl Content {
    pub(super) fn of(document: &Document) -> Self {
        let described = document.response().filter(|_| document.operation == Operation::DescribeServices);
        let events = document.response().filter(|_| document.operation == Operation::EventBridge);
        Self {
            latest: latest_moment(document),
            latest_of_aws: latest_of_aws(document),
            first_stop: first_stop(document),
            services: described.map(services_of).unwrap_or_default().into_iter().collect(),
            service_arns: described.map(service_arns_of).unwrap_or_default(),
            services_of_events: events.map(service_arns_of_events).unwrap_or_default(),
            changes: described.is_some_and(|answer| !answer.contains_key("failures")),
            bare: document.assumed,
            fetched: document.call.is_some(),
        }
    }
}

/// A file that is no evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFile {
    /// Its path, relative to the recording.
    pub path: PathBuf,
    /// Why it was left out.
    pub why: String,
}

impl Recording {
    /// Opens a recording, or a folder of plain AWS CLI outputs. Every file is read once, to know what it is.
    ///
    /// # Errors
    /// [`RecordingError`]: no such folder, no document in it, a file that is broken, a `recording.toml`
    /// that is wrong. A file that is whole and merely no evidence is in `unknown` instead.
    pub fn open(dir: &Path) -> Result<Self, RecordingError> {
        Self::of(Files::on_disk(dir)?)
    }

    /// Opens a recording whose files are in memory, by their paths in it. `name` stands before them in errors.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn in_memory(name: &Path, files: BTreeMap<PathBuf, Bytes>) -> Result<Self, RecordingError> {
        Self::of(Files::in_memory(name, files))
    }

    fn of(files: Files) -> Result<Self, RecordingError> {
        let files = Arc::new(files);
        let root = Path::new("");
        let top = files.list(root)?;
        let has = |name: &str| top.iter().any(|entry| entry.name() == name && entry.kind == Kind::File);
        let info = if has(RecordingInfo::FILE) { read_info(&files)? } else { RecordingInfo::default() };
        if has(lines::FILE) {
            return Self::of_lines(&files, info, top);
        }
        let mut named = Vec::new();
        let mut beside = Vec::new();
        for entry in top {
            match snapshot_time(entry.name()) {
                Some(observed_at) if entry.is_folder() => named.push((observed_at, entry)),
                None if entry.is_folder() && is_dated(entry.name()) => {
                    return Err(RecordingError::SnapshotName { path: files.full(&entry.path) });
                }
                _ => beside.push(entry),
            }
        }
        named.sort();

        let mut snapshots = Vec::new();
        let mut unknown = Vec::new();
        if named.is_empty() {
            let mut found = Found::default();
            walk(&files, root, root, &mut found)?;
            unknown.append(&mut found.unknown);
            if !found.documents.is_empty() {
                snapshots.push(RecordedSnapshot { observed_at: None, documents: in_order(found.documents) });
            }
        } else {
            for (observed_at, folder) in named {
                let mut found = Found::default();
                walk(&files, &folder.path, &folder.path, &mut found)?;
                unknown.append(&mut found.unknown);
                if found.documents.is_empty() {
                    let why = "is a snapshot without a document".to_owned();
                    unknown.push(UnknownFile { path: folder.path, why });
                } else {
                    let documents = in_order(found.documents);
                    snapshots.push(RecordedSnapshot { observed_at: Some(observed_at), documents });
                }
            }
            let strays = beside.into_iter().filter(|entry| !is_known(entry));
            unknown.extend(strays.map(|Entry { path, .. }| {
                let why =
                    "lies beside the snapshot folders, so that nothing says when it was observed: move it into one";
                UnknownFile { path, why: why.to_owned() }
            }));
        }
        unknown.sort_by(|a, b| a.path.cmp(&b.path));
        if snapshots.is_empty() {
            let seen = unknown.iter().map(|file| format!("{} {}", file.path.display(), file.why)).collect();
            return Err(RecordingError::NoDocuments { path: files.full(root), seen });
        }
        Ok(Self { info, snapshots, unknown })
    }
}

impl Recording {
    fn of_lines(files: &Arc<Files>, info: RecordingInfo, top: Vec<Entry>) -> Result<Self, RecordingError> {
        let lines::Found { snapshots, mut unknown, last_line } = lines::read(files)?;
        for Entry { path, .. } in top.into_iter().filter(|entry| !is_known(entry)) {
            let why = format!("lies beside {}, and is not read", lines::FILE);
            unknown.push(UnknownFile { path, why });
        }
        if snapshots.is_empty() {
            let seen = unknown.iter().map(|file| format!("{} {}", file.path.display(), file.why)).collect();
            let path = files.full(lines::FILE.as_ref());
            return Err(RecordingError::NoDocumentLines { path, line: last_line.max(1), seen });
        }
        let snapshot = |(observed_at, documents)| RecordedSnapshot { observed_at, documents: in_order(documents) };
        Ok(Self { info, snapshots: snapshots.into_iter().map(snapshot).collect(), unknown })
    }
}

impl DocumentFile {
    /// The document of a line.
    pub(super) fn of_line(
        files: &Arc<Files>,
        file: &Path,
        number: usize,
        bytes: Range<u64>,
        document: &Document,
    ) -> Self {
        Self {
            path: file.to_owned(),
            operation: document.operation,
            named_stream: None,
            content: Content::of(document),
            place: Place::Line(number, bytes),
            files: Arc::clone(files),
        }
    }

    /// Reads the document. A bare document of log events gets the stream that its path names.
    ///
    /// # Errors
    /// [`RecordingError`], where the file changed since the recording was opened.
    pub fn read(&self) -> Result<Document, RecordingError> {
        let file = self.files.full(&self.path);
        let value = match &self.place {
            Place::Line(number, bytes) => {
                let document = lines::read_line(&self.files, &self.path, bytes, *number)?;
                return Ok(Document { origin: self.origin(), ..document });
            }
            Place::Parts(encoding, key, _, places) => {
                let mut parts = text::parse_again(&self.files, &self.path, *encoding, places)?;
                match key {
                    Some(key) => json!({ *key: parts }),
                    None => parts.pop().unwrap_or_default(),
                }
            }
        };
        let mut document = Document::from_json(value, self.origin())
            .map_err(|source| RecordingError::NotADocument { path: file, source })?;
        if let Some((group, stream)) = &self.named_stream
            && document.assumed
        {
            let mut request = Map::new();
            request.insert("logGroupName".to_owned(), json!(group));
            request.insert("logStreamName".to_owned(), json!(stream));
            document.request = Some(request);
        }
        Ok(document)
    }

    /// Its path, with the line where its file holds several documents.
    pub(crate) fn origin(&self) -> String {
        let path = slashed(&self.path);
        match self.place {
            Place::Line(line, _) | Place::Parts(_, _, Some(line), _) => format!("{path}:{line}"),
            Place::Parts(_, _, None, _) => path,
        }
    }
}

fn read_info(files: &Files) -> Result<RecordingInfo, RecordingError> {
    let name = Path::new(RecordingInfo::FILE);
    let (bytes, path) = (files.bytes(name)?, files.full(name));
    match text::decode(&bytes) {
        Ok(text) => RecordingInfo::parse(&text, &path),
        Err(problem) => Err(RecordingError::Info { path, line: 1, problem }),
    }
}

fn in_order(mut documents: Vec<DocumentFile>) -> Vec<DocumentFile> {
    documents.sort_by_cached_key(|file| {
        (file.operation.place(), number(&file.path), slashed(&file.path), file.place.begin())
    });
    documents
}

/// The number that a file's name begins with, so that 10000 comes after 9999.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    name.get(..end)?.parse().ok()
}
