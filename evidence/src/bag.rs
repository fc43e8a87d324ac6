//! BagIt 1.0 (RFC 8493): the tag files, written in one exact way so that every byte of them is checked.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The bag declaration, whole (RFC 8493, 2.1.1).
pub(crate) const DECLARATION: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
pub(crate) const DECLARATION_FILE: &str = "bagit.txt";
pub(crate) const INFO_FILE: &str = "bag-info.txt";
pub(crate) const PAYLOAD_FILE: &str = "manifest-sha256.txt";
pub(crate) const TAG_FILE: &str = "tagmanifest-sha256.txt";

/// A sha256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a file's bytes, and how many there are.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<(Self, u64)> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut length = 0;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok((Self(hasher.finalize().into()), length));
            }
            hasher.update(&buffer[..read]);
            length += read as u64;
        }
    }

    /// Reads the 64 lower-case hexadecimal digits of the printed form; nothing else is accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Hashes and counts what passes through on its way to a file.
pub(crate) struct HashingWriter<W> {
    inner: W,
    hasher: Sha256,
    length: u64,
}

impl<W: Write> HashingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), length: 0 }
    }

    pub(crate) fn finish(self) -> (W, Digest, u64) {
        (self.inner, Digest(self.hasher.finalize().into()), self.length)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A manifest file: a line `digest, two spaces, path` for each file, in path order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing(pub(crate) BTreeMap<String, Digest>);

impl Listing {
    pub(crate) fn print(&self) -> String {
        self.0.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect()
    }

    /// Reads exactly what [`Listing::print`] writes. On anything else, says where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let entry = line.split_once("  ").and_then(|(digest, path)| Some((Digest::parse(digest)?, path)));
            let Some((digest, path)) = entry else {
                return Err(format!("line {} is not `sha256  path`", number + 1));
            };
            files.insert(path.to_owned(), digest);
        }
        let listing = Self(files);
        if listing.print() == text { Ok(listing) } else { Err("its lines are not as they were sealed".to_owned()) }
    }
}

/// The digest of each file of a bundle's payload, as its two manifests seal them: for a reader that has a part of the
/// bundle.
///
/// # Errors
/// In words: `tags` (`tagmanifest-sha256.txt`) has another digest than the bundle, or does not seal `payload`
/// (`manifest-sha256.txt`).
pub fn sealed_files(bundle: Digest, tags: &[u8], payload: &[u8]) -> Result<BTreeMap<String, Digest>, String> {
    if Digest::of(tags) != bundle {
        return Err(format!("{TAG_FILE} has another digest than the bundle"));
    }
    let text = |file: &str, bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| format!("{file} is not UTF-8"));
    let tags = Listing::parse(&text(TAG_FILE, tags)?)?;
    if tags.0.get(PAYLOAD_FILE) != Some(&Digest::of(payload)) {
        return Err(format!("{PAYLOAD_FILE} is not what was sealed"));
    }
    Ok(Listing::parse(&text(PAYLOAD_FILE, payload)?)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_only_as_it_is_printed() {
        let listing =
            Listing(BTreeMap::from([("data/a".to_owned(), Digest::of(b"a")), ("data/b".to_owned(), Digest::of(b"b"))]));
        let text = listing.print();
        assert_eq!(Listing::parse(&text), Ok(listing));
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 0x20;
            if let Ok(changed) = String::from_utf8(bytes)
                && let Ok(parsed) = Listing::parse(&changed)
            {
                assert_ne!(parsed.print(), text, "a flip at {place} goes unnoticed");
            }
        }
    }

    #[test]
    fn digests_are_lower_case_only() {
        let digest = Digest::of(b"casefile");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse(&digest.to_string().to_uppercase()), None);
    }
}
