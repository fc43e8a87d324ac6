//! The one time type of the evidence: milliseconds since the Unix epoch, UTC.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z (what CloudWatch Logs uses; the fractional
/// epoch seconds of ECS are rounded to it).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an RFC 3339 time such as 2026-11-23T07:43:00Z")]
pub struct InvalidTimestamp {
    /// What was read.
    pub text: String,
}

impl Timestamp {
    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339, with any offset.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] where the text is not RFC 3339.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        text.parse::<jiff::Timestamp>()
            .map(|at| Self(at.as_millisecond()))
            .map_err(|_| InvalidTimestamp { text: text.to_owned() })
    }

    /// From the epoch seconds of the ECS wire format, fractions included, rounded to the millisecond.
    /// `None` where the number is no time that can be represented.
    pub fn from_epoch_seconds(seconds: f64) -> Option<Self> {
        let millis = (seconds * 1000.0).round();
        // Beyond 2^53 the number was not exact in the document either.
        if millis.is_nan() || millis.abs() >= 9_007_199_254_740_992.0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
        Some(Self(millis as i64))
    }

    /// This moment, `millis` later (earlier where negative), saturating.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this moment, saturating.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with milliseconds only where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) if self.0 % 1000 == 0 => write!(f, "{at:.0}"),
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_that_aws_tools_print() {
        let expected = Timestamp(1_730_376_210_917);
        for text in ["2024-10-31T08:03:30.917000-04:00", "2024-10-31T12:03:30.917Z", "2024-10-31T12:03:30.917+00:00"] {
            assert_eq!(Timestamp::parse(text), Ok(expected), "{text}");
        }
        assert_eq!(Timestamp::from_epoch_seconds(1_730_376_210.917), Some(expected));
        assert_eq!(Timestamp::from_epoch_seconds(f64::NAN), None);
        assert_eq!(Timestamp::from_epoch_seconds(1e300), None);
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["2026-11-23T07:43:00Z", "2026-11-23T07:43:00.120Z"] {
            assert_eq!(Timestamp::parse(text).map(|at| at.to_string()).as_deref(), Ok(text));
        }
    }
}
