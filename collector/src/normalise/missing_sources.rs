//! What should have been asked and was not: silence is a gap, never good news.

use casefile_evidence::tables::SourceRow;

use super::Assembly;
use super::coverage::of_class;
use casefile_evidence::rollout::Judged;

use super::sources::Key;
use super::streams::{ExpectedStream, StreamNaming};
use super::topology::SeenContainer;
use crate::document::Operation;

impl Assembly {
    /// The streams of the containers that count (of the judged rollout and of the chosen one-off tasks) that this snapshot
    /// did not read.
    pub(super) fn unread_streams(&self) -> Vec<SourceRow> {
        let mut rows = Vec::new();
        for stream in self.expected_streams() {
            let key = Key::of_stream(&stream.log_group, &stream.log_stream);
            if !self.ledger.knows(&key) {
                rows.push(self.unread(&key, stream));
            }
        }
        rows
    }

    fn unread(&self, key: &Key, stream: ExpectedStream) -> SourceRow {
        let row = SourceRow {
            log_group: Some(stream.log_group.clone()),
            log_stream: Some(stream.log_stream),
            container: stream.container.clone(),
            task_id: stream.task_id.clone(),
            ..self.row(key)
        };
        let of = |name: Option<String>| name.unwrap_or_else(|| "(several)".to_owned());
        let (container, task) = (of(stream.container), of(stream.task_id));
        if stream.started {
            if let Some(class) = self.logs.unreadable.get(&stream.log_group) {
                let (error, remedy) = of_class(&stream.log_group, class);
                return SourceRow { status: "missing".to_owned(), error: Some(error), remedy: Some(remedy), ..row };
            }
            let group = stream.log_group;
            return SourceRow {
                status: "missing".to_owned(),
                error: Some(format!("the log of container {container} of task {task} was not read")),
                remedy: Some(format!(
                    "grant logs:DescribeLogStreams and logs:GetLogEvents on log group {group}, and collect while its lines are kept"
                )),
                ..row
            };
        }
        // There is nothing to read, and so nothing that was not read; nothing was logged either.
        SourceRow {
            status: "complete".to_owned(),
            exhausted: true,
            covered_to: stream.stopped_at.is_none().then_some(self.current.observed_at),
            error_code: Some("casefile:NeverStarted".to_owned()),
            error: Some(format!("container {container} of task {task} had not started: it has no log")),
            ..row
        }
    }

