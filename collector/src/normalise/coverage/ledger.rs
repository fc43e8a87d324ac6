//! The calls and their results: a row of `sources` for each source and snapshot.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;
use casefile_evidence::tables::SourceRow;
use serde_json::{Map, Value};

use super::remedies::remedy;
use crate::document::{ApiError, Document, Operation, Outcome};
use crate::normalise::topology::log_group_parameter;

/// What distinguishes one source from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) feeds: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) parameters: String,
}

/// Where a log source's lines come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) log_group: Option<String>,
    pub(crate) log_stream: Option<String>,
    pub(crate) container: Option<String>,
    pub(crate) task_id: Option<String>,
}

#[derive(Debug, Default)]
struct Progress {
    pages: i64,
    rows: i64,
    exhausted: bool,
    assumed: bool,
    /// Whether a document that says what was asked (or is stated to be whole) told of it.
    told: bool,
    /// What is not known, where bare pages of lines are all that there is.
    bare: Option<Bare>,
    /// By what was asked for: an answer for some says nothing of others.
    errors: BTreeMap<String, ApiError>,
    /// The operation of an error, where another one stands for the source.
    failed: Option<Operation>,
    problem: Option<String>,
    /// What can be done about the problem, where that is its own.
    remedy: Option<String>,
    covered_from: Option<Timestamp>,
    covered_to: Option<Timestamp>,
    place: Place,
}

/// What a bare page of log lines, and those before it, leave open.
#[derive(Debug, Clone)]
pub(crate) struct Bare {
    /// What is not known, unless the pages show that the stream was read to its end.
    pub(crate) gap: String,
    /// How the operator can mend it.
    pub(crate) remedy: String,
}

/// What one document adds to its source.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: usize,
    /// Whether this page is the source's last.
    pub(crate) last: bool,
    /// What is known to be incomplete although AWS answered.
    pub(crate) problem: Option<String>,
    pub(crate) covered_from: Option<Timestamp>,
    pub(crate) covered_to: Option<Timestamp>,
    pub(crate) place: Place,
    /// For a bare page of lines that is not stated to be whole. It shows its lines, and takes nothing from what other
    /// documents say of the source.
    pub(crate) bare: Option<Bare>,
}

/// The sources of a collection, snapshot by snapshot.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    current: BTreeMap<Key, Progress>,
    asked: BTreeSet<Key>,
}

/// How the sources stand, by their last rows.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    last: BTreeMap<(String, String, String), SourceRow>,
    /// Operations with answers that do not say what was asked.
    assumed: BTreeSet<String>,
    /// Whether a list of tasks named one.
    pub(crate) tasks_listed: bool,
}

impl Standing {
    pub(crate) fn record(&mut self, row: &SourceRow) {
        if row.assumed {
            self.assumed.insert(row.operation.clone());
        }
        self.tasks_listed |= row.operation == Operation::ListTasks.name() && row.rows > 0;
        let key = (row.feeds.clone(), row.operation.clone(), row.parameters.clone());
        let last = self.last.entry(key).or_insert_with(|| row.clone());
        if row > last {
            last.clone_from(row);
        }
    }

    pub(crate) fn last(&self) -> impl Iterator<Item = &SourceRow> {
        self.last.values()
    }

    pub(crate) fn was_assumed(&self, operation: Operation) -> bool {
        self.assumed.contains(operation.name())
    }
}

/// What is named of a request that names many: each batch is answered by itself.
fn batch(document: &Document) -> String {
    let named = match document.operation {
        Operation::DescribeTasks => "tasks",
        Operation::DescribeServiceDeployments => "serviceDeploymentArns",
        Operation::DescribeServiceRevisions => "serviceRevisionArns",
        Operation::DescribeAlarms => "AlarmNames",
        _ => return String::new(),
    };
    let request = document.request.as_ref().filter(|_| !document.assumed);
    request.and_then(|request| request.get(named)).map(Value::to_string).unwrap_or_default()
}

