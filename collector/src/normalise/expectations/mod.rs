//! What the evidence should tell of, by what it tells already. What does not come is a gap, never good news.
//!
//! Pure functions of what is known. At the end of a snapshot, [`CONTRADICTIONS`] take back the completeness of sources that
//! others contradict, and [`unread_streams`] are gaps; at the end of the collection, [`NEVER_ASKED`] are.

mod calls;
mod choices;
mod contradictions;
mod load_balancers;
mod reach;
mod streams;

use casefile_evidence::tables::SourceRow;

use super::Current;
use super::coverage::{self, Coverage, Key, Place};
use super::topology::Topology;

pub(crate) use contradictions::{CONTRADICTIONS, all_listed_have_stopped};
pub(crate) use load_balancers::due;
pub(crate) use reach::limit;
pub(crate) use streams::unread_streams;

/// What is known at the end of a snapshot.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) coverage: &'a Coverage,
    pub(crate) current: Current,
}

/// The sources that should have been asked and never were, each with what to do about it.
pub(crate) const NEVER_ASKED: [fn(&Known<'_>) -> Vec<SourceRow>; 11] = [
    calls::not_called,
    calls::tasks_not_listed,
    calls::task_definition_not_described,
    calls::service_deployments_not_described,
    load_balancers::targets_not_asked,
    load_balancers::alarms_not_asked,
    choices::tasks_not_listed,
    choices::log_groups_not_read,
    choices::streams_not_read,
    streams::other_log_drivers,
    streams::none_known,
];

impl Known<'_> {
    /// A source that has no answer.
    fn gap(&self, key: &Key, status: &str, error: String, remedy: String) -> SourceRow {
        let row = coverage::row(key, self.current.snapshot, self.current.observed_at);
        SourceRow { status: status.to_owned(), error: Some(error), remedy: Some(remedy), ..row }
    }

    /// A source of log lines that has no answer.
    fn gap_at(&self, key: &Key, place: Place, status: &str, (error, remedy): (String, String)) -> SourceRow {
        let Place { log_group, log_stream, container, task_id } = place;
        SourceRow { log_group, log_stream, container, task_id, ..self.gap(key, status, error, remedy) }
    }
}
