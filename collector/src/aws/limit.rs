//! How fast AWS may be asked: a token bucket for each of its own, shared by everything in this process.
//!
//! The quotas are those of the account and the region, and others live of them too: deployments, the console,
//! other pipelines. So only a share of each is used. What the SDK sends again after an error counts as well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use casefile_evidence::Timestamp;

use crate::clock::Clock;
use crate::document::Operation;

/// How fast AWS may be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Quotas {
    /// The share of each quota that is used, above 0 and at most 1. The rest is left to others.
    pub share: f64,
    /// Quotas of this account that differ from AWS's own, in calls a second.
    pub own: BTreeMap<Operation, f64>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { share: 0.5, own: BTreeMap::new() }
    }
}

/// A bucket of AWS's: calls a second that it sustains, and calls at once.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Quota {
    /// The operation that it is known by; others may share it.
    bucket: Operation,
    rate: f64,
    burst: f64,
}

/// AWS's own quotas ("Request throttling for the Amazon ECS API", "CloudWatch Logs quotas", "Request throttling for the
/// Elastic Load Balancing API": calls that change nothing have a bucket of 40 that refills by 10 a second; "CloudWatch service
/// quotas": DescribeAlarms 9 a second). Where AWS states no burst, it is what one second sustains.
fn quota(operation: Operation, region: &str) -> Quota {
    use Operation as Op;
    let quota = |bucket, rate, burst| Quota { bucket, rate, burst };
    match operation {
        // Events are delivered, and never asked for.
        Op::ListTasks | Op::DescribeTasks | Op::EventBridge => quota(Op::DescribeTasks, 20.0, 100.0),
        Op::DescribeServices | Op::DescribeTaskSets => quota(Op::DescribeServices, 20.0, 100.0),
        Op::ListServiceDeployments | Op::DescribeServiceDeployments | Op::DescribeServiceRevisions => {
            quota(Op::DescribeServiceDeployments, 20.0, 50.0)
        }
        Op::DescribeTaskDefinition => quota(Op::DescribeTaskDefinition, 20.0, 50.0),
        Op::DescribeTargetHealth => quota(Op::DescribeTargetHealth, 10.0, 40.0),
        Op::DescribeInstanceHealth => quota(Op::DescribeInstanceHealth, 10.0, 40.0),
        Op::DescribeAlarms => quota(Op::DescribeAlarms, 9.0, 9.0),
        Op::DescribeLogGroups => quota(Op::DescribeLogGroups, 10.0, 10.0),
        Op::DescribeLogStreams => quota(Op::DescribeLogStreams, 25.0, 25.0),
        Op::FilterLogEvents => {
            let rate = match region {
                "us-east-1" => 25.0,
                "eu-central-1" => 5.0,
                _ => 10.0,
            };
            quota(Op::FilterLogEvents, rate, rate)
        }
        Op::GetLogEvents => {
            let rate = match region {
                "us-west-2" | "eu-west-1" | "eu-central-1" => 10.0,
                "eu-west-3" => 30.0,
                _ => 25.0,
            };
            quota(Op::GetLogEvents, rate, rate)
        }
        Op::GetQueryResults => quota(Op::GetQueryResults, 5.0, 5.0),
        Op::StartQuery => quota(Op::StartQuery, 5.0, 5.0),
    }
}

impl Quotas {
    fn of(&self, operation: Operation, region: &str) -> Quota {
        let quota = quota(operation, region);
        let share = if self.share > 0.0 { self.share.min(1.0) } else { 1.0 };
        let own = self.own.get(&operation).or_else(|| self.own.get(&quota.bucket)).filter(|rate| **rate > 0.0);
        let rate = own.copied().unwrap_or(quota.rate);
        // A burst grows and shrinks with its quota; one call at once is always possible.
        let burst = (quota.burst * rate / quota.rate * share).max(1.0);
        Quota { rate: rate * share, burst, ..quota }
    }
}

/// The calls a second that are made of an operation at most, and how many at once.
pub fn share_of(quotas: &Quotas, operation: Operation, region: &str) -> (f64, f64) {
    let quota = quotas.of(operation, region);
    (quota.rate, quota.burst)
}

/// What is left in a bucket.
#[derive(Debug, Clone, Copy)]
struct Level {
    tokens: f64,
    at: Timestamp,
}

/// The buckets of a process.
#[derive(Debug)]
pub(super) struct Limiter {
    quotas: Quotas,
    clock: Arc<dyn Clock>,
    /// By region, for quotas are a region's.
    levels: Mutex<BTreeMap<(String, Operation), Level>>,
}

impl Limiter {
    pub(super) fn new(quotas: Quotas, clock: Arc<dyn Clock>) -> Self {
        Self { quotas, clock, levels: Mutex::default() }
    }

