//! Findings of one look at a service.

use std::collections::{BTreeMap, BTreeSet};

use casefile_analyzer::{Settings, nearest};
use casefile_collector::document::{ApiError, Document, Operation, Outcome};
use casefile_collector::normalise::short_name;
use casefile_evidence::rollout::is_task_definition;
use casefile_evidence::tables::{
    ApiCallRow, ContainerDefinitionRow, DeploymentRow, LogGroupRow, LogStreamRow, ServiceRow, SourceRow, TargetRow,
    TaskDefinitionRow, TaskRow,
};
use casefile_evidence::{Bundle, ReadError};
use serde_json::Value;

use super::Finding;

/// The rows of one look.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) target: TargetRow,
    pub(crate) calls: Vec<ApiCallRow>,
    pub(crate) sources: Vec<SourceRow>,
    pub(crate) service: Option<ServiceRow>,
    pub(crate) deployments: Vec<DeploymentRow>,
    pub(crate) definitions: Vec<TaskDefinitionRow>,
    pub(crate) containers: Vec<ContainerDefinitionRow>,
    pub(crate) tasks: Vec<TaskRow>,
    pub(crate) groups: Vec<LogGroupRow>,
    pub(crate) streams: Vec<LogStreamRow>,
    /// Errors of calls that were made beside the look.
    errors: Vec<(Operation, ApiError)>,
}

/// The remedy of what another finding prevented.
const NOT_TRIED: &str = "fix the problems above, then run `casefile doctor` again";
const PERMISSIONS: &str = "permissions";

/// A call that AWS answered with an error.
pub(crate) fn call_failed(action: &str, error: &ApiError, remedy: Option<String>) -> Finding {
    let (area, otherwise) = if error.is_denied() {
        (PERMISSIONS, format!("allow {action}"))
    } else {
        ("calls", "run it again; if the error stays, check the endpoint, the region and the network".to_owned())
    };
    let text = format!("{action}: {}: {}", error.code, error.message);
    Finding::problem(area, text.trim_end_matches([':', ' ']), remedy.unwrap_or(otherwise))
}

impl Snapshot {
    /// # Errors
    /// Where the bundle cannot be read.
    pub(crate) fn of(bundle: &Bundle) -> Result<Self, ReadError> {
        Ok(Self {
            target: bundle.rows::<TargetRow>()?.into_iter().next().unwrap_or_default(),
            calls: bundle.rows()?,
            sources: bundle.rows()?,
            service: bundle.rows::<ServiceRow>()?.pop(),
            deployments: bundle.rows()?,
            definitions: bundle.rows()?,
            containers: bundle.rows()?,
            tasks: bundle.rows()?,
            groups: bundle.rows()?,
            streams: bundle.rows()?,
            errors: Vec::new(),
        })
    }

