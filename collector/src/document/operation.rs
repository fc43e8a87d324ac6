//! The operations of AWS whose answers are evidence.

use std::fmt;

use serde_json::{Map, Value};

use super::delivered::DELIVERED;
use super::results;

/// Where evidence comes from: the operations of AWS, and the events that EventBridge delivers without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the AWS API's own")]
pub enum Operation {
    DescribeServices,
    ListTasks,
    EventBridge,
    DescribeTasks,
    DescribeTaskDefinition,
    ListServiceDeployments,
    DescribeServiceDeployments,
    DescribeServiceRevisions,
    DescribeTaskSets,
    DescribeTargetHealth,
    DescribeInstanceHealth,
    DescribeAlarms,
    DescribeLogGroups,
    DescribeLogStreams,
    StartQuery,
    FilterLogEvents,
    GetLogEvents,
    GetQueryResults,
}

impl Operation {
    /// Every operation, in the order in which a snapshot's documents are taken up: what names things
    /// (services, deployments, tasks) before what refers to them (task definitions, logs). The collector asks in
    /// this order.
    pub const ALL: [Self; 18] = [
        Self::DescribeServices,
        Self::DescribeTaskSets,
        Self::ListServiceDeployments,
        Self::DescribeServiceDeployments,
        Self::DescribeServiceRevisions,
        Self::ListTasks,
        Self::EventBridge,
        Self::DescribeTasks,
        Self::DescribeTaskDefinition,
        Self::DescribeTargetHealth,
        Self::DescribeInstanceHealth,
        Self::DescribeAlarms,
        Self::DescribeLogGroups,
        Self::DescribeLogStreams,
        Self::StartQuery,
        Self::FilterLogEvents,
        Self::GetLogEvents,
        Self::GetQueryResults,
    ];