    pub(super) fn rate(&self, operation: Operation, region: &str) -> f64 {
        self.quotas.of(operation, region).rate
    }

    /// Takes a token, and says for how long it must be waited. It never refuses: who comes later waits longer.
    fn take(&self, quota: Quota, region: &str) -> Duration {
        let now = self.clock.now();
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Level { tokens: quota.burst, at: now };
        let level = levels.entry((region.to_owned(), quota.bucket)).or_insert(full);
        // A clock that was set back gives nothing.
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a collection")]
        let passed = now.millis_since(level.at).max(0) as f64 / 1000.0;
        level.tokens = (level.tokens + passed * quota.rate).min(quota.burst) - 1.0;
        level.at = now;
        if level.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(-level.tokens / quota.rate).unwrap_or(Duration::MAX)
    }
}

/// What calls of one operation count against.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    limiter: Arc<Limiter>,
    quota: Quota,
    region: String,
}

impl Budget {
    pub(super) fn new(limiter: &Arc<Limiter>, operation: Operation, region: &str) -> Self {
        let quota = limiter.quotas.of(operation, region);
        Self { limiter: Arc::clone(limiter), quota, region: region.to_owned() }
    }

    /// Waits until a call may be made.
    pub(super) async fn wait(&self) {
        let wait = self.limiter.take(self.quota, &self.region);
        if !wait.is_zero() {
            self.limiter.clock.sleep(wait).await;
        }
    }

    /// Counts a call that is made anyway.
    pub(super) fn spend(&self) {
        self.limiter.take(self.quota, &self.region);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;

    /// A clock that only waiting moves.
    #[derive(Debug, Default)]
    struct Waited(Mutex<i64>);

    impl Clock for Waited {
        fn now(&self) -> Timestamp {
            Timestamp(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) += millis + 1;
            std::future::ready(()).boxed()
        }
    }

    fn limiter(quotas: Quotas) -> (Arc<Limiter>, Arc<Waited>) {
        let clock = Arc::new(Waited::default());
        (Arc::new(Limiter::new(quotas, Arc::<Waited>::clone(&clock))), clock)
    }

    async fn calls(limiter: &Arc<Limiter>, operation: Operation, region: &str, times: u32) {
        for _ in 0..times {
            Budget::new(limiter, operation, region).wait().await;
        }
    }

    #[tokio::test]
    async fn half_of_a_quota_is_used_and_its_burst_first() {
        let (limiter, clock) = limiter(Quotas::default());
        calls(&limiter, Operation::ListTasks, "eu-west-1", 50).await;
        assert_eq!(clock.now(), Timestamp(0), "half of the burst of 100 is at hand");
        calls(&limiter, Operation::DescribeTasks, "eu-west-1", 100).await;
        let took = clock.now().as_millis();
        assert!((10_000..10_300).contains(&took), "100 more at 10 a second, in the same bucket: {took} ms");
        calls(&limiter, Operation::DescribeServices, "eu-west-1", 50).await;
        assert_eq!(clock.now().as_millis(), took, "another bucket is full");
    }

    #[tokio::test]
    async fn regions_differ_and_accounts_do() {
        let (limiter, clock) = limiter(Quotas { share: 1.0, own: [(Operation::GetLogEvents, 50.0)].into() });
        calls(&limiter, Operation::FilterLogEvents, "eu-central-1", 5).await;
        calls(&limiter, Operation::FilterLogEvents, "us-east-1", 25).await;
        calls(&limiter, Operation::GetLogEvents, "eu-west-1", 50).await;
        assert_eq!(clock.now(), Timestamp(0));
        calls(&limiter, Operation::FilterLogEvents, "eu-central-1", 1).await;
        assert!(clock.now() >= Timestamp(200));
    }

    #[tokio::test]
    async fn what_is_sent_again_is_waited_for_later() {
        let (limiter, clock) = limiter(Quotas { share: 1.0, own: [(Operation::FilterLogEvents, 1.0)].into() });
        let budget = Budget::new(&limiter, Operation::FilterLogEvents, "eu-west-1");
        budget.wait().await;
        budget.spend();
        budget.spend();
        budget.wait().await;
        assert!(clock.now() >= Timestamp(3000), "{}", clock.now());
    }

    #[test]
    fn no_share_and_no_quota_stop_everything() {
        for share in [0.0, -1.0, f64::NAN, 7.0] {
            let quotas = Quotas { share, own: [(Operation::GetLogEvents, 0.0)].into() };
            let (rate, burst) = share_of(&quotas, Operation::GetLogEvents, "eu-west-1");
            assert!(rate > 0.0 && rate <= 10.0 && burst >= 1.0, "{share}: {rate} {burst}");
        }
    }
}
