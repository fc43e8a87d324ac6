//! The one normaliser: AWS documents in, rows out. No clock, no network, no file.
//!
//! Live answers and imported files take the same path: [`Assembly::redact`], then [`Assembly::take`].
//! The same documents in the same order give the same rows.
//!
//! A document adds three things (`documents`): its rows, which depend on nothing but the document (`rows`); what exists by
//! them (`topology`); and how far that is known (`coverage`). At the end of a snapshot, and of the collection, what exists
//! and what is known of it is compared with what there should be (`expectations`): the rest is a gap.

mod coverage;
mod documents;
mod expectations;
mod fields;
mod moment;
mod output;
mod redaction;
mod remarks;
mod rows;
mod topology;

use casefile_evidence::tables::{ApiCallRow, SnapshotRow, SourceRow, TargetRow};
use casefile_evidence::{AnyRow, Timestamp};

use crate::document::{Document, Operation, Outcome};
use crate::redact::{Counts, Redactor};

pub use coverage::{Coverage, LOOKED_BACK_MS};
pub(crate) use documents::is_older;
pub use fields::{account_of, short_name};
pub use moment::latest_moment;
pub(crate) use moment::{first_stop, latest_of_aws};
pub use redaction::{Redacted, Redaction};
pub use remarks::Remarks;
pub use topology::{
    About, ExpectedStream, LoadBalancers, SeenContainer, SeenDeployment, SeenTask, SeenTaskContainer, StreamNaming,
    TaskChoice, TaskSelector, Topology, service_arns_of, services_of,
};
pub(crate) use topology::{is_arn, log_group_parameter, log_group_region};

use expectations::Known;

/// The snapshot that is being read.
#[derive(Debug, Clone, Copy)]
struct Current {
    snapshot: i64,
    observed_at: Timestamp,
    documents: i64,
    assumed: bool,
}

/// Assembles rows from documents, snapshot by snapshot.
pub struct Assembly {
    redaction: Redaction,
    /// How often each redaction rule replaced something.
    counts: Counts,
    topology: Topology,
    coverage: Coverage,
    /// The tasks of this snapshot that events tell of.
    delivered_tasks: documents::DeliveredTasks,
    output: output::Output,
    remarks: Remarks,
    current: Current,
    /// The first and the last snapshot.
    window: Option<(Timestamp, Timestamp)>,
}

impl Assembly {
    /// Begins with nothing seen.
    pub fn new(about: About, redactor: Redactor) -> Self {
        Self {
            redaction: Redaction::new(redactor),
            counts: Counts::default(),
            topology: Topology::new(about),
            coverage: Coverage::default(),
            delivered_tasks: documents::DeliveredTasks::default(),
            output: output::Output::default(),
            remarks: Remarks::default(),
            current: Current { snapshot: -1, observed_at: Timestamp(0), documents: 0, assumed: false },
            window: None,
        }
    }

    /// Takes bare answers of these operations at their word: whoever made the recording states that each of them is the
    /// whole answer.
    pub fn state_complete(&mut self, operations: &[Operation]) {
        self.coverage.stated.extend(operations);
    }

    /// Adds to what could not be taken up, or was taken up otherwise than the recording says.
    pub(crate) fn remark(&mut self, origin: &str, remark: String) {
        self.remarks.add(origin, remark);
    }

    /// Begins the next snapshot. `assumed`: the moment was derived from the documents.
    pub fn begin_snapshot(&mut self, observed_at: Timestamp, assumed: bool) {
        self.current = Current { snapshot: self.current.snapshot + 1, observed_at, documents: 0, assumed };
        let from = self.window.map_or(observed_at, |(from, _)| from);
        self.window = Some((from, observed_at));
        let snapshot = self.current.snapshot;
        self.topology.rollouts_mut().begin_snapshot(snapshot, observed_at);
        if snapshot == 0 {
            for selector in self.topology.selectors() {
                self.output.push(selector.row(snapshot, observed_at));
            }
        }
    }

    /// Takes secrets out of a document, before anything else is done with it.
    pub fn redact(&mut self, document: Document) -> Redacted {
        let (document, counts) = self.redaction.redact(document);
        self.count(counts);
        document
    }

