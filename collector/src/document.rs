//! Documents: JSON answers of AWS APIs, as they came over the wire or as the AWS CLI prints them.
//!
//! A document says which operation it answers, what was asked (unless it is bare), and what came: a
//! response, or an AWS error. Bare documents are known by their content, never by their file's name.

mod answer;
mod error;
mod read;

use std::fmt;

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use answer::{Answer, LogEvent};
pub use error::ApiError;
pub use read::Read;

/// The operations whose answers are evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the AWS API's own")]
pub enum Operation {
    DescribeServices,
    ListTasks,
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
    FilterLogEvents,
    GetLogEvents,
}

impl Operation {
    /// Every operation, in the order in which a snapshot's documents are taken up: what names things
    /// (services, deployments, tasks) before what refers to them (task definitions, logs). The collector asks in
    /// this order.
    pub const ALL: [Self; 15] = [
        Self::DescribeServices,
        Self::DescribeTaskSets,
        Self::ListServiceDeployments,
        Self::DescribeServiceDeployments,
        Self::DescribeServiceRevisions,
        Self::ListTasks,
        Self::DescribeTasks,
        Self::DescribeTaskDefinition,
        Self::DescribeTargetHealth,
        Self::DescribeInstanceHealth,
        Self::DescribeAlarms,
        Self::DescribeLogGroups,
        Self::DescribeLogStreams,
        Self::FilterLogEvents,
        Self::GetLogEvents,
    ];

    /// The API's name of it, e.g. `DescribeServices`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DescribeServices => "DescribeServices",
            Self::ListTasks => "ListTasks",
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
            Self::FilterLogEvents => "FilterLogEvents",
            Self::GetLogEvents => "GetLogEvents",
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
            Self::FilterLogEvents => "logs:FilterLogEvents",
            Self::GetLogEvents => "logs:GetLogEvents",
        }
    }

    /// The table that its answers feed, for coverage.
    pub const fn feeds(self) -> &'static str {
        match self {
            Self::DescribeServices => "services",
            Self::ListTasks | Self::DescribeTasks => "tasks",
            Self::DescribeTaskDefinition => "task_definitions",
            Self::ListServiceDeployments | Self::DescribeServiceDeployments => "service_deployments",
            Self::DescribeServiceRevisions => "service_revisions",
            Self::DescribeTaskSets => "task_sets",
            Self::DescribeTargetHealth | Self::DescribeInstanceHealth => "target_health",
            Self::DescribeAlarms => "alarms",
            Self::DescribeLogGroups => "log_groups",
            Self::DescribeLogStreams => "log_streams",
            Self::FilterLogEvents | Self::GetLogEvents => "log_events",
        }
    }

    /// Whether its answers are pages of log lines.
    pub const fn is_of_lines(self) -> bool {
        matches!(self, Self::FilterLogEvents | Self::GetLogEvents)
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
        if has("services") {
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

/// The call that brought a document: a row of `api_calls`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// When it was sent.
    pub at: Timestamp,
    /// The HTTP status of the last attempt; `None` where no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The AWS request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How often it was sent.
    pub attempts: u32,
    /// How long it took, retries included.
    pub milliseconds: u64,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The response body.
    Response(Answer),
    /// An error.
    Error(ApiError),
}

/// One answer of an AWS API.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The operation that it answers.
    pub operation: Operation,
    /// What was asked, as the wire has it. `None` for a bare document.
    pub request: Option<Map<String, Value>>,
    /// Whether the document is bare: it does not include its request. Except for log lines it is taken to be the whole
    /// answer to the widest request.
    pub assumed: bool,
    /// What came.
    pub outcome: Outcome,
    /// The call, where the document was fetched rather than filed.
    pub call: Option<Call>,
    /// Of a page of log lines: the read that it belongs to, where that is known.
    pub read: Option<Read>,
    /// Where it came from, for messages: a file's path within the recording, or the operation.
    pub origin: String,
}

/// A JSON value is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADocument {
    /// It is no JSON object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// Nothing in it says that it is evidence.
    #[error("is not an answer of an AWS operation that is evidence (its keys: {keys})")]
    Unrecognised {
        /// Its first keys.
        keys: String,
    },
    /// It is wrapped and names an operation that is not evidence.
    #[error("answers {operation}, which is not an operation that is evidence")]
    UnknownOperation {
        /// The operation it names.
        operation: String,
    },
    /// It is wrapped, and its wrapping is wrong.
    #[error("is wrapped wrongly: {problem}")]
    Wrapping {
        /// What is wrong.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    operation: String,
    #[serde(default)]
    request: Map<String, Value>,
    response: Option<Map<String, Value>>,
    error: Option<ApiError>,
    call: Option<Call>,
    reading: Option<Read>,
}