    /// The API's name of it, e.g. `DescribeServices`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DescribeServices => "DescribeServices",
            Self::ListTasks => "ListTasks",
            Self::EventBridge => "EventBridge",
            Self::DescribeTasks => "DescribeTasks",
            Self::DescribeTaskDefinition => "DescribeTaskDefinition",
            Self::ListServiceDeployments => "ListServiceDeployments",
            Self::DescribeServiceDeployments => "DescribeServiceDeployments",
            Self::DescribeServiceRevisions => "DescribeServiceRevisions",
            Self::DescribeTaskSets => "DescribeTaskSets",
            Self::DescribeTargetHealth => "DescribeTargetHealth",
            Self::DescribeInstanceHealth => "DescribeInstanceHealth",
            Self::DescribeAlarms => "DescribeAlarms",
            Self::DescribeLogGroups => "DescribeLogGroups",
            Self::DescribeLogStreams => "DescribeLogStreams",
            Self::StartQuery => "StartQuery",
            Self::FilterLogEvents => "FilterLogEvents",
            Self::GetLogEvents => "GetLogEvents",
            Self::GetQueryResults => "GetQueryResults",
        }
    }

    /// The operation of that API name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// The AWS CLI's name of it, e.g. `describe-services`.
    pub fn command(self) -> String {
        let mut command = String::new();
        for letter in self.name().chars() {
            if letter.is_ascii_uppercase() && !command.is_empty() {
                command.push('-');
            }
            command.push(letter.to_ascii_lowercase());
        }
        command
    }

    /// The operation of that name in the AWS CLI.
    pub fn by_command(command: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.command() == command)
    }

    /// The IAM action that allows it.
    pub const fn iam_action(self) -> &'static str {
        match self {
            Self::DescribeServices => "ecs:DescribeServices",
            Self::ListTasks => "ecs:ListTasks",
            Self::EventBridge => "events:PutRule",
            Self::DescribeTasks => "ecs:DescribeTasks",
            Self::DescribeTaskDefinition => "ecs:DescribeTaskDefinition",
            Self::ListServiceDeployments => "ecs:ListServiceDeployments",
            Self::DescribeServiceDeployments => "ecs:DescribeServiceDeployments",
            Self::DescribeServiceRevisions => "ecs:DescribeServiceRevisions",
            Self::DescribeTaskSets => "ecs:DescribeTaskSets",
            Self::DescribeTargetHealth => "elasticloadbalancing:DescribeTargetHealth",
            Self::DescribeInstanceHealth => "elasticloadbalancing:DescribeInstanceHealth",
            Self::DescribeAlarms => "cloudwatch:DescribeAlarms",
            Self::DescribeLogGroups => "logs:DescribeLogGroups",
            Self::DescribeLogStreams => "logs:DescribeLogStreams",
            Self::StartQuery => "logs:StartQuery",
            Self::FilterLogEvents => "logs:FilterLogEvents",
            Self::GetLogEvents => "logs:GetLogEvents",
            Self::GetQueryResults => "logs:GetQueryResults",
        }
    }

    /// The table that its answers feed, for coverage.
    pub const fn feeds(self) -> &'static str {
        match self {
            Self::DescribeServices => "services",
            Self::ListTasks | Self::EventBridge | Self::DescribeTasks => "tasks",
            Self::DescribeTaskDefinition => "task_definitions",
            Self::ListServiceDeployments | Self::DescribeServiceDeployments => "service_deployments",
            Self::DescribeServiceRevisions => "service_revisions",
            Self::DescribeTaskSets => "task_sets",
            Self::DescribeTargetHealth | Self::DescribeInstanceHealth => "target_health",
            Self::DescribeAlarms => "alarms",
            Self::DescribeLogGroups => "log_groups",
            Self::DescribeLogStreams => "log_streams",
            Self::StartQuery | Self::FilterLogEvents | Self::GetLogEvents | Self::GetQueryResults => "log_events",
        }
    }

    /// Whether it is a request to AWS. EventBridge delivers events without one, so whether all of them are there is not known.
    pub const fn is_asked(self) -> bool {
        !matches!(self, Self::EventBridge)
    }

    /// Its place in a snapshot, by [`Operation::ALL`]. What brings log lines stays in the order in which it came, whichever
    /// operation it is of.
    pub fn place(self) -> usize {
        let is_in_sequence = self.is_of_lines() || self == Self::StartQuery;
        let operation = if is_in_sequence { Self::FilterLogEvents } else { self };
        Self::ALL.iter().position(|other| *other == operation).unwrap_or(Self::ALL.len())
    }

    /// Whether its answers are pages of log lines.
    pub const fn is_of_lines(self) -> bool {
        matches!(self, Self::FilterLogEvents | Self::GetLogEvents | Self::GetQueryResults)
    }

    /// Recognises the answer of an operation by its content. `None` where it is no answer that is
    /// evidence.
    pub fn recognise(answer: &Map<String, Value>) -> Option<Self> {
        let has = |key: &str| answer.contains_key(key);
        // `service_deployments` come short from the list and whole from the description.
        let listed = |key: &str, whole: &[&str]| {
            answer.get(key).and_then(Value::as_array).is_some_and(|items| {
                !has("failures") && items.iter().all(|item| whole.iter().all(|field| item.get(field).is_none()))
            })
        };
        if has(DELIVERED) {
            Some(Self::EventBridge)
        } else if has("services") {
            Some(Self::DescribeServices)
        } else if has("taskSets") {
            Some(Self::DescribeTaskSets)
        } else if has("serviceDeployments") {
            if listed("serviceDeployments", &["targetServiceRevision", "deploymentConfiguration"]) {
                Some(Self::ListServiceDeployments)
            } else {
                Some(Self::DescribeServiceDeployments)
            }
        } else if has("serviceRevisions") {
            Some(Self::DescribeServiceRevisions)
        } else if has("taskDefinition") {
            Some(Self::DescribeTaskDefinition)
        } else if has("taskArns") {
            Some(Self::ListTasks)
        } else if has("tasks") {
            Some(Self::DescribeTasks)
        } else if has("TargetHealthDescriptions") {
            Some(Self::DescribeTargetHealth)
        } else if has("InstanceStates") {
            Some(Self::DescribeInstanceHealth)
        } else if has("MetricAlarms") || has("CompositeAlarms") {
            Some(Self::DescribeAlarms)
        } else if has("logGroups") {
            Some(Self::DescribeLogGroups)
        } else if has("logStreams") {
            Some(Self::DescribeLogStreams)
        } else if results::is_answer(answer) {
            Some(Self::GetQueryResults)
        } else if has("events") {
            // GetLogEvents always carries its two tokens; its events name no stream.
            let names_stream = |event: &Value| event.get("logStreamName").is_some() || event.get("eventId").is_some();
            let events = answer.get("events").and_then(Value::as_array);
            if has("nextForwardToken") || has("nextBackwardToken") {
                Some(Self::GetLogEvents)
            } else if has("searchedLogStreams") || events.is_some_and(|events| events.iter().any(names_stream)) {
                Some(Self::FilterLogEvents)
            } else {
                Some(Self::GetLogEvents)
            }
        } else {
            None
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
