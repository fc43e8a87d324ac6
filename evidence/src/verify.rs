//! Is the bundle still what was sealed?

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use crate::archive;
use crate::bag::{DECLARATION_FILE, Digest, INFO_FILE, Listing, PAYLOAD_FILE, TAG_FILE};
use crate::error::{OpenError, Problem};
use crate::files::Bag;
use crate::manifest::{FORMAT, Manifest};
use crate::schema::schema_difference;
use crate::tables;

/// Checks every file of a bundle against its seal: nothing missing, nothing added, nothing changed, the
/// tables those that the manifest lists, with exactly their schemas and rows. Gives back the bundle's
/// digest and manifest.
///
/// # Errors
/// [`OpenError::Integrity`] with every problem found; or what stands there is no bundle at all.
pub fn verify(path: &Path) -> Result<(Digest, Manifest), OpenError> {
    let metadata = fs::metadata(path).map_err(|_| OpenError::NotFound { path: path.to_owned() })?;
    let not_a_bundle = |why: &str| OpenError::NotABundle { path: path.to_owned(), why: why.to_owned() };
    if metadata.is_file() && archive::is_archive(path) {
        return archive::unpack(path).and_then(|unpacked| sound(unpacked.bag(), path));
    }
    if !metadata.is_dir() {
        return Err(not_a_bundle("it is a file; a bundle is a folder, or a .tar"));
    }
    if path.extension().is_some_and(|extension| extension == "partial") {
        return Err(not_a_bundle("it was never sealed: its collection was stopped or is still running"));
    }
    sound(&Bag::Folder(path.to_owned()), path)
}

/// As [`verify`], of a bag that messages call by its path.
pub(crate) fn sound(bag: &Bag, path: &Path) -> Result<(Digest, Manifest), OpenError> {
    let not_a_bundle = |why: &str| OpenError::NotABundle { path: path.to_owned(), why: why.to_owned() };
    let found = bag.files();
    let tags = [DECLARATION_FILE, INFO_FILE, PAYLOAD_FILE, TAG_FILE, "data/manifest.json"];
    if !tags.iter().any(|tag| found.files.contains(*tag)) {
        return Err(not_a_bundle(
            "it has none of a bundle's files (bagit.txt, manifest-sha256.txt, data/manifest.json); \
             `casefile import` makes a bundle of a recording",
        ));
    }
    let mut seal = Seal { bag, problems: found.problems };
    let outcome = seal.check(&found.files);
    match outcome {
        Some(sound) if seal.problems.is_empty() => Ok(sound),
        Some((_, manifest)) if manifest.format > FORMAT => {
            Err(OpenError::NewerFormat { path: path.to_owned(), found: manifest.format })
        }
        _ => {
            seal.problems.sort();
            seal.problems.dedup();
            Err(OpenError::Integrity { path: path.to_owned(), problems: seal.problems })
        }
    }
}

struct Seal<'a> {
    bag: &'a Bag,
    problems: Vec<Problem>,
}