/// The request without what differs from page to page and from poll to poll.
fn parameters(operation: Operation, request: Option<&Map<String, Value>>) -> String {
    let dropped: &[&str] = match operation {
        Operation::DescribeTasks => &["tasks", "include"],
        Operation::DescribeServiceDeployments => &["serviceDeploymentArns"],
        Operation::DescribeServiceRevisions => &["serviceRevisionArns"],
        Operation::ListServiceDeployments => &["createdAt", "status"],
        Operation::DescribeTargetHealth => &["Include"],
        Operation::DescribeAlarms => &["AlarmNames", "AlarmTypes", "MaxRecords"],
        Operation::GetLogEvents | Operation::FilterLogEvents | Operation::GetQueryResults => {
            &["startTime", "endTime", "startFromHead", "interleaved", "logStreamNames"]
        }
        _ => &["include"],
    };
    let kept: Map<String, Value> = request
        .into_iter()
        .flatten()
        .filter(|(key, value)| {
            !value.is_null()
                && !dropped.contains(&key.as_str())
                && !matches!(key.as_str(), "nextToken" | "maxResults" | "limit")
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Value::Object(kept).to_string()
}

impl Key {
    pub(crate) fn of(feeds: &'static str, document: &Document) -> Self {
        Self {
            feeds,
            operation: document.operation.name(),
            parameters: parameters(document.operation, document.request.as_ref().filter(|_| !document.assumed)),
        }
    }

    /// The lines of one stream are one source, whichever of the two operations read them.
    pub(crate) fn of_stream(log_group: &str, log_stream: &str) -> Self {
        let group = log_group_parameter(log_group);
        Self::by(Operation::GetLogEvents, &serde_json::json!({ group: log_group, "logStreamName": log_stream }))
    }

    /// The health of all targets of a target group.
    pub(crate) fn of_target_group(arn: &str) -> Self {
        Self::by(Operation::DescribeTargetHealth, &serde_json::json!({ "TargetGroupArn": arn }))
    }

    /// The health of all instances of a Classic Load Balancer.
    pub(crate) fn of_classic(load_balancer: &str) -> Self {
        Self::by(Operation::DescribeInstanceHealth, &serde_json::json!({ "LoadBalancerName": load_balancer }))
    }

    /// The alarms that ECS watches.
    pub(crate) fn of_alarms() -> Self {
        Self::by(Operation::DescribeAlarms, &serde_json::json!({}))
    }

    pub(crate) fn by(operation: Operation, parameters: &Value) -> Self {
        Self { feeds: operation.feeds(), operation: operation.name(), parameters: parameters.to_string() }
    }

    /// The `desiredStatus` that ListTasks was asked for. RUNNING is what AWS takes where nothing is said.
    pub(crate) fn desired_status(&self) -> String {
        self.parameter("desiredStatus").unwrap_or_else(|| "RUNNING".to_owned())
    }

    /// A text that was asked for.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.parameters, name)
    }
}

fn parameter(parameters: &str, name: &str) -> Option<String> {
    let parameters: Value = serde_json::from_str(parameters).ok()?;
    parameters.get(name)?.as_str().map(str::to_owned)
}

/// Whether a source of tasks is about the service's tasks, and not about one-off tasks.
pub(crate) fn is_of_the_service(parameters: &str) -> bool {
    parameter(parameters, "family").or_else(|| parameter(parameters, "startedBy")).is_none()
}

impl Ledger {
    pub(crate) fn page(&mut self, key: Key, document: &Document, page: Page) {
        let progress = self.current.entry(key).or_default();
        progress.place = page.place;
        if let Some(bare) = page.bare {
            progress.pages += 1;
            progress.rows += i64::try_from(page.rows).unwrap_or(i64::MAX);
            if !progress.told {
                progress.exhausted = page.last;
                progress.assumed = page.last;
                progress.covered_from = page.covered_from;
                progress.covered_to = page.covered_to;
                progress.bare = Some(bare);
            }
            return;
        }
        progress.told = true;
        progress.assumed |= document.assumed;
        let batch = batch(document);
        match &document.outcome {
            Outcome::Error(error) => {
                progress.errors.insert(batch, error.clone());
                let of_a_query = matches!(document.operation, Operation::StartQuery | Operation::GetQueryResults);
                progress.failed = of_a_query.then_some(document.operation);
                progress.exhausted = false;
            }
            Outcome::Response(_) => {
                progress.pages += 1;
                progress.rows += i64::try_from(page.rows).unwrap_or(i64::MAX);
                // A bare answer does not say which page it is: one that says that more follows is not made whole by
                // another that does not. Of log lines, the last page knows of those before it.
                let one_of_many = document.assumed && !document.operation.is_of_lines() && progress.pages > 1;
                progress.exhausted = page.last && (!one_of_many || progress.exhausted);
                progress.problem = progress.problem.take().or(page.problem);
                progress.covered_from = page.covered_from;
                progress.covered_to = page.covered_to;
                // An answer after an error means that it was asked again, with success.
                progress.errors.remove(&batch);
            }
        }
    }

    /// Whether this source was ever asked, whatever came of it.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.asked.contains(key) || self.current.contains_key(key)
    }

    /// Whether such a source was ever asked, whatever came of it.
    pub(crate) fn was_asked(&self, accept: impl Fn(&Key) -> bool) -> bool {
        self.asked.iter().chain(self.current.keys()).any(accept)
    }

    /// Whether this snapshot has a source like that.
    pub(crate) fn has(&self, accept: impl Fn(&Key) -> bool) -> bool {
        self.current.keys().any(accept)
    }

    /// Takes back the completeness of sources of this snapshot, where nothing worse is known of them.
    pub(crate) fn doubt(&mut self, accept: impl Fn(&Key) -> bool, problem: &str, remedy: &str) {
        for (_, progress) in self.current.iter_mut().filter(|(key, _)| accept(key)) {
            if progress.errors.is_empty() && progress.problem.is_none() && progress.exhausted {
                progress.problem = Some(problem.to_owned());
                progress.remedy = Some(remedy.to_owned());
            }
        }
    }

    /// From when on a source of this snapshot is known.
    pub(crate) fn covered_from(&self, key: &Key) -> Option<Timestamp> {
        self.current.get(key)?.covered_from
    }

    /// Ends the snapshot: a row for each source that was asked in it, and for each source of a changing
    /// table that was asked before and not this time. `due`: the sources of the load balancers and alarms that the service
    /// has; others of their kind need not be asked again. `may_skip_tasks`: every task that is listed had stopped when it was
    /// described.
    pub(crate) fn end_snapshot(
        &mut self,
        snapshot: i64,
        observed_at: Timestamp,
        due: &BTreeSet<Key>,
        may_skip_tasks: bool,
    ) -> Vec<SourceRow> {
        let current = std::mem::take(&mut self.current);
        // What was listed is described; where the list is empty there is nothing to describe.
        let listed = |operation: &str| current.iter().any(|(key, came)| key.operation == operation && came.rows > 0);
        let changing = |key: &&Key| match key.operation {
            "DescribeServices" | "DescribeTaskSets" | "ListTasks" | "ListServiceDeployments" => true,
            "DescribeTasks" => listed("ListTasks") && !may_skip_tasks,
            "DescribeServiceDeployments" => listed("ListServiceDeployments"),
            "DescribeTargetHealth" | "DescribeInstanceHealth" | "DescribeAlarms" => due.contains(*key),
            _ => false,
        };
        let skipped =
            self.asked.iter().filter(changing).filter(|key| !current.contains_key(key)).map(|key| SourceRow {
                status: "not_attempted".to_owned(),
                error: Some("was not asked in this snapshot".to_owned()),
                remedy: Some("collect again: the last snapshot is not whole".to_owned()),
                ..row(key, snapshot, observed_at)
            });
        let mut rows: Vec<SourceRow> = skipped.collect();
        for (key, progress) in current {
            rows.push(progress.into_row(&key, snapshot, observed_at));
            self.asked.insert(key);
        }
        rows
    }
}

