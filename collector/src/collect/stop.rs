//! When a collection has seen enough.

use std::time::Duration;

use casefile_evidence::tables::{SourceRow, TargetRow};
use casefile_evidence::{AnyRow, Timestamp};
use futures::future::BoxFuture;

use crate::normalise::Seen;

/// Why a collection stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The rollout had ended, one way or the other, and nothing changed for a while.
    Settled,
    /// The verdict could no longer change for the better of waiting.
    Decided,
    /// The time was over.
    Timeout,
    /// Somebody stopped it.
    Interrupted,
}

impl StopReason {
    /// As `target.stop_reason` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Decided => "decided",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What is known after a poll.
#[derive(Debug)]
pub struct Polled<'a> {
    /// What the evidence is about.
    pub target: TargetRow,
    /// Every source so far.
    pub sources: &'a [SourceRow],
    /// What was seen.
    pub seen: &'a Seen,
    /// This moment.
    pub now: Timestamp,
}

/// Decides, poll by poll, whether to go on.
pub trait StopRule: Send {
    /// Sees every row as it is collected, except the target's.
    fn observe(&mut self, rows: &[AnyRow]);

    /// Says whether to stop. It may be cancelled; it is asked again after the next poll.
    fn after_poll<'a>(&'a mut self, polled: Polled<'a>) -> BoxFuture<'a, Option<StopReason>>;
}

/// Stops once the rollout has ended (completed, failed, or replaced by another) and stayed as it is.
#[derive(Debug)]
pub struct SettledRule {
    stable_for: Duration,
    state: Option<(String, Timestamp)>,
}

impl SettledRule {
    /// `stable_for`: how long the end must last.
    pub const fn new(stable_for: Duration) -> Self {
        Self { stable_for, state: None }
    }

    /// The state in which every rollout of the service has ended, where it has.
    fn ended(seen: &Seen, target: &TargetRow) -> Option<String> {
        let newest = seen.deployments.values().map(|deployment| deployment.snapshot).max()?;
        let current = seen.deployments.iter().filter(|(_, deployment)| deployment.snapshot == newest);
        let mut state = format!("{:?}", target.deployment_id);
        for (id, deployment) in current {
            let rolling = match deployment.rollout_state.as_deref() {
                Some("COMPLETED" | "FAILED" | "STEADY_STATE") => false,
                Some(_) => true,
                // A Classic Load Balancer's service has no rollout state: the counts tell.
                None => deployment.running != deployment.desired,
            };
            if rolling {
                return None;
            }
            state.push_str(&format!(" {id} {:?} {:?}", deployment.status, deployment.rollout_state));
        }
        Some(state)
    }
}

impl StopRule for SettledRule {
    fn observe(&mut self, _rows: &[AnyRow]) {}

    fn after_poll<'a>(&'a mut self, polled: Polled<'a>) -> BoxFuture<'a, Option<StopReason>> {
        let ended = Self::ended(polled.seen, &polled.target);
        let since = match (&ended, &self.state) {
            (Some(state), Some((before, since))) if state == before => *since,
            _ => polled.now,
        };
        let stable = i64::try_from(self.stable_for.as_millis()).unwrap_or(i64::MAX);
        let settled = ended.is_some() && polled.now.millis_since(since) >= stable;
        self.state = ended.map(|state| (state, since));
        Box::pin(std::future::ready(settled.then_some(StopReason::Settled)))
    }
}
