//! Sources that contradict each other: what one answer names, another should tell of.

use casefile_evidence::Timestamp;

use super::Known;
use crate::document::Operation;
use crate::normalise::coverage::{Key, STOPPED_KEPT_MS, is_of_the_service};
use crate::normalise::fields::short_name;

/// ECS is eventually consistent: so long after its event a started task is listed.
const LISTED_AFTER_MS: i64 = 10_000;

/// The completeness of a source that another one contradicts.
#[derive(Debug)]
pub(crate) struct Contradiction {
    pub(crate) of: Doubted,
    pub(crate) problem: String,
    pub(crate) remedy: String,
}

/// The sources that are in doubt.
#[derive(Debug)]
pub(crate) enum Doubted {
    /// All answers of an operation.
    Operation(Operation),
    /// The tasks, the one-off tasks included.
    Tasks,
    /// The service's own tasks.
    OwnTasks,
    /// The same, of DescribeTasks alone.
    OwnDescribedTasks,
    /// One source.
    Source(Key),
}

impl Doubted {
    pub(crate) fn has(&self, key: &Key) -> bool {
        match self {
            Self::Operation(operation) => key.operation == operation.name(),
            Self::Tasks => key.feeds == "tasks",
            Self::OwnTasks => key.feeds == "tasks" && is_of_the_service(&key.parameters),
            Self::OwnDescribedTasks => Self::Operation(Operation::DescribeTasks).has(key) && Self::OwnTasks.has(key),
            Self::Source(source) => key == source,
        }
    }
}

/// The contradictions of a snapshot, the most serious first: a source reports only the first that concerns it.
pub(crate) const CONTRADICTIONS: [fn(&Known<'_>) -> Vec<Contradiction>; 6] = [
    listed_tasks_are_described,
    ended_tasks_are_described,
    tasks_of_events_are_described,
    running_tasks_are_of_the_deployment,
    listed_service_deployments_are_described,
    listed_lines_are_read,
];

/// A task that has stopped does not change: it need not be described again.
pub(crate) fn all_listed_have_stopped(known: &Known<'_>) -> bool {
    known.coverage.listed.tasks.iter().all(|arn| known.topology.is_stopped(arn))
}

fn listed_tasks_are_described(known: &Known<'_>) -> Vec<Contradiction> {
    let listed = &known.coverage.listed;
    let due = listed.tasks.difference(&listed.described_tasks).filter(|arn| !known.topology.is_stopped(arn));
    let tasks: Vec<&str> = due.map(|arn| short_name(arn)).filter(|id| !listed.gone_tasks.contains(*id)).collect();
    undescribed_tasks(known, Doubted::Operation(Operation::DescribeTasks), "listed", &tasks)
}

/// Tasks that had not stopped by the last event about them: nothing says what became of them.
fn tasks_of_events_are_described(known: &Known<'_>) -> Vec<Contradiction> {
    let judged = known.topology.judged();
    let counts = |id: &&str| known.topology.tasks.get(*id).is_some_and(|task| known.topology.counts(task, &judged));
    let open: Vec<&str> = known.coverage.listed.open_tasks.iter().map(String::as_str).filter(counts).collect();
    undescribed_tasks(known, Doubted::Tasks, "running by their last event", &open)
}

/// Service events and the count of failed tasks say how many tasks of the judged rollout ended. If fewer were described, the
/// answers of DescribeTasks may be about the running tasks only.
fn ended_tasks_are_described(known: &Known<'_>) -> Vec<Contradiction> {
    let judged = known.topology.judged();
    let Some(ends_from) = judged.ends_from else { return Vec::new() };
    let were_described = known.coverage.ledger.has(|key| Doubted::OwnDescribedTasks.has(key));
    let of = if were_described { Doubted::OwnDescribedTasks } else { Doubted::OwnTasks };
    let kept = known.current.observed_at.plus_millis(-STOPPED_KEPT_MS);
    let mut started = started_and_undescribed(known, ends_from.max(kept));
    started.retain(|id| !known.coverage.listed.gone_tasks.contains(*id));
    if !started.is_empty() {
        return undescribed_tasks(known, of, "started according to service events", &started);
    }
    let stopped_were_listed = known.coverage.ledger.was_asked(|key| {
        key.operation == Operation::ListTasks.name() && key.parameter("desiredStatus").as_deref() == Some("STOPPED")
    });
    let deployment = judged.rollout.deployment.as_ref().filter(|_| !stopped_were_listed);
    let failed = deployment.and_then(|id| Some((id, known.topology.deployments.get(id)?.failed?)));
    let Some((id, failed)) = failed else { return Vec::new() };
    let own = known.topology.tasks.values().filter(|task| known.topology.is_of(task, &judged));
    let ended = own.filter(|task| task.ended_at.is_some()).count();
    if i64::try_from(ended).unwrap_or(i64::MAX) >= failed {
        return Vec::new();
    }
    let (cluster, service) = (known.topology.cluster(), &known.topology.about.service);
    vec![Contradiction {
        of,
        problem: format!("ECS counted {failed} failed tasks of {id}, and {ended} that ended were described"),
        remedy: format!(
            "aws ecs list-tasks --cluster {cluster} --service-name {service} --desired-status STOPPED, and describe-tasks"
        ),
    }]
}

/// Tasks that events name as started since a moment, and that no answer has described. A list may not have a task yet
/// that was started a moment before.
pub(crate) fn started_and_undescribed<'a>(known: &Known<'a>, since: Timestamp) -> Vec<&'a str> {
    let until = known.current.observed_at.plus_millis(-LISTED_AFTER_MS);
    let started = known.coverage.events.started.iter().filter(|(_, at)| **at >= since && **at <= until);
    started.map(|(id, _)| id.as_str()).filter(|id| !known.topology.tasks.contains_key(*id)).collect()
}

