//! A bundle as one file: a tar archive of the bag, the same bytes for the same bundle.
//!
//! The archive holds one folder, as RFC 8493 asks of a serialized bag, with a fixed name; its entries are in order, and
//! carry no owner and no time.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Component, Path};

use tempfile::TempDir;

use crate::error::{OpenError, Problem, WriteError};
use crate::files::Files;

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
    let out = write(bag, BufWriter::with_capacity(1 << 20, file)).map_err(failed())?;
    let file = out.into_inner().map_err(|error| failed()(error.into_error()))?;
    file.sync_all().map_err(failed())?;
    fs::rename(new, path).map_err(WriteError::io("rename the finished bundle to", path))
}

fn write<W: Write>(bag: &Path, out: W) -> std::io::Result<W> {
    let mut archive = tar::Builder::new(out);
    for name in Files::below(bag).files {
        let file = File::open(bag.join(&name))?;
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(file.metadata()?.len());
        archive.append_data(&mut header, format!("{FOLDER}/{name}"), file)?;
    }
    archive.into_inner()
}

/// Unpacks an archive into a folder of its own, which lasts as long as what is returned. Nothing but the files of a
/// bag is unpacked; whether they are what was sealed is for others to say.
pub(crate) fn unpack(path: &Path) -> Result<TempDir, OpenError> {
    let not_a_bundle = |why: String| OpenError::NotABundle { path: path.to_owned(), why };
    let unreadable = |error: std::io::Error| not_a_bundle(format!("it is no tar archive that can be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let folder = tempfile::Builder::new().prefix("casefile-").tempdir().map_err(unreadable)?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, file));
    let mut unpacked = 0;
    for entry in archive.entries().map_err(unreadable)? {
        match entry.and_then(|entry| unpack_entry(entry, folder.path())) {
            Ok(()) => unpacked += 1,
            Err(error) if unpacked == 0 => return Err(unreadable(error)),
            // It began as a bundle does.
            Err(error) => return Err(damaged(path, error.to_string())),
        }
    }
    if unpacked == 0 {
        return Err(not_a_bundle("it has nothing in it".to_owned()));
    }
    // Between and behind the files there are bytes that no digest is of: they must be as they are written.
    let original = File::open(path).map_err(unreadable)?;
    let same = write(folder.path(), Compare(BufReader::with_capacity(1 << 20, original))).and_then(Compare::end);
    match same {
        Ok(()) => Ok(folder),
        Err(error) => Err(damaged(path, error.to_string())),
    }
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

fn unpack_entry(mut entry: tar::Entry<'_, impl Read>, folder: &Path) -> std::io::Result<()> {
    let name = entry.path()?.into_owned();
    let within = name.strip_prefix(FOLDER).ok().filter(|within| {
        let plain = within.components().all(|part| matches!(part, Component::Normal(_)));
        plain && within.components().count() <= 2
    });
    let Some(within) = within.filter(|_| entry.header().entry_type().is_file()) else {
        return Err(std::io::Error::other(format!("{} is no part of a bundle", name.display())));
    };
    let target = folder.join(within);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    std::io::copy(&mut entry, &mut File::create_new(&target)?)?;
    Ok(())
}

fn damaged(path: &Path, what: String) -> OpenError {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    OpenError::Integrity { path: path.to_owned(), problems: vec![Problem::Malformed { file, what }] }
}
