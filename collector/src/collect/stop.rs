//! When a collection has seen enough.

use std::time::Duration;

use casefile_evidence::tables::TargetRow;
use casefile_evidence::{AnyRow, Timestamp};
use futures::future::BoxFuture;

use crate::normalise::Topology;
use crate::stop_reason::StopReason;

/// The end of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
    /// What to say at once, where the closing poll is still to come.
    pub told: Option<String>,
    /// The closing poll is not made before this moment, by AWS's clock; at once where nothing is said. The timeout and an
    /// interrupt end the wait.
    pub not_before: Option<Timestamp>,
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        Self { reason, told: None, not_before: None }
    }
}

/// What is known after a poll.
#[derive(Debug)]
pub struct Polled<'a> {
    /// What the evidence is about.
    pub target: TargetRow,
    /// What exists, as far as it is known.
    pub topology: &'a Topology,
    /// This moment.
    pub now: Timestamp,
}

impl Polled<'_> {
    /// When the last lines of the tasks that ended have arrived, where that is still to come.
    pub fn lines_until(&self) -> Option<Timestamp> {
        let until = self.topology.last_end()?.plus_millis(self.target.ingestion_grace_ms);
        (until > self.now).then_some(until)
    }
}

/// Decides, poll by poll, whether to go on.
pub trait StopRule: Send {
    /// Sees every row as it is collected, except the target's. A line that several reads have comes once, but for very late
    /// ones.
    fn observe(&mut self, row: &AnyRow);

    /// Says whether to stop, and when to look for the last time. It may be cancelled. It is asked again after the next
    /// poll, and no more once it has said stop.
    fn after_poll<'a>(&'a mut self, polled: Polled<'a>) -> BoxFuture<'a, Option<Stop>>;

    /// What the collection still waits for, after a poll that did not end it, e.g. `the rollout to end`.
    fn awaited(&self) -> Option<String> {
        None
    }
}

/// Stops once the rollout has ended (completed, failed, or replaced by another) and stayed as it is. The closing poll
/// waits for the last lines of a task that ended just before.
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
    fn ended(topology: &Topology, target: &TargetRow) -> Option<String> {
        let mut current = topology.listed_last().peekable();
        current.peek()?;
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
    fn observe(&mut self, _row: &AnyRow) {}

    fn after_poll<'a>(&'a mut self, polled: Polled<'a>) -> BoxFuture<'a, Option<Stop>> {
        let ended = Self::ended(polled.topology, &polled.target);
        let since = match (&ended, &self.state) {
            (Some(state), Some((before, since))) if state == before => *since,
            _ => polled.now,
        };
        let stable = i64::try_from(self.stable_for.as_millis()).unwrap_or(i64::MAX);
        let settled = ended.is_some() && polled.now.millis_since(since) >= stable;
        self.state = ended.map(|state| (state, since));
        let stop = Stop { reason: StopReason::Settled, told: None, not_before: polled.lines_until() };
        Box::pin(std::future::ready(settled.then_some(stop)))
    }

    fn awaited(&self) -> Option<String> {
        let of_end = || format!("{} s without a change", self.stable_for.as_secs());
        Some(self.state.as_ref().map_or_else(|| "the rollout to end".to_owned(), |_| of_end()))
    }
}
