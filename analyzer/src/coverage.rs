//! Where evidence is missing: gaps, each with its cause and its remedy.
//!
//! A source is one thing that was asked; its last row says how it stands. Zero rows mean "there was
//! none" only where every source that a table is fed by is complete, was read to its end, and reaches
//! over the time that is judged.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;
use casefile_evidence::tables::{self, SourceRow, TargetRow};
use serde::{Deserialize, Serialize};

use crate::tasks::Tasks;

/// Evidence that is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// What was asked, or should have been.
    pub source: String,
    /// The status of the source (`denied`, `partial`, ...), or `never_asked`.
    pub status: String,
    /// What went wrong.
    pub error: String,
    /// How to get it.
    pub remedy: String,
}

/// Gaps in a sentence: the first, and how many more. What AWS said is in the gap itself.
pub(crate) fn missing(gaps: &[Gap]) -> String {
    let told = |gap: &Gap| match gap.status.as_str() {
        status @ ("denied" | "throttled" | "timeout") => format!("{} ({status})", gap.source),
        _ => format!("{}: {}", gap.source, gap.error),
    };
    match gaps {
        [] => "the evidence does not tell".to_owned(),
        [gap] => told(gap),
        [gap, _] => format!("{}, and one more gap", told(gap)),
        [gap, more @ ..] => format!("{}, and {} more gaps", told(gap), more.len()),
    }
}

/// What a check needs of a table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scope<'a> {
    /// Of log tables: one container's streams, and those whose container is not known.
    pub(crate) container: Option<&'a str>,
    /// Of log tables: up to which moment. The end of the window where nothing is said.
    pub(crate) until: Option<Timestamp>,
}

/// How every source stands.
#[derive(Debug, Clone)]
pub(crate) struct Coverage<'a> {
    latest: Vec<&'a SourceRow>,
    target: &'a TargetRow,
    tasks: &'a Tasks,
}

/// The error code of a log source that is complete because there is nothing to read.
const NEVER_STARTED: &str = "casefile:NeverStarted";

const LOGS: [&str; 2] = ["log_streams", "log_events"];

impl<'a> Coverage<'a> {
    pub(crate) fn new(sources: &'a [SourceRow], target: &'a TargetRow, tasks: &'a Tasks) -> Self {
        let mut latest: BTreeMap<(&str, &str, &str), &SourceRow> = BTreeMap::new();
        for source in sources {
            let key = (source.feeds.as_str(), source.operation.as_str(), source.parameters.as_str());
            let newest = latest.entry(key).or_insert(source);
            if (source.snapshot, source) > (newest.snapshot, newest) {
                *newest = source;
            }
        }
        Self { latest: latest.into_values().collect(), target, tasks }
    }

    /// What is missing of a table, in the order of the sources.
    pub(crate) fn gaps(&self, table: &str, scope: Scope<'_>) -> Vec<Gap> {
        let Some(feeds) = tables::fed_by(table) else { return Vec::new() };
        if feeds == "task_sets" && self.target.deployment_controller == "ECS" {
            // Task sets are made by the CODE_DEPLOY and EXTERNAL controllers only.
            return Vec::new();
        }
        if LOGS.contains(&feeds) {
            return self.log_gaps(feeds, scope);
        }
        let asked: Vec<&SourceRow> = self.latest.iter().copied().filter(|source| source.feeds == feeds).collect();
        if asked.is_empty() {
            return vec![never_asked(table)];
        }
        asked.into_iter().filter_map(|source| self.gap(source, None)).collect()
    }

    /// Whether the log of any container that is judged was read. A container that never started has none
    /// to read, and its silence is no good news.
    pub(crate) fn logs_were_read(&self, container: Option<&str>) -> bool {
        self.log_sources("log_events", container).any(|source| source.error_code.as_deref() != Some(NEVER_STARTED))
    }

