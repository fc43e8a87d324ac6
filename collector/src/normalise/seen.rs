//! What the documents have told so far, as far as later documents need it to be understood, and the
//! collector to know what to ask next.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;
use serde_json::{Map, Value};

use super::fields::{is_task_definition, short_name};

/// A deployment or task set that was seen.
#[derive(Debug, Clone, Default)]
pub struct SeenDeployment {
    /// The task definition's ARN.
    pub task_definition: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// `status` when last seen.
    pub status: Option<String>,
    /// `rolloutState` when last seen.
    pub rollout_state: Option<String>,
    /// `desiredCount` when last seen.
    pub desired: Option<i64>,
    /// `runningCount` when last seen.
    pub running: Option<i64>,
    /// The last snapshot that listed it.
    pub snapshot: i64,
}

/// A task that was seen.
#[derive(Debug, Clone, Default)]
pub struct SeenTask {
    /// The task definition's ARN.
    pub task_definition: Option<String>,
    /// `startedBy`.
    pub started_by: Option<String>,
    /// `lastStatus` when last seen.
    pub last_status: Option<String>,
    /// When it stopped.
    pub stopped_at: Option<Timestamp>,
    /// Whether it ever reached RUNNING.
    pub started: bool,
    /// Its containers, and whether each ever started (it has a runtime id or an exit code).
    pub containers: BTreeMap<String, bool>,
}

/// How a container logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenContainer {
    /// `essential`.
    pub essential: bool,
    /// `logDriver`.
    pub log_driver: Option<String>,
    /// `awslogs-group`.
    pub log_group: Option<String>,
    /// `awslogs-region`.
    pub log_region: Option<String>,
    /// `awslogs-stream-prefix`.
    pub log_stream_prefix: Option<String>,
}

/// A log stream that a container of the judged deployment writes to, by its task definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedStream {
    /// `awslogs-group`.
    pub log_group: String,
    /// `prefix/container/task-id`.
    pub log_stream: String,
    /// `awslogs-region`, where it is given.
    pub log_region: Option<String>,
    /// The container.
    pub container: String,
    /// The task.
    pub task_id: String,
    /// Whether the container ever started: before that, there is no stream.
    pub started: bool,
    /// When the task stopped, where it did.
    pub stopped_at: Option<Timestamp>,
}

/// The deployment that is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// `deployments[].id` or the task set's id; `None` where only a service deployment tells of it.
    pub id: Option<String>,
    /// The task definition's ARN.
    pub task_definition: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// `serviceArn`.
    pub service_arn: Option<String>,
    /// `deploymentController.type`.
    pub controller: Option<String>,
    /// How many load balancers the service has.
    pub load_balancers: i64,
    /// Deployments and task sets, by id.
    pub deployments: BTreeMap<String, SeenDeployment>,
    /// Tasks, by id.
    pub tasks: BTreeMap<String, SeenTask>,
    /// Task definitions by ARN, with their containers.
    pub definitions: BTreeMap<String, BTreeMap<String, SeenContainer>>,
    /// Service revisions by ARN, with their task definition.
    pub revisions: BTreeMap<String, Option<String>>,
    /// Service deployments by ARN: target revision, creation.
    pub service_deployments: BTreeMap<String, (Option<String>, Option<Timestamp>)>,
    /// The newest deployment at the first snapshot that showed any.
    pub(super) newest: Option<String>,
}

impl Seen {
    /// The deployment that is judged: the newest one of the named release, else the one that was newest
    /// at the first snapshot.
    pub fn judged(&self, expected: Option<&str>) -> Judged {
        let of = |id: &String, seen: &SeenDeployment| Judged {
            id: Some(id.clone()),
            task_definition: seen.task_definition.clone(),
            created_at: seen.created_at,
        };
        let Some(expected) = expected else {
            return self.newest.as_ref().and_then(|id| Some(of(id, self.deployments.get(id)?))).unwrap_or_default();
        };
        let matches = |arn: &Option<String>| arn.as_deref().is_some_and(|arn| is_task_definition(arn, expected));
        let deployed = self
            .deployments
            .iter()
            .filter(|(_, seen)| matches(&seen.task_definition))
            .max_by_key(|(id, seen)| (seen.created_at, (*id).clone()));
        if let Some((id, seen)) = deployed {
            return of(id, seen);
        }
        // Rolled back before the first look: only the service deployment remembers it.
        let remembered = self.service_deployments.values().filter_map(|(revision, created_at)| {
            let definition = self.revisions.get(revision.as_ref()?)?;
            matches(definition).then(|| (*created_at, definition.clone()))
        });
        match remembered.max() {
            Some((created_at, task_definition)) => Judged { id: None, task_definition, created_at },
            None => Judged {
                task_definition: self.definitions.keys().find(|arn| is_task_definition(arn, expected)).cloned(),
                ..Judged::default()
            },
        }
    }

