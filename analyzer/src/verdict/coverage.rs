//! Where evidence is missing: gaps, each with its cause and its remedy.
//!
//! A source is one thing that was asked; its last row says how it stands. Zero rows mean "there was
//! none" only where every source that a table is fed by is complete, was read to its end, and reaches
//! over the time that is judged.

mod lines;
mod task_log;

use casefile_evidence::Timestamp;
use casefile_evidence::tables::{self, ContainerDefinitionRow, ServiceRow, SourceRow, TargetRow};

use super::gap::{Gap, NOT_REACHED};
use crate::prepared::Prepared;
use crate::signature::{Pattern, Streams, is_log_group};
use crate::tables::{Task, Tasks};

/// The part of a table that a check needs. For log tables, the streams.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scope<'a> {
    /// One container's streams, and those whose container is not known.
    pub(crate) container: Option<&'a str>,
    /// The streams of one log group, including those whose writer is unknown.
    pub(crate) log_group: Option<&'a str>,
    /// The streams of the one-off tasks of a family, in place of the deployment's own.
    pub(crate) family: Option<&'a str>,
    /// Up to which moment. The end of the window where nothing is said.
    pub(crate) until: Option<Timestamp>,
}

impl<'a> Scope<'a> {
    /// The lines that a signature is about.
    pub(crate) fn of(pattern: &'a Pattern) -> Self {
        Self {
            container: pattern.container.as_deref(),
            log_group: pattern.log_group.as_deref(),
            family: pattern.family.as_deref(),
            until: None,
        }
    }
}

/// How every source stands.
#[derive(Debug, Clone)]
pub(crate) struct Coverage<'a> {
    latest: Vec<&'a SourceRow>,
    /// How often a task was described, as the sources count it; `None` during a collection, where only changes are kept.
    described: Option<i64>,
    target: &'a TargetRow,
    tasks: &'a Tasks,
    /// From when on evidence is needed.
    needed_from: Option<Timestamp>,
    /// How many load balancers the service has.
    load_balancers: i64,
    /// Whether ECS watches alarms during its deployments.
    watches_alarms: bool,
    definitions: &'a [ContainerDefinitionRow],
    streams: &'a Streams,
}

/// A stream that several tasks write to: its group and its name.
fn shared_stream<'a>(sources: impl Iterator<Item = &'a SourceRow>) -> Option<(&'a str, &'a str)> {
    let mut of_nobody = sources.filter(|source| source.task_id.is_none());
    of_nobody.find_map(|source| source.log_group.as_deref().zip(source.log_stream.as_deref()))
}

fn in_shared_stream(group: &str, stream: &str) -> String {
    format!("its lines may be in {group} {stream}, which several tasks write to: a line does not show its task")
}

/// The error code of a log source that is complete because there is nothing to read.
const NEVER_STARTED: &str = "casefile:NeverStarted";

const LOGS: [&str; 2] = ["log_streams", "log_events"];

impl<'a> Coverage<'a> {
    pub(crate) fn new(prepared: &'a Prepared) -> Self {
        Self {
            latest: tables::latest_sources(&prepared.sources).collect(),
            described: (!prepared.without_lines).then_some(prepared.described),
            target: &prepared.target,
            tasks: &prepared.tasks,
            needed_from: prepared.judged.evidence_from,
            load_balancers: prepared.service.as_ref().map_or(0, |service| service.load_balancers),
            watches_alarms: prepared.service.as_ref().is_some_and(watches_alarms),
            definitions: &prepared.definitions,
            streams: &prepared.matches.streams,
        }
    }

