//! How complete the evidence is: the calls, their results, and the time range in which each source is complete.

mod bare;
mod events;
mod ledger;
mod listed;
mod reads;
mod remedies;
mod streams;

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::tables::SourceRow;
use serde_json::{Map, Value};

use crate::document::Operation;

pub(crate) use bare::Shown;
pub(crate) use events::Events;
pub(crate) use ledger::{Bare, Key, Ledger, Page, Place, is_of_the_service, row};
pub(crate) use listed::{Listed, Retention, STOPPED_KEPT_MS};
pub(crate) use remedies::{describe_instance_health, describe_target_health};
pub use streams::LOOKED_BACK_MS;
pub(crate) use streams::{Logs, Names, QUERY, of_class};

/// How complete the evidence is.
#[derive(Debug, Default)]
pub struct Coverage {
    /// The calls of this snapshot and of those before it, with their results.
    pub(crate) ledger: Ledger,
    /// The last row of each source.
    pub(crate) standing: ledger::Standing,
    /// What lists named, and what was described of it.
    pub(crate) listed: Listed,
    /// How far back the lists of stopped tasks reach, by the parameters of ListTasks.
    pub(crate) retention: BTreeMap<String, Retention>,
    /// The service events that were seen, and how far back they reach.
    pub(crate) events: Events,
    /// How far the log streams were read.
    pub(crate) logs: Logs,
    /// The reads that pages of log lines belong to.
    pub(crate) reads: reads::Reads,
    /// The request of each Logs Insights query, by the query's id.
    pub(crate) queries: BTreeMap<String, Map<String, Value>>,
    /// The operations whose bare answers are stated to be whole.
    pub(crate) stated: BTreeSet<Operation>,
}

impl Coverage {
    /// The last row of every source, as the ended snapshots left it.
    pub fn sources(&self) -> impl Iterator<Item = &SourceRow> {
        self.standing.last()
    }

    /// How long a line of a stream took to arrive, at most, in milliseconds.
    pub fn lag_ms(&self, log_group: &str, log_stream: &str) -> i64 {
        self.logs.stream(log_group, log_stream).map_or(0, |stream| stream.lag_ms)
    }

    /// Whether AWS says that a stream has newer lines than were read.
    pub fn has_more(&self, log_group: &str, log_stream: &str) -> bool {
        let newest = self.logs.stream(log_group, log_stream).and_then(|stream| stream.newest);
        let claimed = self.logs.claims.get(&(log_group.to_owned(), log_stream.to_owned()));
        claimed.is_some_and(|claimed| Some(*claimed) > newest)
    }

    /// Whether the lines of a log group can be read, as far as its class is known.
    pub fn is_readable(&self, log_group: &str) -> bool {
        !self.logs.unreadable.contains_key(log_group)
    }
}