    /// Every source that does not stand well.
    pub(crate) fn all_gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = self
            .latest
            .iter()
            .filter(|source| !LOGS.contains(&source.feeds.as_str()) || self.counts(source))
            .filter_map(|source| self.gap(source, None))
            .collect();
        gaps.sort();
        gaps.dedup();
        gaps
    }

    /// Whether a log source may hold lines that are judged.
    fn counts(&self, source: &SourceRow) -> bool {
        source.task_id.is_none() || self.tasks.is_judged(source.task_id.as_deref())
    }

    fn log_sources<'b>(
        &'b self,
        feeds: &'b str,
        container: Option<&'b str>,
    ) -> impl Iterator<Item = &'a SourceRow> + 'b {
        self.latest.iter().copied().filter(move |source| {
            let of_container =
                container.is_none() || source.container.is_none() || source.container.as_deref() == container;
            source.feeds == feeds && self.counts(source) && of_container
        })
    }

    fn log_gaps(&self, feeds: &str, scope: Scope<'_>) -> Vec<Gap> {
        let asked: Vec<&SourceRow> = self.log_sources(feeds, scope.container).collect();
        let until = scope.until.or(self.target.window_to);
        let mut gaps: Vec<Gap> = asked.iter().filter_map(|source| self.gap(source, until)).collect();
        let unattributed = asked.iter().any(|source| source.task_id.is_none());
        let asked_for = |id: &str| asked.iter().any(|source| source.task_id.as_deref() == Some(id));
        for (id, _) in self.tasks.judged().filter(|(id, task)| task.started && !unattributed && !asked_for(id)) {
            gaps.push(Gap {
                source: format!("log_events: the log lines of task {id}"),
                status: "never_asked".to_owned(),
                error: "nothing says where its log lines are, and none were asked for".to_owned(),
                remedy: "collect its task definition, and the streams that its awslogs configuration names".to_owned(),
            });
        }
        gaps
    }

    fn gap(&self, source: &SourceRow, until: Option<Timestamp>) -> Option<Gap> {
        let gap = |error: String, remedy: String| {
            let status = if source.status == "complete" { "partial" } else { &source.status };
            Some(Gap { source: describe(source), status: status.to_owned(), error, remedy })
        };
        let again = || source.remedy.clone().unwrap_or_else(|| "collect again".to_owned());
        if source.status != "complete" {
            let error = match (&source.error_code, &source.error) {
                (Some(code), Some(error)) if !error.is_empty() => format!("{code}: {error}"),
                (Some(code), _) => code.clone(),
                (None, Some(error)) => error.clone(),
                (None, None) => format!("it is {}", source.status),
            };
            return gap(error, again());
        }
        if !source.exhausted {
            return gap("not every page was read".to_owned(), again());
        }
        let needed = self.target.deployment_created_at;
        if let (Some(from), Some(needed)) = (source.covered_from, needed)
            && from > needed
        {
            let error = format!("it reaches back to {from} only, and the deployment was created at {needed}");
            return gap(error, "what is older was forgotten: collect while the deployment runs".to_owned());
        }
        // A task that stopped writes no more, once its last lines have arrived.
        let stopped = source.task_id.as_deref().and_then(|id| self.tasks.get(id)).and_then(|task| task.stopped_at);
        let until = match (until, stopped) {
            (Some(until), Some(stopped)) => Some(until.min(stopped.plus_millis(self.target.ingestion_grace_ms))),
            (until, _) => until,
        };
        let until = until.map(|until| self.target.window_to.map_or(until, |end| until.min(end)));
        // Without a bound, nothing more can come.
        if let (Some(to), Some(until)) = (source.covered_to, until)
            && to < until
        {
            return gap(format!("it was read up to {to} only, and {until} is needed"), again());
        }
        None
    }
}

fn never_asked(table: &str) -> Gap {
    Gap {
        source: table.to_owned(),
        status: "never_asked".to_owned(),
        error: "it was never asked for".to_owned(),
        remedy: format!("collect {table}, or add the document that holds it to the recording"),
    }
}

/// A source in words: the table, the operation, and what was asked of it.
fn describe(source: &SourceRow) -> String {
    let place = match (&source.log_group, &source.log_stream) {
        (Some(group), Some(stream)) => format!("{group} {stream}"),
        (Some(group), None) => group.clone(),
        _ => match source.parameters.as_str() {
            "" | "{}" | "null" => String::new(),
            parameters => parameters.to_owned(),
        },
    };
    let text = format!("{}: {} {place}", source.feeds, source.operation);
    text.trim_end().to_owned()
}
