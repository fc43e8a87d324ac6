//! Places in S3, and why a bundle cannot be put there.

use std::fmt;
use std::path::PathBuf;

use casefile_objects::AwsPartition;
use object_store::path::Path as Key;

use super::wire;

/// A place in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    pub(super) bucket: String,
    pub(super) key: Key,
}

/// A bundle could not be put into S3.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is no place in S3.
    #[error("{url} is no place in S3 ({problem}): give s3://BUCKET/KEY, e.g. s3://evidence/2026/rollout.bundle")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// Something is there.
    #[error(
        "{url} exists already, and bundles are never overwritten: choose another key; if an upload broke off there, \
         remove what is left with `{}`", url.aws_s3("rm")
    )]
    Exists {
        /// The place.
        url: S3Url,
    },
    /// There are no credentials for it.
    #[error("there are no AWS credentials for {url}: {problem}")]
    Credentials {
        /// The place.
        url: S3Url,
        /// Why.
        problem: String,
    },
    /// It was told to stop.
    #[error("the upload to {url} was interrupted; remove what is there of it with `{}`", url.aws_s3("rm"))]
    Interrupted {
        /// The place.
        url: S3Url,
    },
    /// S3 refuses, or cannot be reached.
    #[error("cannot write to {url}: {problem}; {remedy}")]
    Refused {
        /// The place.
        url: S3Url,
        /// What it said.
        problem: String,
        /// What can be done.
        remedy: &'static str,
    },
    /// The bundle on disk cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl S3Url {
    /// How the URLs begin.
    pub const SCHEME: &'static str = "s3://";

    /// Reads an `s3://` URL.
    ///
    /// # Errors
    /// [`StoreError::Url`], where it names no bucket or no key.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let wrong = |problem: &str| StoreError::Url { url: url.to_owned(), problem: problem.to_owned() };
        let rest = url.strip_prefix(Self::SCHEME).ok_or_else(|| wrong("it does not begin with s3://"))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        // S3, "General purpose bucket naming rules".
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(named) {
            return Err(wrong("a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"));
        }
        let key = Key::parse(key.strip_suffix('/').unwrap_or(key)).map_err(|error| wrong(&error.to_string()))?;
        match key.filename() {
            Some(_) => Ok(Self { bucket: bucket.to_owned(), key }),
            None => Err(wrong("it has no key")),
        }
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The key's last part: what the bundle is called.
    pub fn name(&self) -> &str {
        self.key.filename().unwrap_or_default()
    }

    /// The command of the AWS CLI that does `verb` to everything at this place: an archive is one object.
    pub fn aws_s3(&self, verb: &str) -> String {
        let recursive = if self.name().ends_with(".tar") { "" } else { " --recursive" };
        format!("aws s3 {verb}{recursive} {self}")
    }

    /// The ARN of everything at this place, which is of the same partition as a region.
    pub fn arn(&self, region: &str) -> String {
        format!("arn:{}:s3:::{}/{}", AwsPartition::of(region).name, self.bucket, self.key)
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}", Self::SCHEME, self.bucket, self.key)
    }
}

/// What S3 said, and what can be done about it.
pub(super) fn refused(url: &S3Url, error: &(dyn std::error::Error + 'static)) -> StoreError {
    let said = wire::chain(error).split_whitespace().collect::<Vec<_>>().join(" ");
    let remedy = if said.contains("<Code>ExpiredToken") || said.contains("<Code>InvalidToken") {
        "the credentials have expired, and there were no others"
    } else {
        match status(&said) {
            Some(404) => "make the bucket, or name another",
            Some(403) => "the role needs s3:PutObject there",
            _ => "is the endpoint right, and can it be reached?",
        }
    };
    let problem = said.chars().take(400).collect();
    StoreError::Refused { url: url.clone(), problem, remedy }
}

/// The HTTP status that an error of the store tells of in its words.
pub(super) fn status(said: &str) -> Option<u16> {
    let (_, rest) = said.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}
