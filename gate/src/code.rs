//! Outcomes, and the reasons for them.

use serde::{Deserialize, Serialize};

/// The answer. The worst of its reasons' outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The release may go there.
    Proceed,
    /// Not now. It may change by itself: by time, or by a verdict that comes.
    Hold,
    /// Not unless a person acts, or there is another release.
    Refuse,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The release passed in a region of an earlier wave.
    Passed,
    /// The region is in the first wave, which requires no verdict.
    FirstWave,
    /// The service needs no other one.
    NeedsNothing,
    /// The release has passed in this region before.
    AlreadyPassedHere,
    /// The release has failed in this region before. It may be tried again.
    AlreadyFailedHere,
    /// A region of an earlier wave has no verdict of the release.
    Missing,
    /// The verdict is inconclusive.
    Inconclusive,
    /// There is no verdict over the newest evidence, it ended with an error, or its moment lies ahead.
    NotEvaluable,
    /// The archive has verdicts of several AWS accounts, and the policy does not say which count.
    AccountUnclear,
    /// The verdict is pass, and is not signed with a key of the policy.
    NotSigned,
    /// The verdict is older than the policy's `max_age`.
    Stale,
    /// The release has not been in the region for as long as the policy's `soak`.
    Soaking,
    /// The policy has a freeze now.
    Frozen,
    /// A deployment has begun and has no verdict yet.
    InFlight,
    /// The verdict was computed with other checks, another config or an older casefile than the policy allows.
    RulesDiffer,
    /// It cannot be told whether the release is newer than the one that runs in the region.
    OrderUnknown,
    /// The verdict is fail.
    Failed,
    /// The images differ between regions.
    ReleaseDiffers,
    /// The region of an earlier wave runs another release by now.
    Superseded,
    /// The region runs a newer release.
    OlderThanDeployed,
    /// A person stopped all deployments of the service, or of every service.
    Stop,
}

impl Code {
    /// The outcome that the reason stands for.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Passed | Self::FirstWave | Self::NeedsNothing | Self::AlreadyPassedHere | Self::AlreadyFailedHere => {
                Outcome::Proceed
            }
            Self::Missing
            | Self::Inconclusive
            | Self::NotEvaluable
            | Self::AccountUnclear
            | Self::NotSigned
            | Self::Stale
            | Self::Soaking
            | Self::Frozen
            | Self::InFlight
            | Self::RulesDiffer
            | Self::OrderUnknown => Outcome::Hold,
            Self::Failed | Self::ReleaseDiffers | Self::Superseded | Self::OlderThanDeployed | Self::Stop => {
                Outcome::Refuse
            }
        }
    }

    /// Whether a policy may allow waivers of it. That the images differ means that the passing release is another
    /// one; what is not signed may be anybody's.
    pub const fn can_be_waived(self) -> bool {
        !matches!(self.outcome(), Outcome::Proceed)
            && !matches!(self, Self::ReleaseDiffers | Self::AccountUnclear | Self::NotSigned | Self::Stop)
    }
}

impl std::fmt::Display for Code {
    /// As policies and decisions write it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl std::str::FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use serde::de::IntoDeserializer;
        let read: Result<Self, serde::de::value::Error> = Self::deserialize(text.into_deserializer());
        read.map_err(|error| error.to_string())
    }
}