    /// Whether a task is one of the judged deployment.
    pub fn is_judged(&self, task: &SeenTask, judged: &Judged) -> bool {
        match (&judged.id, &task.started_by) {
            (Some(id), Some(started_by)) if started_by.starts_with("ecs-svc/") => id == started_by,
            (Some(_), Some(_)) => false,
            _ => judged.task_definition.is_some() && task.task_definition == judged.task_definition,
        }
    }

    /// The streams that the judged deployment's containers write to, in order.
    pub fn expected_streams(&self, judged: &Judged) -> BTreeSet<ExpectedStream> {
        let mut streams = BTreeSet::new();
        for (task_id, task) in self.tasks.iter().filter(|(_, task)| self.is_judged(task, judged)) {
            let definition = task.task_definition.as_ref().and_then(|arn| self.definitions.get(arn));
            for (container, log) in definition.into_iter().flatten() {
                let (Some("awslogs"), Some(log_group), Some(prefix)) =
                    (log.log_driver.as_deref(), &log.log_group, &log.log_stream_prefix)
                else {
                    continue;
                };
                streams.insert(ExpectedStream {
                    log_group: log_group.clone(),
                    log_stream: format!("{prefix}/{container}/{task_id}"),
                    log_region: log.log_region.clone(),
                    container: container.clone(),
                    task_id: task_id.clone(),
                    started: task.started || task.containers.get(container).copied().unwrap_or(false),
                    stopped_at: task.stopped_at,
                });
            }
        }
        streams
    }

    /// The container and task that write to a stream, by the task definitions and tasks that are known.
    pub fn writer_of(&self, log_group: &str, log_stream: &str) -> Option<(String, String)> {
        let (head, task_id) = log_stream.rsplit_once('/')?;
        let (prefix, container) = head.rsplit_once('/')?;
        let defined = self.definitions.values().any(|containers| {
            containers.get(container).is_some_and(|log| {
                log.log_stream_prefix.as_deref() == Some(prefix) && log.log_group.as_deref() == Some(log_group)
            })
        });
        let known = || self.tasks.get(task_id).is_some_and(|task| task.containers.contains_key(container));
        (defined || known()).then(|| (container.to_owned(), task_id.to_owned()))
    }

    /// The one log group whose containers write streams of that name; for answers that do not name theirs.
    pub fn group_of(&self, log_stream: &str) -> Option<&str> {
        let mut groups = self.definitions.values().flat_map(BTreeMap::iter).filter_map(|(container, log)| {
            let prefix = log.log_stream_prefix.as_deref()?;
            let rest = log_stream.strip_prefix(prefix)?.strip_prefix('/')?;
            rest.strip_prefix(container.as_str())?.starts_with('/').then_some(log.log_group.as_deref()?)
        });
        let first = groups.next()?;
        groups.all(|group| group == first).then_some(first)
    }
}

/// The region and account that an ARN names.
pub(super) fn region_and_account(arn: &str) -> (Option<String>, Option<String>) {
    let mut parts = arn.split(':').skip(3).map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
    (parts.next().flatten(), parts.next().flatten())
}

/// The services that a document tells of, by name; for finding out what a recording is about.
pub fn services_of(answer: &Map<String, Value>) -> BTreeSet<String> {
    let list = |key: &str| answer.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = list("services").iter().filter_map(|service| {
        service.get("serviceName").or_else(|| service.get("serviceArn")).and_then(Value::as_str).map(short_name)
    });
    let running =
        list("tasks").iter().filter_map(|task| task.get("group").and_then(Value::as_str)?.strip_prefix("service:"));
    named.chain(running).map(str::to_owned).collect()
}
