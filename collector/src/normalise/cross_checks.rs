//! Coverage that contradicts itself: what one answer names, another should tell of. Silence about it is a gap.

use std::collections::BTreeSet;

use casefile_evidence::Timestamp;
use casefile_evidence::tables::SourceRow;

use super::Assembly;
use super::fields::short_name;
use super::sources::{Key, is_of_the_service};
use super::task::STOPPED_KEPT_MS;
use crate::document::Operation;

/// What was named in lists.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Tasks, in this snapshot.
    pub(super) tasks: BTreeSet<String>,
    /// Tasks that were described in this snapshot.
    pub(super) described_tasks: BTreeSet<String>,
    /// Tasks of which this snapshot says that they are not there, by id.
    pub(super) gone_tasks: BTreeSet<String>,
    /// Targets that have a row in this snapshot: target group, id, port.
    pub(super) targets: BTreeSet<(Option<String>, String, Option<i64>)>,
    /// Service deployments that no answer has described yet.
    pub(super) undescribed_deployments: BTreeSet<String>,
    /// Service deployments that were described.
    pub(super) described_deployments: BTreeSet<String>,
}

impl Listed {
    pub(super) fn deployment(&mut self, arn: &str, operation: Operation) {
        if operation == Operation::DescribeServiceDeployments {
            self.undescribed_deployments.remove(arn);
            self.described_deployments.insert(arn.to_owned());
        } else if !self.described_deployments.contains(arn) {
            self.undescribed_deployments.insert(arn.to_owned());
        }
    }
}

impl Assembly {
    /// Takes back the completeness of sources that others contradict, at the end of a snapshot.
    pub(super) fn contradict(&mut self) {
        let listed = std::mem::take(&mut self.listed.tasks);
        let described = std::mem::take(&mut self.listed.described_tasks);
        let gone = std::mem::take(&mut self.listed.gone_tasks);
        self.listed.targets.clear();
        // A task that has stopped does not change: it need not be described again.
        self.ledger.may_skip_tasks = listed.iter().all(|arn| self.seen.is_stopped(arn));
        let due = listed.iter().filter(|arn| !described.contains(*arn) && !self.seen.is_stopped(arn));
        let tasks: Vec<&str> = due.map(|arn| short_name(arn)).filter(|id| !gone.contains(*id)).collect();
        if !tasks.is_empty() {
            let cluster = self.about.cluster.as_deref().unwrap_or("CLUSTER");
            let remedy = format!("aws ecs describe-tasks --cluster {cluster} --tasks {}", some(&tasks, " "));
            let problem = counted("task", "listed", &tasks);
            self.ledger.doubt(|key| key.operation == Operation::DescribeTasks.name(), &problem, &remedy);
        }
        let own = |key: &Key| key.feeds == "tasks" && is_of_the_service(&key.parameters);
        if let Some((problem, remedy)) = self.unseen_ends() {
            let described = |key: &Key| own(key) && key.operation == Operation::DescribeTasks.name();
            if !self.ledger.doubt(described, &problem, &remedy) {
                self.ledger.doubt(own, &problem, &remedy);
            }
        }
        let open = self.open_by_events();
        if !open.is_empty() {
            let cluster = self.about.cluster.as_deref().unwrap_or("CLUSTER");
            let remedy = format!("aws ecs describe-tasks --cluster {cluster} --tasks {}", some(&open, " "));
            let problem = counted("task", "running by their last event", &open);
            self.ledger.doubt(|key| key.feeds == "tasks", &problem, &remedy);
        }
        if let Some(problem) = self.strangers() {
            let remedy = "collect again: the tasks' startedBy should name the deployment";
            self.ledger.doubt(own, &problem, remedy);
        }
        if let Some((problem, remedy)) = self.undescribed_deployments() {
            self.ledger.doubt(|key| key.operation == Operation::DescribeServiceDeployments.name(), &problem, &remedy);
        }
        for ((log_group, log_stream), claimed) in &self.logs.claims {
            let key = Key::of_stream(log_group, log_stream);
            let (newest, until) =
                self.logs.stream(log_group, log_stream).map_or((None, None), |stream| (stream.newest, stream.until));
            let covered_from = self.ledger.covered_from(&key);
            let elsewhere =
                until.is_some_and(|until| *claimed >= until) || covered_from.is_some_and(|from| *claimed < from);
            if newest >= Some(*claimed) || elsewhere {
                continue;
            }
            let read = newest.map_or("nothing of it was read".to_owned(), |at| format!("it was read up to {at}"));
            let problem = format!("the stream has lines up to {claimed}, and {read}");
            self.ledger.doubt(|asked| *asked == key, &problem, "collect again: lines are late, or were not asked for");
        }
    }

