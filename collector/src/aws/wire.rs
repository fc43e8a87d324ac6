//! What went over the wire for one logical call, as a [`Document`].

use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_ecs::operation::RequestId;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use casefile_evidence::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Aws;
use super::http::Aside;
use super::limit::Budget;
use super::{cbor, query};
use crate::document::{Answer, ApiError, Call, Document, Operation, Outcome};

/// An error of a call whose answer is no evidence.
pub(super) fn api_error<E, R>(error: &SdkError<E, R>) -> ApiError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    ApiError {
        code: error.code().unwrap_or(ApiError::NO_ANSWER).to_owned(),
        message: error.message().map_or_else(|| chain(error), str::to_owned),
    }
}

/// As much of an unreadable answer as an error quotes, in characters.
const QUOTED: usize = 200;

/// Sees one logical call, attempts included.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    seen: Arc<Mutex<Seen>>,
    /// What an attempt counts against, beyond the first, which was waited for.
    budget: Budget,
    operation: Operation,
    aws: Aws,
}

#[derive(Debug, Default)]
struct Seen {
    /// When the last attempt was sent.
    sent: Option<Timestamp>,
    /// As the first attempt sent it.
    request: Option<Map<String, Value>>,
    attempts: u32,
    /// Of the last attempt.
    answer: Option<Answered>,
}

#[derive(Debug)]
struct Answered {
    status: u16,
    request_id: Option<String>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Object(Answer),
    Other(String),
    /// The connection broke before it was read.
    Broken,
}

impl Wire {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "casefile::Wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut seen = self.seen();
        seen.attempts += 1;
        if seen.attempts > 1 {
            self.budget.spend();
        }
        seen.answer = None;
        seen.sent = Some(self.aws.clock().now());
        if seen.request.is_none() {
            seen.request = context.request().body().bytes().and_then(|body| match Protocol::of(self.operation) {
                Protocol::Json => serde_json::from_slice(body).ok(),
                Protocol::Query => Some(query::request(body)),
                Protocol::Cbor => cbor::object(body),
            });
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let body = response.extension::<Aside>().map(|aside| &*aside.0).or_else(|| response.body().bytes());
        let body = match body {
            None => Body::Broken,
            Some(bytes) => read(self.operation, bytes).map_or_else(|| Body::Other(quote(bytes)), Body::Object),
        };
        let date = response.headers().get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let date = date.and_then(|date| date.to_millis().ok()).map(Timestamp);
        let request_id = response.request_id().map(str::to_owned);
        let mut seen = self.seen();
        if let Some((date, sent)) = date.zip(seen.sent) {
            self.aws.learn_date(date, sent);
        }
        seen.answer = Some(Answered { status: response.status().as_u16(), request_id, body });
        Ok(())
    }
}

/// How requests and answers of an operation are written.
enum Protocol {
    /// AWS JSON 1.1.
    Json,
    /// The AWS Query protocol: forms and XML.
    Query,
    /// Smithy RPC v2 CBOR.
    Cbor,
}

impl Protocol {
    const fn of(operation: Operation) -> Self {
        match operation {
            Operation::DescribeTargetHealth | Operation::DescribeInstanceHealth => Self::Query,
            Operation::DescribeAlarms => Self::Cbor,
            _ => Self::Json,
        }
    }
}

/// The answer in a body; `None` where it is none. A proxy may answer in JSON for a service that has another protocol.
fn read(operation: Operation, body: &[u8]) -> Option<Answer> {
    let fields = match Protocol::of(operation) {
        Protocol::Json => None,
        Protocol::Query => query::answer(operation, body),
        Protocol::Cbor => cbor::object(body),
    };
    let answer = fields.map(|fields| Answer::new(operation, fields));
    answer.or_else(|| Answer::from_slice(operation, body).ok())
}

fn quote(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(QUOTED * 4)]).into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(QUOTED).collect()
}