    /// The gaps of all of these tables, each once.
    pub(crate) fn gaps_of<'t>(&self, tables: impl IntoIterator<Item = &'t str>) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = tables.into_iter().flat_map(|table| self.gaps(table, Scope::default())).collect();
        gaps.sort();
        gaps.dedup();
        gaps
    }

    /// The gaps of a table, in the order of the sources.
    pub(crate) fn gaps(&self, table: &str, scope: Scope<'_>) -> Vec<Gap> {
        if table == "task_selectors" {
            // The selectors of one-off tasks come from the config and have no gaps; the selected tasks can have gaps.
            return self.standing_badly(|source| source.feeds == "tasks" && selects(source));
        }
        let Some(feeds) = tables::fed_by(table) else { return Vec::new() };
        if feeds == "task_sets" && self.target.deployment_controller == "ECS" {
            // Task sets are made by the CODE_DEPLOY and EXTERNAL controllers only.
            return Vec::new();
        }
        if matches!(feeds, "service_deployments" | "service_revisions") && self.target.deployment_controller != "ECS" {
            // And service deployments by the ECS controller only.
            return Vec::new();
        }
        if feeds == "target_health" && self.load_balancers == 0 || feeds == "alarms" && !self.watches_alarms {
            return Vec::new();
        }
        if feeds == "service_revisions" && self.has_no_service_deployment() {
            return Vec::new();
        }
        if LOGS.contains(&feeds) {
            return self.log_gaps(feeds, scope);
        }
        if !self.latest.iter().any(|source| source.feeds == feeds) {
            return vec![never_asked(table)];
        }
        let mut gaps = self.standing_badly(|source| source.feeds == feeds && !selects(source));
        gaps.extend(self.lost_tasks().filter(|_| feeds == "tasks"));
        if table == "deployments" {
            gaps.extend(self.unsure_rollout());
        }
        gaps
    }

    /// The newest rollout is known from the service deployments or, where one was rolled back, from the events. Without
    /// both
    /// another one may be judged in its place.
    fn unsure_rollout(&self) -> Vec<Gap> {
        let of = |table| self.gaps(table, Scope::default());
        let (services, events) = (of("service_deployments"), of("service_events"));
        if services.is_empty() || events.is_empty() { Vec::new() } else { [services, events].concat() }
    }

    /// Whether ECS lists no service deployment: it keeps them for 90 days. Then nothing names a service revision.
    fn has_no_service_deployment(&self) -> bool {
        let mut asked = self.latest.iter().filter(|source| source.feeds == "service_deployments").peekable();
        asked.peek().is_some() && asked.all(|source| source.status == "complete" && source.rows == 0)
    }

    fn standing_badly(&self, which: impl Fn(&SourceRow) -> bool) -> Vec<Gap> {
        self.latest.iter().filter(|source| which(source)).filter_map(|source| self.gap(source, None)).collect()
    }

    /// Every source that does not stand well.
    pub(crate) fn all_gaps(&self) -> Vec<Gap> {
        let mut gaps = self.standing_badly(|source| {
            // Without a group's retention none is assumed: nothing is missing for it.
            let of_one_off =
                || source.task_id.as_deref().and_then(|id| self.tasks.get(id)).is_some_and(|task| task.one_off);
            let of_lines = LOGS.contains(&source.feeds.as_str());
            source.feeds != "log_groups" && (!of_lines || self.counts(source, Scope::default()) || of_one_off())
        });
        gaps.extend(self.lost_lines(|_| true));
        gaps.extend(self.lost_tasks());
        gaps.sort();
        gaps.dedup();
        gaps
    }

    /// Whether a log source may hold lines that are judged.
    fn counts(&self, source: &SourceRow, scope: Scope<'_>) -> bool {
        let group = source.log_group.as_deref();
        if scope.log_group.zip(group).is_some_and(|(named, group)| !is_log_group(named, group)) {
            return false;
        }
        match source.task_id.as_deref().map(|id| self.tasks.get(id)) {
            Some(task) => task.is_some_and(|task| task.is_of(scope.family)),
            // The writer is unknown: in a group that a task definition names, the lines may be the rollout's.
            None => scope.log_group.is_some() || group.is_none_or(|group| self.is_named(group)),
        }
    }

    fn is_named(&self, group: &str) -> bool {
        self.definitions.is_empty()
            || self.definitions.iter().any(|definition| definition.log_group.as_deref() == Some(group))
    }

    fn log_sources<'b>(&'b self, feeds: &'b str, scope: Scope<'b>) -> impl Iterator<Item = &'a SourceRow> + 'b {
        self.latest.iter().copied().filter(move |source| {
            let of_container = scope.container.is_none()
                || source.container.is_none()
                || source.container.as_deref() == scope.container;
            source.feeds == feeds && self.counts(source, scope) && of_container
        })
    }

    fn log_gaps(&self, feeds: &str, scope: Scope<'_>) -> Vec<Gap> {
        let asked: Vec<&SourceRow> = self.log_sources(feeds, scope).collect();
        let until = scope.until.or(self.target.window_to);
        let mut gaps: Vec<Gap> = asked.iter().filter_map(|source| self.gap(source, until)).collect();
        if feeds == "log_events" {
            let is_asked = |stream: &(&str, &str)| {
                asked.iter().any(|source| {
                    (source.log_group.as_deref(), source.log_stream.as_deref()) == (Some(stream.0), Some(stream.1))
                })
            };
            gaps.extend(self.lost_lines(|stream| is_asked(stream)));
        }
        if scope.log_group.is_some() {
            if asked.is_empty() {
                gaps.push(never_read(scope));
            }
            return gaps;
        }
        // Of a group that was asked for as a whole, each stream's name tells whose it is. A stream that several tasks
        // write to does not: its lines count for a signature that names the group, and belong to no task here.
        let as_a_whole = asked.iter().any(|source| source.task_id.is_none() && source.log_stream.is_none());
        let shared = shared_stream(asked.iter().copied());
        let asked_for = |id: &str| asked.iter().any(|source| source.task_id.as_deref() == Some(id));
        let silent = self.tasks.all().filter(|(_, task)| task.is_of(scope.family) && task.started);
        for (id, _) in silent.filter(|(id, _)| !as_a_whole && !asked_for(id)) {
            let (error, remedy) = match shared {
                Some((group, stream)) => (
                    in_shared_stream(group, stream),
                    format!("set log_group = {group:?} in the signature: it then counts the lines of every task"),
                ),
                None => (
                    "nothing says where its log lines are, and none were asked for".to_owned(),
                    "collect its task definition, and the streams that its awslogs configuration names".to_owned(),
                ),
            };
            gaps.push(Gap {
                source: format!("log_events: the log lines of task {id}"),
                status: "never_asked".to_owned(),
                error,
                remedy,
            });
        }
        gaps
    }

    /// Tasks that were described, as the sources say, and are not there: one that failed may be among them.
    fn lost_tasks(&self) -> Option<Gap> {
        let sum = |of: fn(&Task) -> i64| self.tasks.all().map(|(_, task)| of(task)).sum::<i64>();
        let described = self.described?;
        let lost = described - sum(|task| task.snapshots);
        let lost_containers = sum(|task| task.lost_containers);
        let error = match (lost > 0, lost_containers > 0) {
            (true, _) => format!("{lost} of the {described} answers about a task are not in the evidence"),
            (false, true) => format!("{lost_containers} answers about a container are not in the evidence"),
            (false, false) => return None,
        };
        let remedy = "collect again, or take the evidence from where it is whole".to_owned();
        Some(Gap { source: "tasks: DescribeTasks".to_owned(), status: "partial".to_owned(), error, remedy })
    }

    /// Streams of which lines were collected that are not there.
    fn lost_lines(&self, which: impl Fn(&(&str, &str)) -> bool) -> Vec<Gap> {
        let streams = self.streams.iter().filter(|(group, stream, _)| which(&(group, stream)));
        let lost = streams.filter(|(.., lines)| lines.numbered > lines.lines);
        lost.map(|(group, stream, lines)| Gap {
            source: format!("log_events: GetLogEvents {group} {stream}"),
            status: "partial".to_owned(),
            error: format!("{} of its {} lines are not in the evidence", lines.numbered - lines.lines, lines.numbered),
            remedy: "collect again, or take the evidence from where it is whole".to_owned(),
        })
        .collect()
    }

    /// The gap at the end of a source, from its covered end to the needed moment.
    fn end_gap(&self, source: &SourceRow) -> Option<Gap> {
        self.gap(&SourceRow { covered_from: None, ..source.clone() }, self.target.window_to)
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
        if let (Some(from), Some(needed)) = (source.covered_from, self.needed_from)
            && from > needed
        {
            let error = format!("it reaches back to {from} only; it is needed from {needed}");
            let sooner = || "older ones are no longer kept: collect while the deployment runs".to_owned();
            return gap(error, source.remedy.clone().unwrap_or_else(sooner));
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
            return gap(format!("it was read up to {to} only; it is needed up to {until}"), again());
        }
        None
    }
}

