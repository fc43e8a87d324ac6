//! The keys of an archive.

use casefile_evidence::{Digest, Timestamp};

use crate::error::ArchiveError;

pub(crate) const BUNDLES: &str = "bundles";
pub(crate) const VERDICTS: &str = "verdicts";
pub(crate) const INDEX: &str = "index";
pub(crate) const CONFIGS: &str = "configs";

/// Decisions of the gate.
pub const DECISIONS: &str = "decisions";
/// Deployments that began, for the gate.
pub const MARKERS: &str = "markers";
/// Stops of the gate.
pub const STOPS: &str = "stops";
/// Waivers of the gate.
pub const WAIVERS: &str = "waivers";
/// Signatures, by the digest of what is signed.
pub const ATTESTATIONS: &str = "attestations";

/// The value of a region or date that a bundle does not have.
const UNKNOWN: &str = "unknown";

/// The partition of a bundle. Values are `[A-Za-z0-9._-]`, so that every engine reads the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The service's name.
    pub service: String,
    /// The region, or `unknown`.
    pub region: String,
    /// The UTC day of the first snapshot, `2026-11-27`, or `unknown`.
    pub date: String,
}

impl Partition {
    /// # Errors
    /// [`ArchiveError::Name`]: a value has other characters.
    pub fn new(service: &str, region: Option<&str>, at: Option<Timestamp>) -> Result<Self, ArchiveError> {
        // A service may be given by its ARN.
        let service = service.rsplit('/').next().unwrap_or(service);
        let date = at.map_or_else(|| UNKNOWN.to_owned(), |at| at.to_string().chars().take(10).collect());
        Ok(Self { service: value("service", service)?, region: value("region", region.unwrap_or(UNKNOWN))?, date })
    }

    pub(crate) fn folder(&self, kind: &str) -> String {
        let Self { service, region, date } = self;
        format!("{kind}/service={service}/region={region}/date={date}")
    }

    /// The key of a bundle.
    pub fn bundle(&self, digest: Digest) -> String {
        format!("{}/{digest}.tar", self.folder(BUNDLES))
    }

    /// The key of a verdict of a bundle.
    pub fn verdict(&self, bundle: &str, verdict: &str) -> String {
        format!("{}/{bundle}-{verdict}.json", self.folder(VERDICTS))
    }
}

pub(crate) fn value(what: &'static str, text: &str) -> Result<String, ArchiveError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() || text.starts_with('.') || !text.chars().all(plain) {
        return Err(ArchiveError::Name { what, value: text.to_owned() });
    }
    Ok(text.to_owned())
}

/// The key of the pack or the config with this digest.
pub(crate) fn kept(kind: &str, digest: &str) -> String {
    format!("{kind}/{digest}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_has_plain_values() {
        let at = Timestamp::parse("2026-11-27T23:59:59.999Z").unwrap();
        let arn = "arn:aws:ecs:eu-west-1:1:service/production/web";
        let partition = Partition::new(arn, Some("eu-west-1"), Some(at)).unwrap();
        let digest = Digest::of(b"a");
        assert_eq!(
            partition.bundle(digest),
            format!("bundles/service=web/region=eu-west-1/date=2026-11-27/{digest}.tar")
        );
        assert_eq!(Partition::new("web", None, None).unwrap().region, "unknown");
        for wrong in ["", "a b", "a=b", "..", "a%2Fb", "café"] {
            assert!(Partition::new(wrong, None, None).is_err(), "{wrong:?}");
        }
    }
}
