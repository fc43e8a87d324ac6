//! How far the clock here is from AWS's, by the `Date` of its answers (RFC 9110, section 6.6.1).
//!
//! What AWS stamped is compared with when it was observed: tasks with deadlines, lines with how far a stream was read.
//! With a clock that is off, lines would be asked for that are still to come, and those in between never. The SDK signs
//! by AWS's time too, so that nothing else tells.

use std::sync::{Mutex, PoisonError};

use casefile_evidence::Timestamp;

/// `Date` is cut to the second.
const DATE_MS: i64 = 999;

/// By how many milliseconds AWS's clock is ahead of this one.
#[derive(Debug, Default)]
pub(super) struct Skew(Mutex<Option<i64>>);

impl Skew {
    /// Takes up the date of an answer that came between two moments of the clock here. What is known changes only as
    /// far as it must.
    pub(super) fn learn(&self, date: Timestamp, sent: Timestamp, came: Timestamp) {
        let (least, most) = (date.millis_since(came), date.plus_millis(DATE_MS).millis_since(sent));
        if least <= most {
            let mut skew = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *skew = Some(skew.unwrap_or(0).clamp(least, most));
        }
    }

    /// `None` where no answer has told yet.
    pub(super) fn millis(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_dates_leave_no_doubt_of() {
        let skew = Skew::default();
        let learn = |date, sent, came| {
            skew.learn(Timestamp(date), Timestamp(sent), Timestamp(came));
            skew.millis().unwrap()
        };
        assert_eq!(learn(10_000, 10_300, 10_400), 0, "the same second");
        assert_eq!(learn(10_000, 9_100, 10_900), 0, "and what may have been it");
        assert_eq!(learn(70_000, 10_300, 10_400), 59_600, "a minute behind AWS's");
        assert_eq!(learn(71_000, 11_350, 11_450), 59_600, "which is still so");
        assert_eq!(learn(72_000, 12_900, 12_950), 59_600);
        assert_eq!(learn(10_000, 80_300, 80_400), -69_301, "ahead");
        assert_eq!(learn(90_000, 93_000, 90_000), -69_301, "a clock that runs backwards tells nothing");
    }
}