/// Whether a source asked for one-off tasks: by a family, or by who started them.
fn selects(source: &SourceRow) -> bool {
    source.operation == "ListTasks"
        && ["\"family\":", "\"startedBy\":"].iter().any(|key| source.parameters.contains(key))
}

/// No stream of a log group that a signature names was read.
fn never_read(scope: Scope<'_>) -> Gap {
    let group = scope.log_group.unwrap_or_default();
    Gap {
        source: format!("log_events: log group {group}"),
        status: "never_asked".to_owned(),
        error: "none of its streams was read".to_owned(),
        remedy: format!("add {group:?} to [collect] log_groups, and grant logs:DescribeLogStreams on it"),
    }
}

fn watches_alarms(service: &ServiceRow) -> bool {
    let described: serde_json::Value = serde_json::from_str(&service.raw).unwrap_or_default();
    let alarms = &described["deploymentConfiguration"]["alarms"];
    alarms["enable"] == true && alarms["alarmNames"].as_array().is_some_and(|names| !names.is_empty())
}

fn never_asked(table: &str) -> Gap {
    Gap {
        source: table.to_owned(),
        status: "never_asked".to_owned(),
        error: "it was never asked for".to_owned(),
        remedy: format!("collect {table}, or add the document that holds it to the recording"),
    }
}

/// A source in words: the table, the operation, and the parameters.
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