/// A row that says only what it is about.
pub(crate) fn row(key: &Key, snapshot: i64, observed_at: Timestamp) -> SourceRow {
    SourceRow {
        feeds: key.feeds.to_owned(),
        operation: key.operation.to_owned(),
        parameters: key.parameters.clone(),
        snapshot,
        observed_at,
        ..Default::default()
    }
}

impl Progress {
    fn into_row(self, key: &Key, snapshot: i64, observed_at: Timestamp) -> SourceRow {
        let Place { log_group, log_stream, container, task_id } = self.place;
        let (problem, by) = (self.problem.is_some(), self.failed);
        let failed = self.errors.into_values().next();
        let bare = self.bare.filter(|_| !self.told && !self.exhausted);
        let (status, error_code, error) = match (&failed, self.problem) {
            (Some(error), _) if self.pages > 0 => ("partial", Some(error.code.clone()), Some(error.message.clone())),
            (Some(error), _) => (error.status(), Some(error.code.clone()), Some(error.message.clone())),
            (None, Some(problem)) => ("partial", None, Some(problem)),
            (None, None) if self.exhausted => ("complete", None, None),
            (None, None) => {
                let gap = bare.as_ref().map_or("its last page was not read", |bare| &bare.gap);
                ("partial", None, Some(gap.to_owned()))
            }
        };
        let cut = failed.as_ref().is_some_and(|error| error.code == ApiError::TRUNCATED);
        let told = self.remedy.or(bare.map(|bare| bare.remedy)).filter(|_| failed.is_none());
        let told =
            told.or_else(|| cut.then(|| "raise [collect] max_lines and max_log_bytes, or leave them out".to_owned()));
        let remedy = (status != "complete")
            .then(|| told.unwrap_or_else(|| remedy(key, status, problem, log_group.as_deref(), by)));
        SourceRow {
            status: status.to_owned(),
            covered_from: self.covered_from,
            covered_to: self.covered_to,
            exhausted: self.exhausted,
            assumed: self.assumed,
            pages: self.pages,
            rows: self.rows,
            log_group,
            log_stream,
            container,
            task_id,
            error_code,
            error,
            remedy,
            ..row(key, snapshot, observed_at)
        }
    }
}
