//! The files of a recording: those of a folder, or files in memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::error::RecordingError;

/// Where the files of a recording are. All paths are relative to the recording, except those in errors.
#[derive(Debug)]
pub(super) struct Files {
    /// The folder on disk, or the name of the recording in memory: paths in errors begin with it.
    root: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Disk,
    Memory(BTreeMap<PathBuf, Bytes>),
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

/// What an entry is; of a symbolic link to a file, the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    File,
    Folder,
    LinkToFolder,
    Other,
}

impl Entry {
    pub(super) fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder | Kind::LinkToFolder)
    }

    /// Its name, where that is text.
    pub(super) fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }
}

impl Files {
    /// The files of a folder, which are read from disk when they are asked for.
    pub(super) fn on_disk(dir: &Path) -> Result<Self, RecordingError> {
        let about = fs::metadata(dir).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => RecordingError::Missing { path: dir.to_owned() },
            _ => RecordingError::reading(dir)(source),
        })?;
        if !about.is_dir() {
            return Err(RecordingError::NotAFolder { path: dir.to_owned() });
        }
        Ok(Self { root: dir.to_owned(), place: Place::Disk })
    }

    pub(super) fn in_memory(name: &Path, files: BTreeMap<PathBuf, Bytes>) -> Self {
        Self { root: name.to_owned(), place: Place::Memory(files) }
    }

    /// A path as errors name it; on disk it is where the file is.
    pub(super) fn full(&self, path: &Path) -> PathBuf {
        // Joining an empty path would append a separator.
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// The entries of a folder, by name.
    pub(super) fn list(&self, folder: &Path) -> Result<Vec<Entry>, RecordingError> {
        let mut entries = match &self.place {
            Place::Disk => self.list_disk(folder)?,
            Place::Memory(files) => {
                let mut entries: Vec<Entry> = files.keys().filter_map(|file| entry_of(folder, file)).collect();
                entries.dedup();
                entries
            }
        };
        entries.sort();
        Ok(entries)
    }

    fn list_disk(&self, folder: &Path) -> Result<Vec<Entry>, RecordingError> {
        let full = self.full(folder);
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.map_err(RecordingError::reading(&full))?;
            let file = entry.path();
            let is_link = entry.file_type().map_err(RecordingError::reading(&file))?.is_symlink();
            let kind = match (file.is_dir(), file.is_file()) {
                (true, _) if is_link => Kind::LinkToFolder,
                (true, _) => Kind::Folder,
                (_, true) => Kind::File,
                _ => Kind::Other,
            };
            Ok(Entry { path: folder.join(entry.file_name()), kind })
        };
        fs::read_dir(&full).map_err(RecordingError::reading(&full))?.map(entry).collect()
    }

    /// The contents of a file.
    pub(super) fn bytes(&self, path: &Path) -> Result<Bytes, RecordingError> {
        match &self.place {
            Place::Disk => fs::read(self.full(path)).map(Bytes::from),
            Place::Memory(files) => found(files, path).cloned(),
        }
        .map_err(|source| self.reading(path, source))
    }

    /// A file, to be read in pieces.
    pub(super) fn open(&self, path: &Path) -> Result<Box<dyn BufRead + '_>, RecordingError> {
        let opened: io::Result<Box<dyn BufRead>> = match &self.place {
            Place::Disk => File::open(self.full(path)).map(|file| Box::new(BufReader::new(file)) as _),
            Place::Memory(files) => found(files, path).map(|bytes| Box::new(bytes.as_ref()) as _),
        };
        opened.map_err(|source| self.reading(path, source))
    }

    /// A part of a file.
    pub(super) fn part(&self, path: &Path, part: &Range<u64>) -> Result<Bytes, RecordingError> {
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        match &self.place {
            Place::Disk => File::open(self.full(path)).and_then(|mut file| {
                let mut bytes = vec![0; index(part.end - part.start)];
                file.seek(SeekFrom::Start(part.start))?;
                file.read_exact(&mut bytes)?;
                Ok(Bytes::from(bytes))
            }),
            Place::Memory(files) => found(files, path).and_then(|bytes| {
                let part = bytes.get(index(part.start)..index(part.end)).ok_or(io::ErrorKind::UnexpectedEof)?;
                Ok(bytes.slice_ref(part))
            }),
        }
        .map_err(|source| self.reading(path, source))
    }

    fn reading(&self, path: &Path, source: io::Error) -> RecordingError {
        RecordingError::reading(&self.full(path))(source)
    }
}

fn found<'a>(files: &'a BTreeMap<PathBuf, Bytes>, path: &Path) -> io::Result<&'a Bytes> {
    files.get(path).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The entry of a folder that is a file, or leads to it.
fn entry_of(folder: &Path, file: &Path) -> Option<Entry> {
    let mut names = file.strip_prefix(folder).ok()?.iter();
    let path = folder.join(names.next()?);
    let kind = if names.next().is_some() { Kind::Folder } else { Kind::File };
    Some(Entry { path, kind })
}