    /// Sources that no document answers, whole kinds of them.
    pub(super) fn never_asked(&self) -> Vec<SourceRow> {
        let mut rows = Vec::new();
        let asked = |operation: Operation| self.ledger.was_asked(|key| key.operation == operation.name());
        let mut missing = |feeds: &'static str, operation: Operation, parameters: String, remedy: String| {
            let key = Key { feeds, operation: operation.name(), parameters };
            rows.push(SourceRow {
                status: "not_attempted".to_owned(),
                error: Some(format!("{operation} was not called")),
                remedy: Some(remedy),
                ..self.row(&key)
            });
        };
        let service = &self.about.service;
        let cluster = self.about.cluster.as_deref().unwrap_or("CLUSTER");
        let nothing = || "{}".to_owned();
        if !asked(Operation::DescribeServices) {
            let remedy = format!("aws ecs describe-services --cluster {cluster} --services {service}");
            missing("services", Operation::DescribeServices, nothing(), remedy.clone());
            missing("service_events", Operation::DescribeServices, nothing(), remedy);
        }
        if !asked(Operation::DescribeTasks) && !self.no_tasks_listed() {
            let remedy = format!("aws ecs describe-tasks --cluster {cluster} --tasks (those that list-tasks names)");
            missing("tasks", Operation::DescribeTasks, nothing(), remedy);
        }
        let bare = |operation: Operation| self.sources.was_assumed(operation);
        if !bare(Operation::DescribeTasks) && !bare(Operation::ListTasks) {
            for status in ["RUNNING", "STOPPED"] {
                let wanted = format!("\"desiredStatus\":\"{status}\"");
                let listed = self.ledger.was_asked(|key| {
                    // RUNNING is what AWS takes where nothing is said.
                    key.operation == "ListTasks"
                        && (key.parameters.contains(&wanted)
                            || (status == "RUNNING" && !key.parameters.contains("desiredStatus")))
                });
                if !listed {
                    let parameters = serde_json::json!({ "desiredStatus": status }).to_string();
                    let remedy = format!(
                        "aws ecs list-tasks --cluster {cluster} --service-name {service} --desired-status {status}, and describe-tasks"
                    );
                    missing("tasks", Operation::ListTasks, parameters, remedy);
                }
            }
        }
        if !asked(Operation::ListServiceDeployments) && !asked(Operation::DescribeServiceDeployments) {
            let remedy = format!(
                "aws ecs list-service-deployments --cluster {cluster} --service {service}, and describe-service-deployments"
            );
            missing("service_deployments", Operation::DescribeServiceDeployments, nothing(), remedy);
        }
        if !asked(Operation::DescribeServiceRevisions) && self.rollouts.has_service_deployments() {
            let remedy =
                "aws ecs describe-service-revisions (those that describe-service-deployments names)".to_owned();
            missing("service_revisions", Operation::DescribeServiceRevisions, nothing(), remedy);
        }
        if !matches!(self.seen.controller.as_deref(), None | Some("ECS")) && self.seen.deployments.is_empty() {
            let remedy = format!("aws ecs describe-task-sets --cluster {cluster} --service {service}");
            missing("task_sets", Operation::DescribeTaskSets, nothing(), remedy);
        }
        let judged = self.judged().rollout;
        let expected = &self.rollouts.expected().task_definition;
        let definition = judged.task_definition.as_deref().or(expected.as_deref());
        if definition.is_none_or(|arn| !self.seen.definitions.contains_key(arn)) {
            let named = definition.unwrap_or("the deployment's task definition");
            let parameters = serde_json::json!({ "taskDefinition": named }).to_string();
            if !self.ledger.was_asked(|key| key.operation == "DescribeTaskDefinition" && key.parameters == parameters) {
                let remedy = format!("aws ecs describe-task-definition --task-definition {named}");
                missing("task_definitions", Operation::DescribeTaskDefinition, parameters, remedy);
            }
            // Without it nobody knows where the containers log.
            let remedy = format!("aws ecs describe-task-definition --task-definition {named}: it names the log groups");
            if !asked(Operation::GetLogEvents) {
                missing("log_streams", Operation::DescribeLogStreams, nothing(), remedy.clone());
                missing("log_events", Operation::GetLogEvents, nothing(), remedy);
            }
        }
        rows.extend(self.unasked_target_groups());
        rows.extend(self.unasked_alarms());
        rows.extend(self.never_described());
        rows.extend(self.never_chosen());
        rows.extend(self.other_log_drivers());
        rows
    }

    /// Whether the streams of a container of the judged release are known by name.
    fn can_be_read(&self, container: &str, log: &SeenContainer, judged: &Judged) -> bool {
        if log.naming != Some(StreamNaming::RuntimeId) {
            return log.naming.is_some();
        }
        let mut tasks = self.seen.tasks.values().filter(|task| self.rollouts.owns(judged, task.origin()));
        tasks.all(|task| task.containers.get(container).is_none_or(|seen| !seen.started || seen.runtime_id.is_some()))
    }

    fn no_tasks_listed(&self) -> bool {
        self.ledger.was_asked(|key| key.operation == "ListTasks") && !self.sources.tasks_listed
    }

    /// Essential containers of the judged release whose lines do not go to CloudWatch Logs as awslogs does.
    fn other_log_drivers(&self) -> Vec<SourceRow> {
        let judged = self.judged();
        let definition = judged.rollout.task_definition.as_ref().and_then(|arn| self.seen.definitions.get(arn));
        let mut rows = Vec::new();
        for (container, log) in definition.into_iter().flatten() {
            let part = format!("/{container}/");
            let found = |key: &Key| {
                key.feeds == "log_events" && key.parameter("logStreamName").is_some_and(|it| it.contains(&part))
            };
            if !log.essential || self.can_be_read(container, log, &judged) || self.ledger.was_asked(found) {
                continue;
            }
            let key = Key {
                feeds: "log_events",
                operation: Operation::GetLogEvents.name(),
                parameters: serde_json::json!({ "container": container }).to_string(),
            };
            let (error, remedy) = match log.log_driver.as_deref() {
                None => (
                    format!("container {container} has no log configuration"),
                    "give it an awslogs log configuration".to_owned(),
                ),
                Some("awslogs") if log.log_group.is_none() => (
                    format!("container {container} logs through awslogs, and nothing says to which log group"),
                    "set awslogs-group in its log configuration".to_owned(),
                ),
                Some("awslogs") => (
                    format!("the streams of container {container} have no prefix, and its runtime id is not known"),
                    "set awslogs-stream-prefix in its log configuration".to_owned(),
                ),
                Some("awsfirelens") => match log.log_plugin.as_deref() {
                    Some("cloudwatch" | "cloudwatch_logs") => (
                        format!("where container {container} logs to through awsfirelens cannot be told beforehand"),
                        "give log_group_name and log_stream_prefix in its log configuration, without variables"
                            .to_owned(),
                    ),
                    plugin => (
                        format!(
                            "container {container} logs through awsfirelens to {}, which is not read",
                            plugin.unwrap_or("a plugin that is not named")
                        ),
                        "judge it by other evidence, or let it log to cloudwatch_logs too".to_owned(),
                    ),
                },
                Some(driver) => (
                    format!("container {container} logs through {driver}, which is not read"),
                    "judge it by other evidence, or let it log through awslogs".to_owned(),
                ),
            };
            rows.push(SourceRow {
                status: "not_attempted".to_owned(),
                container: Some(container.clone()),
                error: Some(error),
                remedy: Some(remedy),
                ..self.row(&key)
            });
        }
        rows
    }
}
