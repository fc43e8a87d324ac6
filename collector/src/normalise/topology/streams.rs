//! Which log streams there should be, by task definitions and tasks, and who writes to one.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use super::{SeenTask, Topology};

/// How a container's log streams are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamNaming {
    /// awslogs with a prefix: `prefix/container/task-id`.
    Prefixed(String),
    /// awslogs without one, on EC2: the container's runtime id.
    RuntimeId,
    /// awsfirelens to CloudWatch Logs: `<prefix><container>-firelens-<task-id>`.
    FireLens(String),
    /// awsfirelens with a name of its own: every task writes to the same stream.
    Fixed(String),
}

/// A log stream that a container of a task that counts writes to, by its task definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedStream {
    /// The log group.
    pub log_group: String,
    /// The stream.
    pub log_stream: String,
    /// The container; `None` where several write to the stream.
    pub container: Option<String>,
    /// The task; `None` where several may write to the stream.
    pub task_id: Option<String>,
    /// Whether the container ever started: before that, there is no stream.
    pub started: bool,
    /// When the task stopped, where it did (all of them, where several write).
    pub stopped_at: Option<Timestamp>,
}

impl ExpectedStream {
    /// Its log group and its name.
    pub fn place(&self) -> (String, String) {
        (self.log_group.clone(), self.log_stream.clone())
    }

    /// The streams that several tasks share are one.
    fn merge(&mut self, other: Self) {
        if self.container != other.container {
            self.container = None;
        }
        if self.task_id != other.task_id {
            self.task_id = None;
        }
        self.started |= other.started;
        self.stopped_at = self.stopped_at.zip(other.stopped_at).map(|(a, b)| a.max(b));
    }
}

impl Topology {
    /// The streams that the containers of the judged rollout's tasks and of the chosen one-off tasks write to, in order.
    pub fn expected_streams(&self) -> Vec<ExpectedStream> {
        let judged = self.judged();
        let mut streams: BTreeMap<(String, String), ExpectedStream> = BTreeMap::new();
        for (task_id, task) in self.tasks.iter().filter(|(_, task)| self.counts(task, &judged)) {
            let definition = task.task_definition.as_ref().and_then(|arn| self.definitions.get(arn));
            for (container, log) in definition.into_iter().flatten() {
                let (Some(log_group), Some(naming)) = (&log.log_group, &log.naming) else { continue };
                let Some(log_stream) = naming.stream(container, task_id, task) else { continue };
                let started = task.started || task.containers.get(container).is_some_and(|seen| seen.started);
                let stream = ExpectedStream {
                    log_group: log_group.clone(),
                    log_stream,
                    container: Some(container.clone()),
                    task_id: (!naming.is_shared()).then(|| task_id.clone()),
                    started,
                    stopped_at: task.stopped_at,
                };
                let key = (stream.log_group.clone(), stream.log_stream.clone());
                match streams.get_mut(&key) {
                    Some(shared) => shared.merge(stream),
                    None => drop(streams.insert(key, stream)),
                }
            }
        }
        streams.into_values().collect()
    }

    /// The container and the task that write to a stream, as far as task definitions, tasks and the stream's
    /// name tell.
    pub fn writer_of(&self, log_group: &str, log_stream: &str) -> (Option<String>, Option<String>) {
        let told = self
            .by_prefix(log_group, log_stream)
            .or_else(|| self.by_firelens(log_group, log_stream))
            .or_else(|| self.by_runtime_id(log_stream));
        match told {
            Some((container, task_id)) => (Some(container.to_owned()), Some(task_id.to_owned())),
            None => self.by_parts(log_stream),
        }
    }

