//! The one normaliser: AWS documents in, rows out. No clock, no network, no file.
//!
//! Live answers and imported files take the same path: [`Assembly::redact`], then [`Assembly::take`].
//! The same documents in the same order give the same rows.

mod about;
mod alarms;
mod bare;
mod coverage;
mod cross_checks;
mod definition;
mod delivered;
mod events;
mod fields;
mod lines;
mod log_group_id;
mod log_lists;
mod missing_choices;
mod missing_sources;
mod moment;
mod query_results;
mod reads;
mod redaction;
mod remarks;
mod remedies;
mod selector;
mod service;
mod sources;
mod streams;
mod target_groups;
mod task;
mod topology;

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::rollout::{Judged, Rollouts};
use casefile_evidence::tables::{ApiCallRow, ServiceDeploymentRow, SnapshotRow, SourceRow, TargetRow};
use casefile_evidence::{AnyRow, Timestamp};

use serde_json::{Map, Value};

use crate::document::{Document, Operation, Outcome};
use crate::redact::{Counts, Redactor};

pub use about::About;
pub use coverage::LOOKED_BACK_MS;
pub use fields::{account_of, short_name};
pub(crate) use log_group_id::{is_arn, log_group_parameter, log_group_region};
pub(crate) use log_lists::is_older;
pub use moment::latest_moment;
pub(crate) use moment::{first_stop, latest_of_aws};
pub use redaction::{Redacted, Redaction};
pub use remarks::Remarks;
pub use selector::{TaskChoice, TaskSelector};
pub use streams::{ExpectedStream, StreamNaming};
pub use target_groups::LoadBalancers;
pub use topology::{Seen, SeenContainer, SeenDeployment, SeenTask, SeenTaskContainer, service_arns_of, services_of};

use fields::Fields;
use sources::{Key, Ledger, Page};

/// What holds in the snapshot that is being read.
#[derive(Debug, Clone, Copy)]
struct Current {
    snapshot: i64,
    observed_at: Timestamp,
    documents: i64,
    assumed: bool,
}

/// Assembles rows from documents, snapshot by snapshot.
pub struct Assembly {
    about: About,
    redaction: Redaction,
    counts: Counts,
    /// The operations whose bare answers are stated to be whole.
    stated: BTreeSet<Operation>,
    seen: Seen,
    rollouts: Rollouts,
    ledger: Ledger,
    logs: coverage::Logs,
    reads: reads::Reads,
    /// The request of each Logs Insights query, by the query's id.
    queries: BTreeMap<String, Map<String, Value>>,
    /// Log lines so far, whatever reads have them.
    lines: i64,
    events: events::Events,
    delivered_tasks: delivered::DeliveredTasks,
    once: BTreeSet<(&'static str, String)>,
    service_deployment_rows: BTreeMap<String, ServiceDeploymentRow>,
    /// By what was asked of ListTasks.
    retention: BTreeMap<String, task::Retention>,
    listed: cross_checks::Listed,
    remarks: Remarks,
    rows: Vec<AnyRow>,
    sources: sources::Standing,
    current: Current,
    window: Option<(Timestamp, Timestamp)>,
    calls: i64,
}

impl Assembly {
    /// Begins with nothing seen.
    pub fn new(mut about: About, redactor: Redactor) -> Self {
        about.locate();
        Self {
            redaction: Redaction::new(redactor),
            counts: Counts::default(),
            stated: BTreeSet::new(),
            seen: Seen::default(),
            rollouts: Rollouts::new(about.expected.clone()),
            ledger: Ledger::default(),
            logs: coverage::Logs::default(),
            reads: reads::Reads::default(),
            queries: BTreeMap::new(),
            lines: 0,
            events: events::Events::default(),
            delivered_tasks: delivered::DeliveredTasks::default(),
            once: BTreeSet::new(),
            service_deployment_rows: BTreeMap::new(),
            retention: BTreeMap::new(),
            listed: cross_checks::Listed::default(),
            remarks: Remarks::default(),
            rows: Vec::new(),
            sources: sources::Standing::default(),
            current: Current { snapshot: -1, observed_at: Timestamp(0), documents: 0, assumed: false },
            window: None,
            calls: 0,
            about,
        }
    }

