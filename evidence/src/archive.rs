//! A bundle as one file: a tar archive of the bag, the same bytes for the same bundle.
//!
//! The archive holds one folder, as RFC 8493 asks of a serialized bag, with a fixed name; its entries are in order, and
//! carry no owner and no time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use tempfile::TempDir;

use crate::error::{OpenError, Problem, WriteError};
use crate::files::Bag;

/// The folder within the archive.
pub const FOLDER: &str = "casefile-bundle";

/// Whether a bundle at this path is to be one file.
pub(crate) fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tar")
}

/// Packs a sealed bag into an archive, which appears at once and whole.
///
/// # Errors
/// Where the archive cannot be written.
pub fn pack(bag: &Path, path: &Path) -> Result<(), WriteError> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    let failed = || WriteError::io("write", new);
    let file = File::create(new).map_err(failed())?;
    let out = write(&Bag::Folder(bag.to_owned()), BufWriter::with_capacity(1 << 20, file)).map_err(failed())?;
    let file = out.into_inner().map_err(|error| failed()(error.into_error()))?;
    file.sync_all().map_err(failed())?;
    fs::rename(new, path).map_err(WriteError::io("rename the finished bundle to", path))
}

fn write<W: Write>(bag: &Bag, out: W) -> std::io::Result<W> {
    let mut archive = tar::Builder::new(out);
    for name in bag.files().files {
        let (file, length) = bag.open(&name)?;
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(length);
        archive.append_data(&mut header, format!("{FOLDER}/{name}"), file)?;
    }
    archive.into_inner()
}

/// An archive that is at most this long is unpacked in memory: to make and to remove some thirty files takes longer than
/// to read them.
const IN_MEMORY: u64 = 16 << 20;

/// The files of an archive.
#[derive(Debug)]
pub(crate) struct Unpacked {
    bag: Bag,
    /// The folder that they were written to, which lasts as long as this.
    folder: OnceLock<TempDir>,
}

impl Unpacked {
    pub(crate) fn bag(&self) -> &Bag {
        &self.bag
    }

    /// The folder with the files, to which they are written where they are in memory only.
    pub(crate) fn folder(&self) -> std::io::Result<&Path> {
        if self.folder.get().is_none() {
            let new = temporary()?;
            for name in self.bag.files().files {
                write_file(new.path(), Path::new(&name), self.bag.open(&name)?.0)?;
            }
            // Another thread may have been faster: then this folder is removed.
            let _ = self.folder.set(new);
        }
        self.folder.get().map(TempDir::path).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

fn temporary() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("casefile-").tempdir()
}

/// Unpacks an archive, into memory or into a folder of its own. Nothing but the files of a bag is unpacked; whether they
/// are what was sealed is for others to say.
pub(crate) fn unpack(path: &Path) -> Result<Unpacked, OpenError> {
    let not_a_bundle = |why: String| OpenError::NotABundle { path: path.to_owned(), why };
    let unreadable = |error: std::io::Error| not_a_bundle(format!("it is no tar archive that can be read: {error}"));
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length <= IN_MEMORY {
        return unpack_in_memory(&fs::read(path).map_err(unreadable)?, path);
    }
    let open = || File::open(path).map(|file| BufReader::with_capacity(1 << 20, file)).map_err(unreadable);
    let folder = temporary().map_err(unreadable)?;
    entries(path, open()?, |name, entry| write_file(folder.path(), name, entry))?;
    let bag = Bag::Folder(folder.path().to_owned());
    as_packed(&bag, path, open()?)?;
    Ok(Unpacked { bag, folder: OnceLock::from(folder) })
}

/// As [`unpack`], of an archive that is in memory. Errors call it `path`.
pub(crate) fn unpack_in_memory(archive: &[u8], path: &Path) -> Result<Unpacked, OpenError> {
    let mut files = BTreeMap::new();
    entries(path, archive, |name, entry| {
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        let name = name.to_string_lossy().into_owned();
        match files.insert(name.clone(), Bytes::from(bytes)) {
            None => Ok(()),
            Some(_) => Err(std::io::Error::other(format!("{name} is there twice"))),
        }
    })?;
    let bag = Bag::Memory(files);
    as_packed(&bag, path, archive)?;
    Ok(Unpacked { bag, folder: OnceLock::new() })
}

/// Takes each file of an archive, by its path within the bag.
fn entries(
    path: &Path,
    packed: impl Read,
    mut take: impl FnMut(&Path, &mut dyn Read) -> std::io::Result<()>,
) -> Result<(), OpenError> {
    let not_a_bundle = |why: String| OpenError::NotABundle { path: path.to_owned(), why };
    let unreadable = |error: std::io::Error| not_a_bundle(format!("it is no tar archive that can be read: {error}"));
    let mut archive = tar::Archive::new(packed);
    let mut unpacked = 0;
    for entry in archive.entries().map_err(unreadable)? {
        let taken = entry.and_then(|mut entry| {
            let name = within(&entry)?;
            take(&name, &mut entry)
        });
        match taken {
            Ok(()) => unpacked += 1,
            Err(error) if unpacked == 0 => return Err(unreadable(error)),
            // It began as a bundle does.
            Err(error) => return Err(damaged(path, error.to_string())),
        }
    }
    if unpacked == 0 {
        return Err(not_a_bundle("it has nothing in it".to_owned()));
    }
    Ok(())
}

/// Between and behind the files there are bytes that no digest is of: they must be as they are written.
fn as_packed(bag: &Bag, path: &Path, packed: impl Read) -> Result<(), OpenError> {
    write(bag, Compare(packed)).and_then(Compare::end).map_err(|error| damaged(path, error.to_string()))
}

/// Takes only what is the same as what it holds.
struct Compare<R>(R);

impl<R: Read> Compare<R> {
    fn end(mut self) -> std::io::Result<()> {
        if self.0.read(&mut [0])? == 0 { Ok(()) } else { Err(std::io::Error::other("something stands behind its end")) }
    }
}

impl<R: Read> Write for Compare<R> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut held = vec![0; bytes.len()];
        self.0.read_exact(&mut held).map_err(|_| std::io::Error::other("it is cut short"))?;
        if held == bytes {
            Ok(bytes.len())
        } else {
            Err(std::io::Error::other("its bytes are not as they were packed"))
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The path of an entry within the bag.
fn within(entry: &tar::Entry<'_, impl Read>) -> std::io::Result<PathBuf> {
    let name = entry.path()?.into_owned();
    let within = name.strip_prefix(FOLDER).ok().filter(|within| {
        let plain = within.components().all(|part| matches!(part, Component::Normal(_)));
        plain && within.components().count() <= 2
    });
    match within.filter(|_| entry.header().entry_type().is_file()) {
        Some(within) => Ok(within.to_owned()),
        None => Err(std::io::Error::other(format!("{} is no part of a bundle", name.display()))),
    }
}

fn write_file(folder: &Path, name: &Path, mut bytes: impl Read) -> std::io::Result<()> {
    let target = folder.join(name);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    std::io::copy(&mut bytes, &mut File::create_new(&target)?).map(drop)
}

fn damaged(path: &Path, what: String) -> OpenError {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    OpenError::Integrity { path: path.to_owned(), problems: vec![Problem::Malformed { file, what }] }
}