    /// Tasks of the judged rollout that ended, as other answers say, and that no answer about tasks told of: a bare
    /// answer may be about the running ones alone.
    fn unseen_ends(&self) -> Option<(String, String)> {
        let judged = self.judged();
        let kept = self.current.observed_at.plus_millis(-STOPPED_KEPT_MS);
        let mut undescribed = self.started_and_undescribed(judged.ends_from?.max(kept));
        undescribed.retain(|id| !self.listed.gone_tasks.contains(*id));
        let (cluster, service) = (self.about.cluster.as_deref().unwrap_or("CLUSTER"), &self.about.service);
        if !undescribed.is_empty() {
            let remedy = format!("aws ecs describe-tasks --cluster {cluster} --tasks {}", some(&undescribed, " "));
            return Some((counted("task", "started according to service events", &undescribed), remedy));
        }
        let stopped_were_listed = self.ledger.was_asked(|key| {
            key.operation == Operation::ListTasks.name() && key.parameter("desiredStatus").as_deref() == Some("STOPPED")
        });
        let id = judged.rollout.deployment.as_deref().filter(|_| !stopped_were_listed)?;
        let failed = self.seen.deployments.get(id)?.failed?;
        let own = self.seen.tasks.values().filter(|task| self.rollouts.owns(&judged, task.origin()));
        let ended = own.filter(|task| task.ended_at.is_some()).count();
        let remedy = format!(
            "aws ecs list-tasks --cluster {cluster} --service-name {service} --desired-status STOPPED, and describe-tasks"
        );
        (i64::try_from(ended).unwrap_or(i64::MAX) < failed).then(|| {
            (format!("ECS counted {failed} failed tasks of {id}, and {ended} that ended were described"), remedy)
        })
    }

    /// The judged deployment has tasks that run, and no task that was described is one of it.
    fn strangers(&self) -> Option<String> {
        let judged = self.judged();
        let id = judged.rollout.deployment.as_deref()?;
        let running = self.seen.deployments.get(id)?.running.filter(|running| *running > 0)?;
        let known = self.seen.tasks.values().any(|task| self.rollouts.owns(&judged, task.origin()));
        (!known).then(|| format!("{id} has {running} running tasks, and no task that was described is one of them"))
    }

    fn undescribed_deployments(&self) -> Option<(String, String)> {
        let arns: Vec<&str> = self.listed.undescribed_deployments.iter().map(String::as_str).collect();
        let remedy = format!("aws ecs describe-service-deployments --service-deployment-arns {}", some(&arns, " "));
        (!arns.is_empty()).then(|| (counted("service deployment", "listed", &arns), remedy))
    }

    /// Service deployments that were listed, where nothing was ever described.
    pub(super) fn never_described(&self) -> Option<SourceRow> {
        let operation = Operation::DescribeServiceDeployments;
        let (problem, remedy) = self.undescribed_deployments()?;
        if self.ledger.was_asked(|key| key.operation == operation.name()) {
            return None;
        }
        let key = Key { feeds: operation.feeds(), operation: operation.name(), parameters: "{}".to_owned() };
        Some(SourceRow { status: "missing".to_owned(), error: Some(problem), remedy: Some(remedy), ..self.row(&key) })
    }

    /// Where nobody says how long a log group keeps its lines, those that are older than a day may be gone.
    pub(super) fn assume_the_shortest_retention(&self, needed: Timestamp, sources: &mut [SourceRow]) {
        for source in sources.iter_mut().filter(|source| source.feeds == "log_events") {
            let stream = source.log_group.as_deref().zip(source.log_stream.as_deref());
            let from = stream.and_then(|(group, stream)| self.logs.may_be_kept_from(group, stream));
            if let Some(from) = from.filter(|from| *from > needed) {
                source.covered_from = source.covered_from.max(Some(from));
            }
        }
    }

    /// What an operator can do where a source does not reach back to the deployment.
    pub(super) fn remedy_of_cut(&self, source: &SourceRow, created_at: Timestamp) -> Option<String> {
        let from = source.covered_from.filter(|from| *from > created_at)?;
        let remedy = match source.feeds.as_str() {
            "tasks" if self.current.assumed => {
                "say when it was taken, by a folder named so (2026-11-23T07-43-00Z): ECS forgets a stopped task after an hour"
                    .to_owned()
            }
            "tasks" => "collect within the hour: ECS forgets a stopped task after about that long".to_owned(),
            "service_events" => "collect while the deployment runs: ECS keeps the newest 100 events".to_owned(),
            "log_events" => {
                let (group, stream) = source.log_group.as_deref().zip(source.log_stream.as_deref()).unwrap_or_default();
                if source.assumed {
                    "save describe-log-streams too: it says when the stream begins".to_owned()
                } else if self.logs.may_be_kept_from(group, stream) == Some(from) {
                    format!(
                        "read how long {group} keeps its lines (logs:DescribeLogGroups): it may be a day, which is the shortest"
                    )
                } else if self.logs.stream(group, stream).and_then(|stream| stream.kept_from) == Some(from) {
                    format!("raise the log group's retention, or collect sooner: {group} keeps no older lines")
                } else {
                    "read the stream from the deployment's creation on".to_owned()
                }
            }
            _ => "collect sooner".to_owned(),
        };
        Some(remedy)
    }
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
