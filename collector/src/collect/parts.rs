//! What a collection is given, and what it says of how it goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use casefile_evidence::{BundleWriter, WriteError};

use super::StopRule;
use crate::aws::Aws;
use crate::clock::Clock;
use crate::normalise::Assembly;
use crate::recording::{RecordingError, RecordingWriter};
use crate::seal::Maker;

/// What a collection works with.
pub struct Parts<'a> {
    /// The connection.
    pub aws: Aws,
    /// Says when things were observed, and waits between polls.
    pub clock: Arc<dyn Clock>,
    /// How long, and how often.
    pub pace: Pace,
    /// How much of the logs is taken at most.
    pub budget: LogBudget,
    /// Whether Logs Insights reads the log groups that nothing else reads. It costs by the bytes that it scans.
    pub logs_insights: bool,
    /// What is asked for.
    pub named: Named,
    /// Turns documents into rows.
    pub assembly: Assembly,
    /// Takes the rows.
    pub writer: &'a mut BundleWriter,
    /// What the manifest says of the program and its config.
    pub maker: Maker,
    /// Keeps the documents, where they are to be kept.
    pub record: Option<&'a mut RecordingWriter>,
    /// Says when to stop.
    pub rule: &'a mut dyn StopRule,
}

/// What is asked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The service's name or ARN.
    pub service: String,
}

/// How long, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The collection ends this long after it began, whatever the rule says.
    pub timeout: Duration,
    /// From the beginning of one poll to the beginning of the next.
    pub poll: Duration,
    /// A poll that is under way when the time is up, or begins then, has so long to come to its end. Then it is cut, as by
    /// an interrupt: what it took up stays. This is real time, however fast the clock runs.
    pub overtime: Duration,
}

/// What [`Pace::overtime`] is in production.
pub const OVERTIME: Duration = Duration::from_secs(60);

/// How much of the logs is taken at most. What lies beyond is a gap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogBudget {
    /// Lines; any number where left out.
    pub lines: Option<u64>,
    /// Bytes of their messages.
    pub bytes: Option<u64>,
}

/// How the collection goes, after each poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The poll's number, from 1.
    pub poll: i64,
    /// `rolloutState` of the judged deployment.
    pub rollout_state: Option<String>,
    /// `runningCount` and `desiredCount` of the judged deployment.
    pub tasks: Option<(i64, i64)>,
    /// Log lines so far.
    pub log_lines: u64,
    /// Sources that are not complete, by the last answer of each.
    pub gaps: usize,
    /// Calls that AWS answered with an error in this poll: the operation and the code.
    pub errors: BTreeMap<String, String>,
    /// What the rule still waits for.
    pub awaited: Option<String>,
    /// What the rule says of the end that it decided on ([`Stop::told`](super::Stop::told)).
    pub told: Option<String>,
    /// How long it has been.
    pub elapsed: Duration,
    /// How long it may take.
    pub timeout: Duration,
}

/// Why nothing was collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// There is nothing to collect from.
    #[error("{problem}; {remedy}")]
    Target {
        /// What is wrong with the target or the credentials.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The bundle could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The recording could not be written.
    #[error("cannot write the recording: {0}")]
    Record(#[from] RecordingError),
}