    fn by_prefix<'a>(&'a self, log_group: &str, log_stream: &'a str) -> Option<(&'a str, &'a str)> {
        let (head, task_id) = log_stream.rsplit_once('/')?;
        let (prefix, container) = head.rsplit_once('/')?;
        let defined = self.definitions.values().any(|containers| {
            containers.get(container).is_some_and(|log| {
                log.log_group.as_deref() == Some(log_group)
                    && matches!(&log.naming, Some(StreamNaming::Prefixed(defined)) if defined == prefix)
            })
        });
        let known = || self.tasks.get(task_id).is_some_and(|task| task.containers.contains_key(container));
        (defined || known()).then_some((container, task_id))
    }

    fn by_firelens<'a>(&'a self, log_group: &str, log_stream: &'a str) -> Option<(&'a str, &'a str)> {
        let (head, task_id) = log_stream.rsplit_once(FIRELENS)?;
        let mut containers = self.definitions.values().flatten();
        let (container, _) = containers.find(|(container, log)| {
            let Some(StreamNaming::FireLens(prefix)) = &log.naming else { return false };
            log.log_group.as_deref() == Some(log_group) && head.strip_prefix(prefix.as_str()) == Some(container)
        })?;
        Some((container, task_id))
    }

    fn by_runtime_id(&self, log_stream: &str) -> Option<(&str, &str)> {
        self.tasks.iter().find_map(|(task_id, task)| {
            let mut containers = task.containers.iter();
            let (container, _) = containers.find(|(_, seen)| seen.runtime_id.as_deref() == Some(log_stream))?;
            Some((container.as_str(), task_id.as_str()))
        })
    }

    /// A known task's id among the parts of the name, and the longest name of its containers in it.
    fn by_parts(&self, log_stream: &str) -> (Option<String>, Option<String>) {
        // Ids have 32 hexadecimal digits; those of before the long format have dashes among them, 36 characters in all.
        let short = log_stream.split(|c: char| !c.is_ascii_alphanumeric());
        let dashed = log_stream.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let known = short.chain(dashed).find_map(|part| {
            let is_id =
                matches!(part.len(), 32 | 36) && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
            self.tasks.get_key_value(part).filter(|_| is_id)
        });
        let Some((task_id, task)) = known else { return (None, None) };
        let containers = task.containers.keys().filter(|name| stands_in(log_stream, name));
        let container = containers.max_by_key(|name| name.len());
        (container.cloned(), Some(task_id.clone()))
    }

    /// The log groups of all containers, one for each container that has one.
    pub fn log_groups_of_containers(&self) -> impl Iterator<Item = &str> {
        let containers = self.definitions.values().flat_map(|containers| containers.values());
        containers.filter_map(|container| container.log_group.as_deref())
    }

    /// The log group of the container that writes a stream, by the task whose id is in the stream's name.
    pub(super) fn group_of_task_in(&self, log_stream: &str) -> Option<&str> {
        let (container, task_id) = self.by_parts(log_stream);
        let definition = self.tasks.get(&task_id?)?.task_definition.as_ref()?;
        self.definitions.get(definition)?.get(&container?)?.log_group.as_deref()
    }

    /// The one log group whose containers write streams of that name; for answers that do not name theirs.
    pub fn group_of(&self, log_stream: &str) -> Option<&str> {
        let mut groups = self.definitions.values().flatten().filter_map(|(container, log)| {
            let own = match log.naming.as_ref()? {
                StreamNaming::Prefixed(prefix) => {
                    let rest = log_stream.strip_prefix(prefix.as_str())?.strip_prefix('/')?;
                    rest.strip_prefix(container.as_str())?.starts_with('/')
                }
                StreamNaming::FireLens(prefix) => {
                    log_stream.strip_prefix(prefix.as_str())?.strip_prefix(container.as_str())?.starts_with(FIRELENS)
                }
                StreamNaming::Fixed(name) => name == log_stream,
                StreamNaming::RuntimeId => self.by_runtime_id(log_stream).is_some_and(|(name, _)| name == container),
            };
            own.then_some(log.log_group.as_deref()?)
        });
        let first = groups.next()?;
        groups.all(|group| group == first).then_some(first)
    }
}

/// What stands between container and task in the tag that FireLens gives to a container's lines.
const FIRELENS: &str = "-firelens-";

impl StreamNaming {
    /// Whether tasks that are still to come write to the same stream, and tasks of other releases did.
    fn is_shared(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// The stream of one container; `None` where it is not known yet.
    fn stream(&self, container: &str, task_id: &str, task: &SeenTask) -> Option<String> {
        Some(match self {
            Self::Prefixed(prefix) => format!("{prefix}/{container}/{task_id}"),
            Self::RuntimeId => task.containers.get(container)?.runtime_id.clone()?,
            Self::FireLens(prefix) => format!("{prefix}{container}{FIRELENS}{task_id}"),
            Self::Fixed(name) => name.clone(),
        })
    }
}

/// Whether a name is a part of a text that begins and ends where words do.
fn stands_in(text: &str, name: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let (before, after) = (text.get(..at), text.get(at + name.len()..));
            !word(before.and_then(|text| text.chars().next_back())) && !word(after.and_then(|text| text.chars().next()))
        })
}