/// What the AWS CLI prints with `--query 'services[0]'` and the like is an entry of an answer, without the answer around
/// it.
fn of_a_query(object: Map<String, Value>) -> Map<String, Value> {
    // The key of the answer, and fields that only its entries have.
    const ENTRIES: [(&str, [&str; 2]); 6] = [
        ("services", ["serviceName", "deployments"]),
        ("tasks", ["taskArn", "containers"]),
        ("taskDefinition", ["taskDefinitionArn", "containerDefinitions"]),
        ("serviceDeployments", ["serviceDeploymentArn", "status"]),
        ("serviceRevisions", ["serviceRevisionArn", "taskDefinition"]),
        ("TargetHealthDescriptions", ["Target", "TargetHealth"]),
    ];
    let entry = ENTRIES.into_iter().find(|(_, fields)| fields.iter().all(|field| object.contains_key(*field)));
    let Some((key, _)) = entry else { return object };
    let entry = Value::Object(object);
    let answer = if key == "taskDefinition" { entry } else { Value::Array(vec![entry]) };
    Map::from_iter([(key.to_owned(), answer)])
}

impl Document {
    /// Reads a document: bare as the CLI prints it, or wrapped as `--record` writes it.
    ///
    /// # Errors
    /// [`NotADocument`], which says why.
    pub fn from_json(value: Value, origin: impl Into<String>) -> Result<Self, NotADocument> {
        let Value::Object(mut object) = value else { return Err(NotADocument::NotAnObject) };
        let wrapped = object.get("operation").is_some_and(Value::is_string)
            && ["request", "response", "error"].iter().any(|key| object.contains_key(*key));
        if !wrapped {
            // What update-service and create-service print is a look at one service.
            if !object.contains_key("services")
                && object.get("service").is_some_and(|service| service.get("serviceArn").is_some())
                && let Some(service) = object.remove("service")
            {
                object.insert("services".to_owned(), Value::Array(vec![service]));
            }
            let object = of_a_query(object);
            let operation = Operation::recognise(&object).ok_or_else(|| NotADocument::Unrecognised {
                keys: object.keys().take(5).cloned().collect::<Vec<_>>().join(", "),
            })?;
            let outcome = Outcome::Response(Answer::new(operation, object));
            let origin = origin.into();
            return Ok(Self { operation, request: None, assumed: true, outcome, call: None, read: None, origin });
        }
        let wrapping = |problem: String| NotADocument::Wrapping { problem };
        let wrapped: Wrapped =
            serde_json::from_value(Value::Object(object)).map_err(|error| wrapping(error.to_string()))?;
        let operation = Operation::by_name(&wrapped.operation)
            .ok_or(NotADocument::UnknownOperation { operation: wrapped.operation })?;
        let outcome = match (wrapped.response, wrapped.error) {
            (Some(response), None) => Outcome::Response(Answer::new(operation, response)),
            (None, Some(error)) => Outcome::Error(error),
            (None, None) => return Err(wrapping("it has neither a response nor an error".to_owned())),
            (Some(_), Some(_)) => return Err(wrapping("it has both a response and an error".to_owned())),
        };
        Ok(Self {
            operation,
            request: Some(wrapped.request),
            assumed: false,
            outcome,
            call: wrapped.call,
            read: wrapped.reading,
            origin: origin.into(),
        })
    }

    /// The wrapped form, as `--record` writes it; [`Document::from_json`] reads it back.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("operation".to_owned(), json!(self.operation.name()));
        object.insert("request".to_owned(), Value::Object(self.request.clone().unwrap_or_default()));
        match &self.outcome {
            Outcome::Response(response) => object.insert("response".to_owned(), Value::Object(response.to_json())),
            Outcome::Error(error) => {
                object.insert("error".to_owned(), json!({"code": error.code, "message": error.message}))
            }
        };
        if let Some(call) = &self.call {
            object.insert("call".to_owned(), json!(call));
        }
        if let Some(read) = &self.read {
            object.insert("reading".to_owned(), json!(read));
        }
        Value::Object(object)
    }

    /// The fields of the response, where there is one; log lines are apart ([`Document::events`]).
    pub fn response(&self) -> Option<&Map<String, Value>> {
        self.answer().map(|answer| &answer.fields)
    }

    /// The response, where there is one.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Response(answer) => Some(answer),
            Outcome::Error(_) => None,
        }
    }

    /// Whether it is a response, and does not say that more follows ([`Answer::has_more`]).
    pub fn is_last_page(&self) -> bool {
        self.answer().is_some_and(|answer| !answer.has_more())
    }

    /// The log lines of the response; none where it has none.
    pub fn events(&self) -> &[LogEvent] {
        self.answer().and_then(|answer| answer.events.as_deref()).unwrap_or_default()
    }

    /// A moment that was asked for, in milliseconds, e.g. `requested_at("startTime")`.
    pub fn requested_at(&self, key: &str) -> Option<Timestamp> {
        self.request.as_ref()?.get(key)?.as_i64().map(Timestamp)
    }

    /// A text that was asked for, e.g. `requested("logGroupName")`. `None` for a bare document.
    pub fn requested(&self, key: &str) -> Option<&str> {
        self.request.as_ref()?.get(key)?.as_str()
    }
}
