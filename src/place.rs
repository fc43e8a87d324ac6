//! Where files may be: on disk or in S3, and never inside a sealed bundle.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use casefile_collector::aws::S3Url;

use crate::error::Error;
use crate::say::aside;

/// The argument that names standard output.
pub(crate) const STDOUT: &str = "-";

/// Writes to standard output. A reader that went away (`| head`) is no error.
pub(crate) fn stdout(bytes: &[u8]) -> Result<(), Error> {
    let written = aside(|| {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    });
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::io("write", "standard output")(error))
        }
        _ => Ok(()),
    }
}

/// The place in S3 that an argument names.
pub(crate) fn s3_url(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.starts_with(S3Url::SCHEME))
}

/// Refuses a place in S3, where a file is meant.
pub(crate) fn a_file(path: &Path) -> Result<(), Error> {
    match s3_url(path) {
        Some(url) => Err(Error::usage(format!(
            "{url}: only bundles go to S3 (-o of collect, import, redact and validate); give a file for a report"
        ))),
        None => Ok(()),
    }
}

/// A bundle that an argument names: on disk.
pub(crate) fn parse_bundle(text: &str) -> Result<PathBuf, String> {
    if text.starts_with(S3Url::SCHEME) {
        let url = S3Url::parse(text).map_err(|error| error.to_string())?;
        let (copy, name) = (url.aws_s3("cp"), url.name());
        return Err(format!("bundles are read from disk, offline: fetch it first with `{copy} {name}`"));
    }
    Ok(PathBuf::from(text))
}

/// Refuses a place within a sealed bundle: results never go inside one.
pub(crate) fn outside_of_bundles(path: &Path) -> Result<(), Error> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match absolute.ancestors().skip(1).find(|folder| folder.join("bagit.txt").exists()) {
        Some(bundle) => Err(Error::usage(format!(
            "{} is inside the bundle {}, which is sealed: write it elsewhere",
            path.display(),
            bundle.display()
        ))),
        None => Ok(()),
    }
}

/// A folder that is removed with the value.
pub(crate) fn temporary() -> Result<tempfile::TempDir, Error> {
    tempfile::Builder::new().prefix("casefile-").tempdir().map_err(Error::io("create", "a temporary folder"))
}

/// Reads a file that an argument names.
pub(crate) fn read_input(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::usage(format!("cannot read {:?}: {error}", path.display().to_string())))
}

/// Refuses a place that a report cannot be written to, before the work is done.
pub(crate) fn can_be_written(path: &Path) -> Result<(), Error> {
    if path == Path::new(STDOUT) {
        return Ok(());
    }
    a_file(path)?;
    outside_of_bundles(path)?;
    if path.is_dir() {
        return Err(Error::usage(format!("{} is a folder: name a file in it", path.display())));
    }
    if is_special(path) {
        return Ok(());
    }
    try_folder_of(path).map_err(|error| Error::usage(format!("cannot write {}: {error}", path.display())))
}

/// Tries whether a file can be made at a path, whose folders may not exist yet. Nothing is made that stays.
pub(crate) fn try_folder_of(path: &Path) -> std::io::Result<()> {
    let there = path.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let there = there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(there).map(drop)
}

/// Refuses a place that is taken. `problem`: that it is, and what to do instead.
pub(crate) fn is_free(path: &Path, problem: &str) -> Result<(), Error> {
    match path.symlink_metadata() {
        Ok(_) => Err(Error::usage(format!("{} {problem}", path.display()))),
        Err(_) => Ok(()),
    }
}

/// Writes a report, making the folder that it goes to. A file is replaced once the new one is whole. `-` is standard
/// output.
pub(crate) fn write_file(path: &Path, text: impl AsRef<[u8]>) -> Result<(), Error> {
    if path == Path::new(STDOUT) {
        return stdout(text.as_ref());
    }
    write_through(path, |file| file.write_all(text.as_ref()).map_err(Error::io("write", path)))
}

/// As [`write_file`], for a file that is not in memory as a whole.
pub(crate) fn write_through(path: &Path, write: impl FnOnce(&mut File) -> Result<(), Error>) -> Result<(), Error> {
    a_file(path)?;
    outside_of_bundles(path)?;
    if is_special(path) {
        return write(&mut File::create(path).map_err(Error::io("write", path))?);
    }
    // What a link points to is replaced, and not the link.
    let to = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(&to).map_err(Error::io("create the folder of", path))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".casefile-");
    // A new file gets what the umask leaves; an old one keeps its mode.
    let mode = std::fs::metadata(&to).map(|old| old.permissions());
    #[cfg(unix)]
    builder.permissions(mode.unwrap_or_else(|_| std::os::unix::fs::PermissionsExt::from_mode(0o666)));
    let mut file = builder.tempfile_in(folder).map_err(Error::io("write", path))?;
    write(file.as_file_mut())?;
    file.persist(&to).map(drop).map_err(|error| Error::io("write", path)(error.error))
}

/// Whether it is there and no regular file: a device or a pipe.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// The folder of a file, made if it does not exist.
pub(crate) fn folder_of(path: &Path) -> std::io::Result<&Path> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("new/a.json"), folder.path().join("link"));
        write_file(&file, "first").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&file, &link).unwrap();
            write_file(&link, "second").unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "second");
        }
        let fails = write_through(&file, |file| {
            file.write_all(b"half").map_err(Error::io("write", "it"))?;
            Err(Error::usage("stop"))
        });
        assert!(fails.is_err() && !std::fs::read_to_string(&file).unwrap().contains("half"));
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1, "nothing is left beside it");
        assert!(can_be_written(folder.path()).is_err() && can_be_written(&file).is_ok());
        assert!(can_be_written(&file.join("b")).is_err());
        let new = folder.path().join("other/b");
        assert!(can_be_written(&new).is_ok() && !folder.path().join("other").exists(), "a check makes nothing");
        assert!(is_free(&file, "").is_err() && is_free(&new, "").is_ok());
    }
}