    /// What redacts, for use elsewhere: what it counts is to be handed to [`Assembly::count`].
    pub fn redaction(&self) -> Redaction {
        self.redaction.clone()
    }

    /// Adds to how often each redaction rule replaced something.
    pub fn count(&mut self, counts: Counts) {
        for (rule, count) in counts {
            *self.counts.entry(rule).or_default() += count;
        }
    }

    /// Takes up one document of the current snapshot. Documents that name things (services, tasks, task
    /// definitions) come before those that refer to them (logs): see [`Operation::ALL`].
    pub fn take(&mut self, document: Redacted) {
        let Redacted(document) = document;
        self.current.documents += 1;
        self.call(&document);
        self.document(document);
    }

    /// Ends the snapshot: what was asked in it is accounted for.
    pub fn end_snapshot(&mut self) {
        let Current { snapshot, observed_at, documents, assumed } = self.current;
        self.output.push(SnapshotRow { snapshot, observed_at, documents, assumed });
        self.output.end_snapshot();
        self.take_delivered_tasks();
        let known = self.known();
        let contradictions: Vec<_> = expectations::CONTRADICTIONS.iter().flat_map(|of| of(&known)).collect();
        let may_skip_tasks = expectations::all_listed_have_stopped(&known);
        let unread = expectations::unread_streams(&known);
        let due = expectations::due(&self.topology);
        for contradiction in contradictions {
            let doubted = |key: &coverage::Key| contradiction.of.has(key);
            self.coverage.ledger.doubt(doubted, &contradiction.problem, &contradiction.remedy);
        }
        let mut asked = self.coverage.ledger.end_snapshot(snapshot, observed_at, &due, may_skip_tasks);
        expectations::limit(&self.known(), &mut asked);
        self.coverage.listed.end_snapshot();
        self.record_sources(asked.into_iter().chain(unread));
    }

    /// Ends the collection: what should have been asked and never was becomes a gap.
    pub fn finish(&mut self) {
        let never_asked = self.never_asked();
        self.record_sources(never_asked);
    }

    /// The rows that come at the end only, as they would be if it were now.
    pub fn closing(&self, stop_reason: &str) -> Vec<AnyRow> {
        let never_asked = self.never_asked().into_iter().map(AnyRow::from);
        never_asked.chain([self.target(stop_reason).into()]).collect()
    }

    fn never_asked(&self) -> Vec<SourceRow> {
        let known = self.known();
        expectations::NEVER_ASKED.iter().flat_map(|of| of(&known)).collect()
    }

    fn known(&self) -> Known<'_> {
        Known { topology: &self.topology, coverage: &self.coverage, current: self.current }
    }

    fn record_sources(&mut self, sources: impl IntoIterator<Item = SourceRow>) {
        for source in sources {
            self.coverage.standing.record(&source);
            self.output.push(source);
        }
    }

    /// The rows since the last call; the target's comes from [`Assembly::target`].
    pub fn drain(&mut self) -> Vec<AnyRow> {
        self.output.drain()
    }

    /// What exists, as far as it is known.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// How far the evidence is known.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What could not be taken up.
    pub fn remarks(&self) -> &Remarks {
        &self.remarks
    }

    /// How often each redaction rule replaced something.
    pub fn redactions(&self) -> &Counts {
        &self.counts
    }

    /// Which key makes the pseudonyms of secrets, where they have any.
    pub fn pseudonym_key(&self) -> Option<&str> {
        self.redaction.redactor.key_id()
    }

    /// What the evidence is about, as far as it is known.
    pub fn target(&self, stop_reason: &str) -> TargetRow {
        self.topology.target(stop_reason, self.window)
    }

    fn call(&mut self, document: &Document) {
        let Some(call) = &document.call else { return };
        let error_code = match &document.outcome {
            Outcome::Error(error) => Some(error.code.clone()),
            Outcome::Response(_) => None,
        };
        let row = ApiCallRow {
            at: call.at,
            seq: self.output.calls,
            operation: document.operation.name().to_owned(),
            status: call.status.map(i64::from),
            error_code,
            request_id: call.request_id.clone(),
            attempts: i64::from(call.attempts),
            milliseconds: i64::try_from(call.milliseconds).unwrap_or(i64::MAX),
            snapshot: self.current.snapshot,
        };
        self.output.calls += 1;
        self.output.push(row);
    }
}
