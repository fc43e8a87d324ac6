//! Documents: JSON answers of AWS APIs, as they came over the wire or as the AWS CLI prints them.
//!
//! A document says which operation it answers, what was asked (unless it is bare), and what came: a
//! response, or an AWS error. Bare documents are known by their content, never by their file's name.

mod answer;
mod delivered;
mod error;
pub(crate) mod line_query;
mod operation;
mod read;
mod results;

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use answer::{Answer, LinesForm, LogEvent};
pub(crate) use delivered::{DELIVERED, Delivered, DeliveredTask, is_delivered, service_arns_of_events};
pub use error::ApiError;
pub use operation::Operation;
pub use read::Read;
pub(crate) use results::{RESULTS, is_result};

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
            let object = delivered::of_events(of_a_query(object));
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
