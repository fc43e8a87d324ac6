//! The check pack: one `.sql` file a check, in the order of their paths.

mod check;
mod header;
mod lint;
mod shape;
pub(crate) mod statuses;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use casefile_evidence::Digest;
use include_dir::{Dir, include_dir};

pub use check::Check;
pub use header::Header;
pub(crate) use header::is_id;
pub(crate) use lint::findings;
pub(crate) use shape::shape;

use crate::error::SpecError;
use crate::tables::view_files;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../queries");

/// A set of checks, with unique ids.
#[derive(Debug, Clone)]
pub struct Pack {
    checks: Vec<Check>,
    /// The content of each file, by its path within the pack.
    files: BTreeMap<String, String>,
    digest: Digest,
}

impl Pack {
    /// The checks that this program was built with.
    ///
    /// # Errors
    /// Every file that is no check.
    pub fn embedded() -> Result<Self, Vec<SpecError>> {
        let mut files = BTreeMap::new();
        embedded_files(&SHIPPED, &mut files);
        Self::from_files("queries", files)
    }

    /// The checks of a folder and the folders in it.
    ///
    /// # Errors
    /// Every file that is no check, or one error where the folder cannot be read or holds no check.
    pub fn from_dir(dir: &Path) -> Result<Self, Vec<SpecError>> {
        let mut files = BTreeMap::new();
        read_files(dir, "", &mut files).map_err(|error| vec![error])?;
        Self::from_files(&dir.display().to_string(), files)
    }

    /// This pack and the checks of a further folder, in the order of their ids. A check of the folder replaces the one
    /// that has its id.
    ///
    /// # Errors
    /// As [`Pack::from_dir`].
    pub fn with_dir(self, dir: &Path) -> Result<Self, Vec<SpecError>> {
        let further = Self::from_dir(dir)?;
        let mut checks = self.checks;
        checks.retain(|check| further.check(&check.header.id).is_none());
        checks.extend(further.checks);
        // The order of the files below, so that the pack of an archive gives the same verdict.
        checks.sort_by(|a, b| a.header.id.cmp(&b.header.id));
        let files = checks.iter().map(|check| (check.header.id.clone(), check.sql.clone())).collect();
        Ok(Self { checks, digest: digest(&files), files })
    }

    /// The checks in `files`: path within the pack, `/`-separated, to content. `root` stands before the
    /// path in messages and is no part of the digest.
    ///
    /// # Errors
    /// Every file that is no check, and every id that is taken.
    pub fn from_files(root: &str, files: BTreeMap<String, String>) -> Result<Self, Vec<SpecError>> {
        if files.is_empty() {
            return Err(vec![SpecError::new(root, "there is no check", "name a folder with .sql files in --queries")]);
        }
        let digest = digest(&files);
        let mut checks: Vec<Check> = Vec::new();
        let mut errors = Vec::new();
        for (path, content) in &files {
            match Check::parse(format!("{root}/{path}"), content.clone()) {
                Ok(check) => match checks.iter().find(|other| other.header.id == check.header.id) {
                    Some(other) => errors.push(SpecError::new(
                        &check.file,
                        format!("id {:?} is taken by {}", check.header.id, other.file),
                        "give each check an id of its own",
                    )),
                    None => checks.push(check),
                },
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { checks, files, digest }) } else { Err(errors) }
    }

    /// The checks, in the order of their paths.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The check of that id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.header.id == id)
    }

    /// The sha256 over every file's path and content, and over the views that the checks build on.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The files and the views, as JSON: all that its digest covers.
    pub fn to_json(&self) -> serde_json::Value {
        let views: BTreeMap<&str, &str> = view_files().collect();
        serde_json::json!({ "checks": self.files, "views": views })
    }
}

/// Whether a check ships with this program, to the letter: then it was reviewed with it.
pub(crate) fn ships(check: &Check) -> bool {
    static TEXTS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let mut files = BTreeMap::new();
        embedded_files(&SHIPPED, &mut files);
        files.into_values().collect()
    });
    TEXTS.contains(&check.sql)
}

/// Each part is preceded by its length, so that no two sets of files run together to the same bytes.
fn digest(files: &BTreeMap<String, String>) -> Digest {
    let views = view_files().map(|(path, content)| (format!("views/{path}"), content));
    let files = files.iter().map(|(path, content)| (format!("checks/{path}"), content.as_str()));
    let mut bytes = Vec::new();
    for (path, content) in views.chain(files) {
        for part in [path.as_str(), content] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    Digest::of(&bytes)
}

fn embedded_files(dir: &Dir<'_>, files: &mut BTreeMap<String, String>) {
    for file in dir.files() {
        let path = file.path().to_string_lossy().replace('\\', "/");
        if let Some(content) = file.contents_utf8().filter(|_| path.ends_with(".sql")) {
            files.insert(path, content.to_owned());
        }
    }
    for dir in dir.dirs() {
        embedded_files(dir, files);
    }
}

fn read_files(dir: &Path, within: &str, files: &mut BTreeMap<String, String>) -> Result<(), SpecError> {
    let unreadable = |path: &Path, error: std::io::Error| {
        SpecError::new(path.display().to_string(), format!("cannot be read: {error}"), "check --queries")
    };
    for entry in fs::read_dir(dir).map_err(|error| unreadable(dir, error))? {
        let path = entry.map_err(|error| unreadable(dir, error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let within = if within.is_empty() { name.clone() } else { format!("{within}/{name}") };
        if path.is_dir() {
            read_files(&path, &within, files)?;
        } else if name.ends_with(".sql") {
            files.insert(within, fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(id: &str) -> String {
        format!(
            "-- id = \"{id}\"\n-- title = \"t\"\n-- level = \"block\"\n-- owner = \"service\"\n\
             -- requires = [\"tasks\"]\n-- conclusive = \"fail\"\nSELECT 1\n"
        )
    }

    fn pack(files: &[(&str, String)]) -> Result<Pack, Vec<SpecError>> {
        let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.clone())).collect();
        Pack::from_files("q", files)
    }

    #[test]
    fn a_pack_is_its_files_wherever_they_lie() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join("b"))?;
        fs::write(dir.path().join("b/two.sql"), sql("two"))?;
        fs::write(dir.path().join("a.sql"), sql("one"))?;
        fs::write(dir.path().join("README.md"), "prose")?;
        let on_disk = Pack::from_dir(dir.path()).unwrap();
        let in_memory = pack(&[("b/two.sql", sql("two")), ("a.sql", sql("one"))]).unwrap();
        assert_eq!(on_disk.digest(), in_memory.digest());
        assert_eq!(on_disk.checks().iter().map(|check| check.header.id.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        let moved = pack(&[("c/two.sql", sql("two")), ("a.sql", sql("one"))]).unwrap();
        assert_ne!(moved.digest(), in_memory.digest(), "a file's path is part of the pack");
        Ok(())
    }

    #[test]
    fn every_broken_file_is_named() {
        let errors =
            pack(&[("a.sql", sql("one")), ("b.sql", sql("one")), ("c.sql", "SELECT 1".to_owned())]).unwrap_err();
        let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"));
        let nothing = pack(&[]).unwrap_err();
        insta::assert_snapshot!(nothing[0]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_clear_error() {
        let errors = Pack::from_dir(Path::new("no/such/folder")).unwrap_err();
        assert!(errors[0].to_string().starts_with("no/such/folder: cannot be read: "), "{}", errors[0]);
    }
}