    /// Takes bare answers of these operations at their word: whoever made the recording states that each of them is the
    /// whole answer.
    pub fn state_complete(&mut self, operations: &[Operation]) {
        self.stated.extend(operations);
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
        self.rollouts.begin_snapshot(snapshot, observed_at);
        if snapshot == 0 {
            self.rows.extend(self.about.tasks.iter().map(|chosen| chosen.row(snapshot, observed_at).into()));
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
        if document.operation.is_of_lines() {
            return self.log_events(document);
        }
        let document = &document;
        match document.operation {
            Operation::StartQuery => self.query_started(document),
            Operation::DescribeServices => self.services(document),
            Operation::DescribeTaskSets => self.task_sets(document),
            Operation::ListServiceDeployments | Operation::DescribeServiceDeployments => {
                self.service_deployments(document);
            }
            Operation::DescribeServiceRevisions => self.service_revisions(document),
            Operation::DescribeTaskDefinition => self.task_definition(document),
            Operation::ListTasks => self.listed_tasks(document),
            Operation::EventBridge => self.delivered(document),
            Operation::DescribeTasks => self.tasks(document),
            Operation::DescribeTargetHealth => self.target_health(document),
            Operation::DescribeInstanceHealth => self.instance_health(document),
            Operation::DescribeAlarms => self.alarms(document),
            Operation::DescribeLogGroups => self.described_groups(document),
            Operation::DescribeLogStreams => self.log_streams(document),
            Operation::FilterLogEvents | Operation::GetLogEvents | Operation::GetQueryResults => {}
        }
    }

    /// Ends the snapshot: what was asked in it is accounted for.
    pub fn end_snapshot(&mut self) {
        let Current { snapshot, observed_at, documents, assumed } = self.current;
        self.rows.push(SnapshotRow { snapshot, observed_at, documents, assumed }.into());
        self.rows.extend(std::mem::take(&mut self.service_deployment_rows).into_values().map(AnyRow::from));
        self.take_delivered_tasks();
        self.contradict();
        let groups = self.target_groups();
        let due = groups.iter().map(|arn| Key::of_target_group(arn));
        let due = due.chain(self.classic_load_balancers().iter().map(|name| Key::of_classic(name)));
        let due = due.chain((!self.watched_alarms().is_empty()).then(Key::of_alarms)).collect();
        let unread = self.unread_streams();
        let mut asked = self.ledger.end_snapshot(snapshot, observed_at, &due);
        let judged = self.judged();
        self.cover_tasks_by_events(&judged, &mut asked);
        if let Some(needed) = judged.evidence_from {
            self.assume_the_shortest_retention(needed, &mut asked);
            for source in asked.iter_mut().filter(|source| source.remedy.is_none()) {
                source.remedy = self.remedy_of_cut(source, needed);
            }
        }
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

    fn record_sources(&mut self, sources: impl IntoIterator<Item = SourceRow>) {
        for source in sources {
            self.sources.record(&source);
            self.rows.push(source.into());
        }
    }

    /// The rows since the last call; the target's comes from [`Assembly::target`].
    pub fn drain(&mut self) -> Vec<AnyRow> {
        std::mem::take(&mut self.rows)
    }

    /// The last row of every source, as the ended snapshots left it.
    pub fn sources(&self) -> impl Iterator<Item = &SourceRow> {
        self.sources.last()
    }

    /// What was seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// How long a log line may take to arrive, in milliseconds.
    pub fn ingestion_grace_ms(&self) -> i64 {
        self.about.ingestion_grace_ms
    }

    /// The rollout that is judged, as far as it is known.
    pub fn judged(&self) -> Judged {
        self.rollouts.judged()
    }

    /// The rollouts that are known.
    pub fn rollouts(&self) -> &Rollouts {
        &self.rollouts
    }

    /// From when on evidence is needed: the first snapshot, where no rollout is known yet.
    fn evidence_from(&self, judged: &Judged) -> Option<Timestamp> {
        judged.evidence_from.or(self.rollouts.first_snapshot_at())
    }

    /// Whether a task is evidence: one of the judged rollout, or a one-off task of its time that was chosen.
    pub fn counts(&self, task: &SeenTask, judged: &Judged) -> bool {
        if task.selected_by.is_none() {
            return self.rollouts.owns(judged, task.origin());
        }
        let since = self.evidence_from(judged).map(|at| at.plus_millis(-task.since_ms.max(0)));
        task.created_at.zip(since).is_none_or(|(created_at, since)| created_at >= since)
    }

    /// The streams that the containers of the judged rollout's tasks and of the chosen one-off tasks write to, in order.
    pub fn expected_streams(&self) -> Vec<ExpectedStream> {
        let judged = self.judged();
        self.seen.expected_streams(|task| self.counts(task, &judged))
    }

    /// When the last task that counts ended; now, where one is stopping. `None` where none ended.
    pub fn last_end(&self) -> Option<Timestamp> {
        let judged = self.judged();
        let tasks = self.seen.tasks.values().filter(|task| self.counts(task, &judged));
        tasks.filter_map(|task| task.ended_at).max()
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
        let judged = self.judged().rollout;
        let expected = self.rollouts.expected().clone();
        let arn = self.seen.service_arn.clone();
        let (region, account) = arn.as_deref().map(topology::region_and_account).unwrap_or_default();
        TargetRow {
            service: self.about.service.clone(),
            cluster: self.about.cluster.clone(),
            region: self.about.region.clone().or(region),
            account: self.about.account.clone().or(account),
            service_arn: arn,
            expectation: if expected.name_the_release() { "pinned" } else { "newest" }.to_owned(),
            expected_task_definition: expected.task_definition,
            expected_service_deployment: expected.service_deployment,
            expected_deployment: expected.deployment,
            started_after: expected.started_after,
            require_rollout: expected.require_rollout.then_some(true),
            release: expected.release,
            expected_image_digests: (!expected.image_digests.is_empty()).then(|| expected.image_digests.join(" ")),
            service_deployment_arn: judged.service_deployment,
            deployment_id: judged.deployment,
            task_definition: judged.task_definition,
            deployment_created_at: judged.created_at,
            deployment_controller: self.seen.controller.clone().unwrap_or_else(|| "ECS".to_owned()),
            window_from: self.window.map(|(from, _)| from),
            window_to: self.window.map(|(_, to)| to),
            stop_reason: stop_reason.to_owned(),
            ingestion_grace_ms: self.about.ingestion_grace_ms,
            stable_for_ms: self.about.stable_for_ms,
        }
    }

    fn call(&mut self, document: &Document) {
        let Some(call) = &document.call else { return };
        let error_code = match &document.outcome {
            Outcome::Error(error) => Some(error.code.clone()),
            Outcome::Response(_) => None,
        };
        let row = ApiCallRow {
            at: call.at,
            seq: self.calls,
            operation: document.operation.name().to_owned(),
            status: call.status.map(i64::from),
            error_code,
            request_id: call.request_id.clone(),
            attempts: i64::from(call.attempts),
            milliseconds: i64::try_from(call.milliseconds).unwrap_or(i64::MAX),
            snapshot: self.current.snapshot,
        };
        self.calls += 1;
        self.rows.push(row.into());
    }

    /// Whether a thing that is kept once is new.
    fn is_new(&mut self, table: &'static str, id: &str) -> bool {
        self.once.insert((table, id.to_owned()))
    }

    /// Accounts for a document whose answer is whole where it does not say that more follows.
    fn account(&mut self, feeds: &'static str, document: &Document, rows: usize, problem: Option<String>) {
        self.account_for(Key::of(feeds, document), document, rows, problem);
    }

    fn account_for(&mut self, key: Key, document: &Document, rows: usize, problem: Option<String>) {
        let page = Page {
            rows,
            last: document.is_last_page(),
            problem,
            covered_to: Some(self.current.observed_at),
            ..Page::default()
        };
        self.ledger.page(key, document, page);
    }

    /// `failures[]` of a Describe answer, in words.
    fn failures(answer: Fields<'_>, remarks: &mut Remarks) -> Option<String> {
        let failures = answer.list("failures", remarks);
        let words: Vec<String> = failures
            .iter()
            .map(|failure| {
                let arn = failure.text("arn", remarks).unwrap_or_default();
                let reason = failure.text("reason", remarks).unwrap_or_default();
                format!("{arn}: {reason}")
            })
            .collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}
