//! The terms that checks, signatures, settings and verdicts share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a check decides, or only reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Its failure fails the verdict.
    Block,
    /// It is reported and never gates. New checks start here.
    Advise,
}

/// Who takes over when a check fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The service's owner: its code, its configuration, its migrations.
    Service,
    /// The team that runs the platform: capacity, network, images, roles.
    Platform,
    /// A consequence that does not tell whose the cause is, such as a rollback.
    Shared,
}

/// The status that one row proves even when evidence is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusive {
    /// A failing row stands; a pass becomes unknown.
    Fail,
    /// A passing row stands; a failure becomes unknown.
    Pass,
    /// Nothing stands.
    None,
}

impl std::str::FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "service" => Ok(Self::Service),
            "platform" => Ok(Self::Platform),
            "shared" => Ok(Self::Shared),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "block",
            Self::Advise => "advise",
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "service",
            Self::Platform => "platform",
            Self::Shared => "shared",
        })
    }
}

/// The status of one resource, as a row of a check gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is not as the check's title says.
    Fail,
    /// The evidence does not tell, and more of the same would not either.
    Unknown,
    /// It is not over yet: a rollout that is still in progress.
    Pending,
    /// It is as the check's title says.
    Pass,
    /// The check does not apply to it.
    Skip,
}

impl Status {
    /// The values of a check's column `status`.
    pub const NAMES: [&'static str; 5] = ["pass", "fail", "skip", "pending", "unknown"];

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "pass" => Self::Pass,
            "fail" => Self::Fail,
            "skip" => Self::Skip,
            "pending" => Self::Pending,
            "unknown" => Self::Unknown,
            _ => return None,
        })
    }
}

/// The conclusion of all checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    /// The deployment succeeded.
    Pass,
    /// It did not.
    Fail,
    /// The evidence does not tell, or does not tell yet.
    Inconclusive,
    /// A blocking check could not be evaluated.
    Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_by_their_names() {
        for name in Status::NAMES {
            let status = Status::parse(name).unwrap();
            assert_eq!(serde_json::to_value(status).unwrap(), name);
        }
        assert_eq!(Status::parse("PASS"), None);
    }
}
