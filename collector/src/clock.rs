//! The clock at the edge: what the collector asks for the time, and what it waits with.
//!
//! Nothing else in the crate reads a clock, so that a test or a demonstration can hand in a faster one.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use casefile_evidence::Timestamp;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

/// Tells the time, and waits.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// This moment.
    fn now(&self) -> Timestamp;

    /// Waits, by this clock. It may be cancelled: nothing is lost.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Seconds of this clock for each real second.
    fn speed(&self) -> f64 {
        1.0
    }
}

/// The clock of this machine, as it stood when it was first asked: from then on it runs steadily, so that a clock which
/// is set forward ends nothing, and one which is set back holds nothing up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the edge")]
static STARTED: LazyLock<(SystemTime, Instant)> = LazyLock::new(|| (SystemTime::now(), Instant::now()));

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (origin, started) = *STARTED;
        let since = origin.duration_since(UNIX_EPOCH).unwrap_or_default() + started.elapsed();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
}

/// A clock that starts at a moment of its own and runs faster (or slower) than real time, so that a
/// rollout of minutes can be played in seconds.
#[derive(Debug, Clone, Copy)]
pub struct ScaledClock {
    origin: Timestamp,
    speed: f64,
    started: Instant,
}

impl ScaledClock {
    /// The slowest and the fastest speed; what lies outside is brought to the nearer of them.
    const SPEEDS: (f64, f64) = (1e-3, 1e6);

    /// A clock that shows `origin` now. `speed` is seconds of this clock for each real second.
    pub fn new(origin: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_nan() { 1.0 } else { speed.clamp(Self::SPEEDS.0, Self::SPEEDS.1) };
        Self { origin, speed, started: Instant::now() }
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_secs_f64() * self.speed * 1000.0;
        #[expect(clippy::cast_possible_truncation, reason = "a float that is too large saturates")]
        self.origin.plus_millis(elapsed as i64)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let real = Duration::try_from_secs_f64(duration.as_secs_f64() / self.speed).unwrap_or(Duration::MAX);
        tokio::time::sleep(real).boxed()
    }

    fn speed(&self) -> f64 {
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_scaled_clock_runs_and_waits_by_its_own_time() {
        let origin = Timestamp(1_763_883_780_000);
        let clock = ScaledClock::new(origin, 1000.0);
        let real = std::time::Instant::now();
        clock.sleep(Duration::from_secs(100)).await;
        let (passed, real) = (clock.now().millis_since(origin), real.elapsed());
        assert!(passed >= 99_000, "100 s of its own passed, not {passed} ms");
        assert!(real < Duration::from_secs(20), "they took {real:?}");
    }

    #[test]
    fn a_speed_that_is_no_speed_is_mended() {
        for (given, used) in [(0.0, 1e-3), (-3.0, 1e-3), (f64::INFINITY, 1e6), (f64::NAN, 1.0), (60.0, 60.0)] {
            assert!((ScaledClock::new(Timestamp(0), given).speed() - used).abs() < f64::EPSILON, "{given}");
        }
    }

    #[test]
    fn the_system_clock_is_past_the_epoch() {
        assert!(SystemClock.now() > Timestamp(1_700_000_000_000));
    }
}
