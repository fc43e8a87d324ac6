//! Where files may be: on disk or in S3, and never inside a sealed bundle.

use std::path::{Path, PathBuf};

use casefile_collector::aws::S3Url;

use crate::error::Error;

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

/// Writes a report, making the folder that it goes to.
pub(crate) fn write_file(path: &Path, text: impl AsRef<[u8]>) -> Result<(), Error> {
    a_file(path)?;
    outside_of_bundles(path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    std::fs::write(path, text).map_err(Error::io("write", path))
}
