//! The files of a bag: those of a folder, or in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::bag::Digest;
use crate::error::Problem;

/// The files of a bag as paths with `/`, in order; its `tagmanifest-sha256.txt`, which seals it, comes last.
pub fn files(bag: &Path) -> BTreeSet<String> {
    Files::below(bag).files
}

/// Where the files of a bag are.
#[derive(Debug, Clone)]
pub(crate) enum Bag {
    Folder(PathBuf),
    /// By their paths with `/`.
    Memory(BTreeMap<String, Bytes>),
}

impl Bag {
    pub(crate) fn files(&self) -> Files {
        match self {
            Self::Folder(folder) => Files::below(folder),
            Self::Memory(files) => Files { files: files.keys().cloned().collect(), problems: Vec::new() },
        }
    }

    pub(crate) fn read(&self, file: &str) -> io::Result<Bytes> {
        match self {
            Self::Folder(folder) => fs::read(folder.join(file)).map(Bytes::from),
            Self::Memory(files) => files.get(file).cloned().ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn digest(&self, file: &str) -> io::Result<Digest> {
        match self {
            Self::Folder(folder) => Digest::of_file(&folder.join(file)).map(|(digest, _)| digest),
            Self::Memory(_) => self.read(file).map(|bytes| Digest::of(&bytes)),
        }
    }

    /// The bytes of a file, as they are asked for, and how many there are.
    pub(crate) fn open(&self, file: &str) -> io::Result<(Box<dyn io::Read + '_>, u64)> {
        match self {
            Self::Folder(folder) => {
                let file = File::open(folder.join(file))?;
                let length = file.metadata()?.len();
                Ok((Box::new(file), length))
            }
            Self::Memory(files) => {
                let bytes = files.get(file).ok_or(io::ErrorKind::NotFound)?;
                Ok((Box::new(&bytes[..]), bytes.len() as u64))
            }
        }
    }
}

/// The files below a folder, as paths with `/`.
pub(crate) struct Files {
    pub(crate) files: BTreeSet<String>,
    pub(crate) problems: Vec<Problem>,
}

impl Files {
    pub(crate) fn below(root: &Path) -> Self {
        let mut all = Self { files: BTreeSet::new(), problems: Vec::new() };
        all.walk(root, "");
        all
    }

    fn walk(&mut self, folder: &Path, prefix: &str) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.problems.push(Problem::Unreadable { file: prefix.to_owned(), why: error.to_string() });
                return;
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && name == "data" => self.walk(&entry.path(), "data/"),
                Ok(kind) if kind.is_file() => {
                    self.files.insert(name);
                }
                Ok(kind) if kind.is_symlink() => {
                    self.problems.push(Problem::Malformed { file: name, what: "is a link, not a file".to_owned() });
                }
                // Nothing that we seal is a device, a pipe or a folder of its own.
                _ => self.problems.push(Problem::Added { file: name }),
            }
        }
    }
}