impl Seal<'_> {
    fn check(&mut self, found: &BTreeSet<String>) -> Option<(Digest, Manifest)> {
        let tag_text = self.text(TAG_FILE, found)?;
        let tags = self.listing(TAG_FILE, &tag_text)?;
        for name in [DECLARATION_FILE, INFO_FILE, PAYLOAD_FILE] {
            if !tags.0.contains_key(name) {
                let what = format!("does not list {name}");
                self.problems.push(Problem::Malformed { file: TAG_FILE.to_owned(), what });
            }
        }
        self.files(&tags, found);
        let payload_text = self.text(PAYLOAD_FILE, found)?;
        let payload = self.listing(PAYLOAD_FILE, &payload_text)?;
        self.files(&payload, found);
        for file in found {
            if file != TAG_FILE && !tags.0.contains_key(file) && !payload.0.contains_key(file) {
                self.problems.push(Problem::Added { file: file.clone() });
            }
        }
        // Only files that are what was sealed are worth a closer look.
        if !self.problems.is_empty() {
            return None;
        }
        let manifest = self.manifest(found)?;
        if manifest.format <= FORMAT {
            self.tables(&manifest, &payload);
        } else {
            self.problems.push(Problem::Malformed {
                file: "data/manifest.json".to_owned(),
                what: format!("is of format {}", manifest.format),
            });
        }
        Some((Digest::of(tag_text.as_bytes()), manifest))
    }

    fn text(&mut self, file: &str, found: &BTreeSet<String>) -> Option<String> {
        if !found.contains(file) {
            self.problems.push(Problem::Missing { file: file.to_owned() });
            return None;
        }
        let problem = match self.bag.read(file) {
            Ok(bytes) => match String::from_utf8(bytes.into()) {
                Ok(text) => return Some(text),
                Err(_) => Problem::Malformed { file: file.to_owned(), what: "is not UTF-8".to_owned() },
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Problem::Missing { file: file.to_owned() },
            Err(error) => Problem::Unreadable { file: file.to_owned(), why: error.to_string() },
        };
        self.problems.push(problem);
        None
    }

    fn listing(&mut self, file: &str, text: &str) -> Option<Listing> {
        Listing::parse(text).map_err(|what| self.problems.push(Problem::Malformed { file: file.to_owned(), what })).ok()
    }

    fn files(&mut self, listing: &Listing, found: &BTreeSet<String>) {
        for (file, sealed) in &listing.0 {
            let escapes = Path::new(file).components().any(|part| !matches!(part, std::path::Component::Normal(_)));
            if escapes {
                let what = "is not a path within the bundle".to_owned();
                self.problems.push(Problem::Malformed { file: file.clone(), what });
                continue;
            }
            // Only plain files are read: a link may lead anywhere, and a pipe never ends.
            if !found.contains(file) {
                self.problems.push(Problem::Missing { file: file.clone() });
                continue;
            }
            match self.bag.digest(file) {
                Ok(found) if found == *sealed => {}
                Ok(found) => self.problems.push(Problem::Changed {
                    file: file.clone(),
                    sealed: sealed.to_string(),
                    found: found.to_string(),
                }),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    self.problems.push(Problem::Missing { file: file.clone() });
                }
                Err(error) => {
                    self.problems.push(Problem::Unreadable { file: file.clone(), why: error.to_string() });
                }
            }
        }
    }

    fn manifest(&mut self, found: &BTreeSet<String>) -> Option<Manifest> {
        let file = "data/manifest.json";
        let text = self.text(file, found)?;
        serde_json::from_str(&text)
            .map_err(|error| {
                self.problems.push(Problem::Malformed { file: file.to_owned(), what: error.to_string() });
            })
            .ok()
    }

    /// What a table's file says of itself.
    fn metadata(&self, file: &str) -> Result<ArrowReaderMetadata, String> {
        let options = ArrowReaderOptions::default;
        let read = match self.bag {
            Bag::Folder(folder) => {
                let opened = File::open(folder.join(file)).map_err(|error| error.to_string())?;
                ArrowReaderMetadata::load(&opened, options())
            }
            Bag::Memory(_) => {
                let bytes = self.bag.read(file).map_err(|error| error.to_string())?;
                ArrowReaderMetadata::load(&bytes, options())
            }
        };
        read.map_err(|error| error.to_string())
    }

    /// A bundle may be well hashed and still not be one of ours.
    fn tables(&mut self, manifest: &Manifest, payload: &Listing) {
        let mut listed = BTreeSet::from(["data/manifest.json".to_owned()]);
        for table in tables::all() {
            let name = table.info.name;
            let Some(entry) = manifest.tables.get(name) else {
                // Bundles of before the table do not have it.
                if tables::ADDED.contains(&name) {
                    continue;
                }
                self.problems.push(Problem::Malformed {
                    file: "data/manifest.json".to_owned(),
                    what: format!("does not list table {name}"),
                });
                continue;
            };
            let file = format!("data/{}", entry.file);
            listed.insert(file.clone());
            let opened = self.metadata(&file);
            let what = match opened {
                Err(why) => why,
                Ok(found) => {
                    let rows = found.metadata().file_metadata().num_rows();
                    match schema_difference(found.schema(), &table.schema) {
                        Some(difference) => format!("does not have the schema of its version: {difference}"),
                        None if u64::try_from(rows) != Ok(entry.rows) => {
                            format!("has {rows} rows, and the manifest says {}", entry.rows)
                        }
                        None => continue,
                    }
                }
            };
            self.problems.push(Problem::Malformed { file, what });
        }
        for file in payload.0.keys().filter(|file| !listed.contains(*file)) {
            self.problems.push(Problem::Added { file: file.clone() });
        }
    }
}
