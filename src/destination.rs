//! Where a bundle goes: to a path, or to S3 by way of one.

use std::path::{Path, PathBuf};

use casefile_collector::aws::{Aws, ConnectOptions, S3Url, Store};

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::place::{STDOUT, outside_of_bundles, s3_url};
use crate::say;

/// Where a bundle goes, decided.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    /// Where it is written and sealed.
    pub(crate) path: PathBuf,
    url: Option<S3Url>,
}

impl Destination {
    /// `--output`, else the default. A bundle for S3 is sealed in the working directory first.
    pub(crate) fn decide(output: Option<&Path>, default: impl FnOnce() -> PathBuf) -> Result<Self, Error> {
        let destination = match output {
            None => Self { path: default(), url: None },
            Some(path) if path == Path::new(STDOUT) => {
                return Err(Error::usage(
                    "a bundle cannot go to standard output: give a folder, a .tar file or s3://BUCKET/KEY",
                ));
            }
            Some(path) => match s3_url(path) {
                None => Self { path: path.to_owned(), url: None },
                Some(url) => {
                    let url = S3Url::parse(url)?;
                    Self { path: PathBuf::from(url.name()), url: Some(url) }
                }
            },
        };
        outside_of_bundles(&destination.path)?;
        Ok(destination)
    }

    /// The place in S3 that it goes to, where it does.
    pub(crate) fn url(&self) -> Option<&S3Url> {
        self.url.as_ref()
    }

    /// Looks whether the place in S3 is free, before anything is done for it.
    pub(crate) async fn store(&self, aws: &Aws, printer: &Printer) -> Result<Option<Store>, Error> {
        let Some(url) = &self.url else { return Ok(None) };
        let store = aws.store(url.clone()).await?;
        store.check().await?;
        printer.note(&format!("the bundle is written to {}, and goes to {url} once it is sealed", self.path.display()));
        Ok(Some(store))
    }

    /// As [`Destination::store`], for verbs that make no other AWS call: uses the AWS settings of the environment.
    pub(crate) async fn connect(&self, printer: &Printer) -> Result<Option<Store>, Error> {
        match &self.url {
            Some(_) => self.store(&Aws::connect(ConnectOptions::default()).await?, printer).await,
            None => Ok(None),
        }
    }
}

/// The result of an upload to S3.
#[derive(Debug)]
pub(crate) struct Upload {
    path: PathBuf,
    arrived: bool,
    /// Where it is now.
    pub(crate) place: String,
}

impl Upload {
    /// Uploads a sealed bundle. Prints an error at once if it fails.
    pub(crate) async fn put(
        path: &Path,
        store: Option<Store>,
        interrupt: &Interrupt,
        printer: &Printer,
    ) -> Option<Self> {
        let store = store?;
        let given_up = interrupt.caught("interrupted: giving the upload up");
        printer.note(&format!("sealed as {}, and uploading it to {}", path.display(), store.url()));
        let failed = store.put(path, given_up).await.err();
        let arrived = failed.is_none();
        let place = if arrived { store.url().to_string() } else { path.display().to_string() };
        if let Some(source) = failed {
            say::error(&Error::Upload { path: path.to_owned(), source });
        }
        Some(Self { path: path.to_owned(), arrived, place })
    }

    /// Removes the copy on disk, where there is another. Gives whether there is.
    pub(crate) fn finish(self) -> bool {
        if !self.arrived {
            return false;
        }
        let removed =
            if self.path.is_dir() { std::fs::remove_dir_all(&self.path) } else { std::fs::remove_file(&self.path) };
        if let Err(source) = removed {
            say::error(&Error::io("remove", self.path)(source));
        }
        true
    }
}