    /// Everything that the look tells.
    pub(crate) fn findings(&self, settings: &Settings) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.service());
        findings.extend(self.expected());
        findings.extend(self.permissions());
        findings.extend(self.one_off_tasks());
        findings.extend(self.log_drivers());
        findings.extend(self.log_groups());
        findings.extend(self.log_streams());
        findings.extend(self.signatures(settings));
        findings
    }

    fn service(&self) -> Option<Finding> {
        let Some(service) = &self.service else {
            // Otherwise the error of the call is a finding.
            return self.was_answered(Operation::DescribeServices).then(|| {
                let text = format!("{} is not in the answer of DescribeServices", self.target.service);
                Finding::problem("service", text, "check --service, --cluster, --region and the account")
            });
        };
        let cluster = self.target.cluster.as_deref().map_or("its cluster", short_name);
        let running = self.running().map(|definition| format!(", {}", short_name(definition))).unwrap_or_default();
        let counts = match (service.running_count, service.desired_count) {
            (Some(running), Some(desired)) => format!(": {running} of {desired} tasks run"),
            _ => String::new(),
        };
        let text = format!("{} in {cluster}{counts}{running}", self.target.service);
        Some(if service.desired_count == Some(0) {
            let remedy = "a rollout of it starts no task, so nothing can be confirmed from its logs";
            Finding::warning("service", text, remedy)
        } else {
            Finding::ok("service", text)
        })
    }

    /// The task definition of the primary deployment, or of the judged one.
    fn running(&self) -> Option<&str> {
        let primary = self.deployments.iter().rev().find(|row| row.status.as_deref() == Some("PRIMARY"));
        primary.and_then(|row| row.task_definition.as_deref()).or(self.target.task_definition.as_deref())
    }

    /// The expected task definition was not found.
    fn lacks_release(&self) -> bool {
        let expected = self.target.expected_task_definition.as_deref();
        let known = |expected| self.definitions.iter().any(|row| is_task_definition(&row.task_definition, expected));
        expected.is_some_and(|expected| !known(expected))
    }

    fn expected(&self) -> Option<Finding> {
        let expected = self.target.expected_task_definition.as_deref()?;
        let rolled_out = self.deployments.iter().filter_map(|row| row.task_definition.as_deref());
        Some(if rolled_out.into_iter().any(|it| is_task_definition(it, expected)) {
            Finding::ok("release", format!("{} is deployed", short_name(expected)))
        } else if !self.lacks_release() {
            let text = format!("{} exists, and the service does not use it", short_name(expected));
            Finding::warning(
                "release",
                text,
                "expected before the apply; after it, this means that nothing was deployed",
            )
        } else {
            let running = self.running().map_or("none", short_name);
            let text = format!("{expected} was not found; the service runs {running}");
            Finding::problem("release", text, "check --expect-task-definition: family:revision, or the ARN")
        })
    }

    /// The IAM actions, as the calls went.
    fn permissions(&self) -> Vec<Finding> {
        let tried = |operation: Operation| self.calls.iter().any(|call| call.operation == operation.name());
        let (mut allowed, mut findings) = (Vec::new(), Vec::new());
        for operation in Operation::ALL {
            let failed = self.failed(operation);
            if failed.is_empty() && tried(operation) {
                allowed.push(operation.iam_action());
            }
            findings.extend(failed);
        }
        if !allowed.is_empty() {
            findings.insert(0, Finding::ok(PERMISSIONS, format!("allowed: {}", allowed.join(", "))));
        }
        if tried(Operation::ListTasks) && !tried(Operation::DescribeTasks) && self.tasks.is_empty() {
            findings.push(Finding::unknown(
                PERMISSIONS,
                "ecs:DescribeTasks and the actions on log streams were not checked: the service has no task",
                "run it again once a task runs; `casefile collect --dry-run` prints the whole policy",
            ));
        }
        findings
    }

    /// A finding for each kind of error of an operation.
    fn failed(&self, operation: Operation) -> Vec<Finding> {
        // Reported by `expected`.
        if operation == Operation::DescribeTaskDefinition && self.lacks_release() {
            return Vec::new();
        }
        let action = operation.iam_action();
        let of = self.calls.iter().filter(|call| call.operation == operation.name());
        let mut codes: BTreeSet<&str> = of.filter_map(|call| call.error_code.as_deref()).collect();
        let beside = || self.errors.iter().filter(|(of, _)| *of == operation).map(|(_, error)| error);
        codes.extend(beside().map(|error| error.code.as_str()));
        if action.starts_with("logs:") {
            // Reported by `log_groups` and `log_streams`.
            codes.remove("ResourceNotFoundException");
        }
        let finding = |code: &str| {
            let source = self.sources.iter().rev().find(|source| {
                source.error_code.as_deref() == Some(code)
                    && Operation::by_name(&source.operation).is_some_and(|it| it.feeds() == operation.feeds())
            });
            let said = beside().find(|error| error.code == code).map(|error| error.message.clone());
            let said = said.or_else(|| source.and_then(|source| source.error.clone())).unwrap_or_default();
            call_failed(
                action,
                &ApiError { code: code.to_owned(), message: said },
                source.and_then(|it| it.remedy.clone()),
            )
        };
        codes.into_iter().map(finding).collect()
    }

    /// One-off tasks that the config names, and nobody started lately.
    fn one_off_tasks(&self) -> Vec<Finding> {
        let mut found: BTreeMap<String, i64> = BTreeMap::new();
        for source in self.sources.iter().filter(|source| source.operation == Operation::ListTasks.name()) {
            let Ok(Value::Object(asked)) = serde_json::from_str(&source.parameters) else { continue };
            for (key, what) in [("family", "family"), ("startedBy", "started_by")] {
                if let Some(name) = asked.get(key).and_then(Value::as_str)
                    && source.status == "complete"
                {
                    *found.entry(format!("{what} {name:?}")).or_default() += source.rows;
                }
            }
        }
        let names = found.into_iter().map(|(name, tasks)| {
            if tasks > 0 {
                return Finding::ok("tasks", format!("[collect] tasks: {tasks} of {name}"));
            }
            Finding::warning(
                "tasks",
                format!("[collect] tasks: none of {name} in the last hour"),
                "check the name; ECS forgets a stopped task after about an hour",
            )
        });
        names.collect()
    }

    /// The operation was asked, and never answered with an error.
    fn was_answered(&self, operation: Operation) -> bool {
        let mut calls = self.calls.iter().filter(|call| call.operation == operation.name()).peekable();
        calls.peek().is_some() && calls.all(|call| call.error_code.is_none())
    }

    /// The containers of the definition that runs.
    fn own_containers(&self) -> impl Iterator<Item = &ContainerDefinitionRow> {
        let running = self.running();
        self.containers.iter().filter(move |row| running.is_none_or(|it| is_task_definition(&row.task_definition, it)))
    }

    fn log_drivers(&self) -> Vec<Finding> {
        const AREA: &str = "logs";
        let mut findings = Vec::new();
        for container in self.own_containers() {
            let name = &container.container;
            if container.log_group.is_none() {
                let text = match &container.log_driver {
                    Some(driver) => format!("container {name} logs by {driver}, not to CloudWatch Logs"),
                    None => format!("container {name} has no log configuration"),
                };
                let remedy = "signatures cannot see its lines: use the awslogs driver, or name its group in [collect] log_groups";
                findings.push(Finding::warning(AREA, text, remedy));
            } else if container.log_mode.as_deref() == Some("non-blocking") {
                findings.push(Finding::warning(
                    AREA,
                    format!("container {name} logs in mode non-blocking: lines are dropped when its buffer is full"),
                    "an expected line may be among them: use mode = \"blocking\", or a larger max-buffer-size",
                ));
            }
        }
        let unset = self.own_containers().filter(|row| row.log_group.is_some() && row.log_mode.is_none());
        let unset: Vec<&str> = unset.map(|row| row.container.as_str()).collect();
        if !unset.is_empty() {
            findings.push(Finding::warning(
                AREA,
                format!(
                    "containers {} set no log mode: the account's default may be non-blocking, which drops lines",
                    unset.join(", ")
                ),
                "set mode = \"blocking\" in logConfiguration.options, or defaultLogDriverMode of the account",
            ));
        }
        findings
    }

    /// Log groups that containers log to and a collection does not ask for yet: no task of the judged
    /// rollout has begun to log.
    pub(crate) fn groups_not_asked(&self) -> BTreeSet<String> {
        let asked = self.calls.iter().any(|call| call.operation == Operation::DescribeLogGroups.name());
        let named = self.own_containers().filter(|_| !asked);
        named.filter_map(|row| row.log_group.clone()).collect()
    }

    /// Takes up an answer of DescribeLogGroups about one group.
    pub(crate) fn take_group(&mut self, name: &str, document: &Document) {
        if let Outcome::Error(error) = &document.outcome {
            self.errors.push((Operation::DescribeLogGroups, error.clone()));
            return;
        }
        self.calls
            .push(ApiCallRow { operation: Operation::DescribeLogGroups.name().to_owned(), ..ApiCallRow::default() });
        let groups = document.response().and_then(|answer| answer.get("logGroups")?.as_array());
        let is_it = |it: &&Value| {
            ["logGroupName", "logGroupArn"].iter().any(|key| it.get(*key).and_then(Value::as_str) == Some(name))
        };
        let group = groups.into_iter().flatten().find(is_it);
        self.groups.extend(group.map(|group| LogGroupRow {
            log_group: name.to_owned(),
            retention_days: group.get("retentionInDays").and_then(Value::as_i64),
            raw: group.to_string(),
            ..LogGroupRow::default()
        }));
    }

    fn log_groups(&self) -> Vec<Finding> {
        const AREA: &str = "logs";
        let mut named: BTreeSet<&str> = self.own_containers().filter_map(|row| row.log_group.as_deref()).collect();
        named.extend(self.groups.iter().map(|row| row.log_group.as_str()));
        let findings = named.into_iter().map(|name| {
            let Some(group) = self.groups.iter().find(|row| row.log_group == name) else {
                return if self.was_answered(Operation::DescribeLogGroups) {
                    let remedy = "check the name and the region (awslogs-region); a task that cannot create the group does not start";
                    Finding::problem(AREA, format!("the log group {name} does not exist"), remedy)
                } else {
                    Finding::unknown(AREA, format!("log group {name}: not checked"), NOT_TRIED)
                };
            };
            let raw: Value = serde_json::from_str(&group.raw).unwrap_or_default();
            let class = raw.get("logGroupClass").and_then(Value::as_str).unwrap_or("STANDARD");
            let kept = match group.retention_days {
                Some(days) => format!("kept for {days} {}", if days == 1 { "day" } else { "days" }),
                None => "never expires".to_owned(),
            };
            let text = format!("{name}: {class}, {kept}");
            if class != "STANDARD" {
                let remedy = "only Logs Insights reads it, which costs by the bytes that it scans: let the service log to a group of the class \
                              STANDARD, or grant logs:StartQuery and logs:GetQueryResults";
                return Finding::warning(AREA, text, remedy);
            }
            match group.retention_days {
                Some(days) if days < 7 => {
                    let remedy = "evidence of an incident can be collected only that long: keep the lines for a week or more";
                    Finding::warning(AREA, text, remedy)
                }
                _ => Finding::ok(AREA, text),
            }
        });
        findings.collect()
    }

    /// The streams of the running tasks.
    fn log_streams(&self) -> Option<Finding> {
        let running: BTreeSet<&str> = self
            .tasks
            .iter()
            .filter(|task| task.last_status.as_deref() == Some("RUNNING"))
            .map(|task| task.task_id.as_str())
            .collect();
        let logs = self.own_containers().any(|row| row.log_group.is_some());
        if running.is_empty() || !logs {
            return None;
        }
        let of_tasks = self.streams.iter().filter(|row| row.task_id.as_deref().is_some_and(|id| running.contains(id)));
        let streams = of_tasks.count();
        Some(if streams > 0 {
            Finding::ok("logs", format!("{streams} log streams of {} running tasks", running.len()))
        } else if self.was_answered(Operation::DescribeLogStreams) {
            let prefix = self.own_containers().any(|row| row.log_group.is_some() && row.log_stream_prefix.is_none());
            let remedy = if prefix {
                "set awslogs-stream-prefix in the task definition: without it, log streams cannot be matched to tasks"
            } else {
                "have the tasks logged anything yet? check that the execution role may write to the log group"
            };
            Finding::problem("logs", format!("no log stream of the {} running tasks was found", running.len()), remedy)
        } else {
            Finding::unknown("logs", "the log streams of the running tasks were not checked", NOT_TRIED)
        })
    }

    /// Signatures whose container the service does not have.
    fn signatures(&self, settings: &Settings) -> Vec<Finding> {
        let names: BTreeSet<&str> = self.containers.iter().map(|row| row.container.as_str()).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let mut lost: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for signature in &settings.signature {
            if let Some(container) = signature.container.as_deref().filter(|it| !names.contains(it)) {
                lost.entry(container).or_default().push(&signature.id);
            }
        }
        let findings = lost.into_iter().map(|(container, signatures)| {
            let known = names.iter().copied().collect::<Vec<_>>().join(", ");
            let remedy = nearest(container, names.iter().copied())
                .map_or_else(|| format!("its containers are {known}"), |near| format!("did you mean {near:?}?"));
            let text = format!("the task definition has no container {container:?}, of {}", signatures.join(", "));
            Finding::problem("signatures", text, remedy)
        });
        findings.collect()
    }
}