/// Sends one call, once the quotas allow it, and gives what came, whatever it was. `send` must send with the [`Wire`] it gets as an
/// interceptor.
///
/// It may be cancelled: the call then left no trace, which does no harm, for every operation only reads.
pub(super) async fn exchange<O, E, F>(
    aws: &Aws,
    region: &str,
    operation: Operation,
    send: impl FnOnce(Wire) -> F,
) -> Document
where
    E: ProvideErrorMetadata + Error + 'static,
    F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
{
    let budget = aws.budget(operation, region);
    budget.wait().await;
    let wire = Wire { seen: Arc::default(), budget, operation, aws: aws.clone() };
    let (at, started) = (aws.now(), Instant::now());
    let result = send(wire.clone()).await;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Seen { request, attempts, answer, .. } = std::mem::take(&mut *wire.seen());
    let status = answer.as_ref().map(|answer| answer.status);
    let request_id = answer.as_ref().and_then(|answer| answer.request_id.clone());
    let outcome = match answer {
        // Without its request, a response does not say which service, task or stream it is about.
        Some(_) if request.is_none() => Outcome::Error(ApiError {
            code: ApiError::UNKNOWN_REQUEST.to_owned(),
            message: format!(
                "the SDK's request of {operation} has another form than this casefile reads: update casefile"
            ),
        }),
        Some(answer) => answered(answer, result.err().as_ref()),
        None => Outcome::Error(unanswered(result.err().as_ref(), attempts)),
    };
    tracing::debug!(%operation, status, attempts, milliseconds, "asked");
    Document {
        operation,
        request: Some(request.unwrap_or_default()),
        assumed: false,
        outcome,
        call: Some(Call { at, status, request_id, attempts, milliseconds }),
        read: None,
        origin: operation.name().to_owned(),
    }
}

/// The answer as it is, even where this SDK could make nothing of it.
fn answered<E: ProvideErrorMetadata + Error + 'static>(
    answer: Answered,
    error: Option<&SdkError<E, HttpResponse>>,
) -> Outcome {
    let status = answer.status;
    let failed = !(200..300).contains(&status);
    // Where the time was up before the call could be sent again, the last answer tells what was wrong.
    let told = match &answer.body {
        Body::Object(object) => object.fields.get("__type").and_then(Value::as_str),
        Body::Other(_) | Body::Broken => None,
    };
    let told = told.map(|kind| kind.rsplit('#').next().unwrap_or(kind).to_owned());
    let code = error.and_then(|error| error.code()).map(str::to_owned).or(told).filter(|_| failed);
    let (code, message) = match (answer.body, code) {
        (Body::Object(object), None) if (200..300).contains(&status) => return Outcome::Response(object),
        (Body::Object(object), Some(code)) => {
            let said = ["message", "Message", "errorMessage"].iter().find_map(|key| object.fields.get(*key)?.as_str());
            (code, said.map_or_else(|| format!("HTTP {status}"), str::to_owned))
        }
        (Body::Object(object), None) => {
            let body = quote(Value::Object(object.to_json()).to_string().as_bytes());
            (ApiError::UNREADABLE.to_owned(), format!("HTTP {status} with an answer that names no AWS error: {body}"))
        }
        (Body::Other(body), Some(code)) => (code, format!("HTTP {status}: {body}")),
        (Body::Other(body), None) if body.is_empty() => {
            (ApiError::UNREADABLE.to_owned(), format!("HTTP {status} without an answer"))
        }
        (Body::Other(body), None) => (
            ApiError::UNREADABLE.to_owned(),
            format!("HTTP {status} with an answer that is not the operation's: {body}"),
        ),
        (Body::Broken, _) => {
            let why = error.map(|error| chain(error)).unwrap_or_default();
            (ApiError::NO_ANSWER.to_owned(), format!("HTTP {status}, then the connection broke: {why}"))
        }
    };
    Outcome::Error(ApiError { code, message })
}

fn unanswered<E: Error + 'static>(error: Option<&SdkError<E, HttpResponse>>, attempts: u32) -> ApiError {
    let Some(error) = error else {
        let message = "the answer passed by unseen".to_owned();
        return ApiError { code: ApiError::NO_ANSWER.to_owned(), message };
    };
    let message = chain(error);
    let code = match error {
        SdkError::TimeoutError(_) => ApiError::TIMEOUT,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ApiError::TIMEOUT,
        // Before anything is sent, the SDK asks for credentials; it does not say so in its types.
        _ if attempts == 0 && message.contains("credentials") => ApiError::NO_CREDENTIALS,
        _ => ApiError::NO_ANSWER,
    };
    ApiError { code: code.to_owned(), message }
}

/// An error and its causes in one line, each said once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    said.join(": ")
}
