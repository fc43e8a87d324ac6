//! The files of a bag.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::error::Problem;

/// The files of a bag as paths with `/`, in order; its `tagmanifest-sha256.txt`, which seals it, comes last.
pub fn files(bag: &Path) -> BTreeSet<String> {
    Files::below(bag).files
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
