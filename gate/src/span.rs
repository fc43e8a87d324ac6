//! Lengths of time in a policy.

use serde::{Deserialize, Serialize};

/// A length of time in milliseconds, written `90s`, `30m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub i64);

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let millis = text.parse::<jiff::SignedDuration>().ok().map(|span| span.as_millis());
        millis
            .and_then(|millis| i64::try_from(millis).ok())
            .filter(|millis| *millis >= 0)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a length of time: write e.g. \"90s\", \"30m\" or \"24h\""))
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", jiff::SignedDuration::from_millis(self.0))
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