/// The judged deployment has tasks that run: one of those that were described should be one of it.
fn running_tasks_are_of_the_deployment(known: &Known<'_>) -> Vec<Contradiction> {
    let judged = known.topology.judged();
    let deployment = judged.rollout.deployment.as_ref();
    let running = deployment.and_then(|id| Some((id, known.topology.deployments.get(id)?.running?)));
    let Some((id, running)) = running.filter(|(_, running)| *running > 0) else { return Vec::new() };
    if known.topology.tasks.values().any(|task| known.topology.is_of(task, &judged)) {
        return Vec::new();
    }
    vec![Contradiction {
        of: Doubted::OwnTasks,
        problem: format!("{id} has {running} running tasks, and no task that was described is one of them"),
        remedy: "collect again: the tasks' startedBy should name the deployment".to_owned(),
    }]
}

fn listed_service_deployments_are_described(known: &Known<'_>) -> Vec<Contradiction> {
    let of = Doubted::Operation(Operation::DescribeServiceDeployments);
    undescribed_deployments(known).map(|(problem, remedy)| Contradiction { of, problem, remedy }).into_iter().collect()
}

/// Service deployments that were listed and not described, in words, with what to do about it.
pub(crate) fn undescribed_deployments(known: &Known<'_>) -> Option<(String, String)> {
    let arns: Vec<&str> = known.coverage.listed.undescribed_deployments.iter().map(String::as_str).collect();
    let remedy = format!("aws ecs describe-service-deployments --service-deployment-arns {}", some(&arns, " "));
    (!arns.is_empty()).then(|| (counted("service deployment", "listed", &arns), remedy))
}

/// DescribeLogStreams says up to when a stream has lines.
fn listed_lines_are_read(known: &Known<'_>) -> Vec<Contradiction> {
    let logs = &known.coverage.logs;
    let unread = logs.claims.iter().filter_map(|((log_group, log_stream), claimed)| {
        let key = Key::of_stream(log_group, log_stream);
        let (newest, until) =
            logs.stream(log_group, log_stream).map_or((None, None), |stream| (stream.newest, stream.until));
        let covered_from = known.coverage.ledger.covered_from(&key);
        let elsewhere =
            until.is_some_and(|until| *claimed >= until) || covered_from.is_some_and(|from| *claimed < from);
        if newest >= Some(*claimed) || elsewhere {
            return None;
        }
        let read = newest.map_or("nothing of it was read".to_owned(), |at| format!("it was read up to {at}"));
        Some(Contradiction {
            of: Doubted::Source(key),
            problem: format!("the stream has lines up to {claimed}, and {read}"),
            remedy: "collect again: lines are late, or were not asked for".to_owned(),
        })
    });
    unread.collect()
}

fn undescribed_tasks(known: &Known<'_>, of: Doubted, how: &str, tasks: &[&str]) -> Vec<Contradiction> {
    if tasks.is_empty() {
        return Vec::new();
    }
    let cluster = known.topology.cluster();
    let remedy = format!("aws ecs describe-tasks --cluster {cluster} --tasks {}", some(tasks, " "));
    vec![Contradiction { of, problem: counted("task", how, tasks), remedy }]
}

/// The first few, and how many more.
fn some(names: &[&str], between: &str) -> String {
    const FEW: usize = 5;
    let mut text = names.iter().take(FEW).copied().collect::<Vec<_>>().join(between);
    if names.len() > FEW {
        text.push_str(&format!(" (and {} more)", names.len() - FEW));
    }
    text
}

fn counted(what: &str, known: &str, names: &[&str]) -> String {
    let (plural, were) = if names.len() == 1 { ("", "was") } else { ("s", "were") };
    format!("{} {what}{plural} that {were} {known} {were} not described: {}", names.len(), some(names, ", "))
}
