//! Where a bundle is written, and how it gets its name.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::archive;
use crate::error::WriteError;

/// Where a bundle is written before it is sealed.
pub(crate) fn partial_of(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    partial.into()
}

/// Puts a finished bag where it is to stand, as a folder or as one file.
pub(crate) fn put_in_place(partial: &Path, path: &Path) -> Result<(), WriteError> {
    if archive::is_archive(path) {
        archive::pack(partial, path)?;
        return fs::remove_dir_all(partial).map_err(WriteError::io("remove", partial));
    }
    fs::rename(partial, path).map_err(WriteError::io("rename the finished bundle to", path))
}

pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut file = File::create(path).map_err(WriteError::io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(WriteError::io("write", path))
}
