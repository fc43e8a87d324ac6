//! The real SDK over real HTTP, against an in-test server.

mod load_balancing;
mod logs;
mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_ecs::config::{ProvideCredentials, SharedCredentialsProvider};
use casefile_evidence::Timestamp;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::ask::{self, Asked, Lines, LogCursor, TaskFilter, TaskStatus};
use super::{Aws, ConnectError, ConnectOptions, CredentialsSource, Timeouts};
use crate::aws::Quotas;
use crate::clock::Clock;
use crate::document::{ApiError, Document, Operation, Outcome};
use server::{Reply, Server};

const AT: Timestamp = Timestamp(1_763_883_780_123);

/// It is always the same moment.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        AT
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

async fn connect(server: &Server) -> Result<Aws, ConnectError> {
    Aws::connect(ConnectOptions {
        region: Some("ap-southeast-2".to_owned()),
        endpoint_url: Some(server.url.clone()),
        credentials: CredentialsSource::Fixed {
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
        },
        timeouts: Timeouts {
            connect: Duration::from_secs(3),
            attempt: Duration::from_millis(500),
            operation: Duration::from_millis(20_000),
            ..Timeouts::default()
        },
        max_attempts: 3,
        initial_backoff: Duration::from_millis(5),
        clock: Arc::new(Stopped),
        ..ConnectOptions::default()
    })
    .await
}

fn ok(body: Value) -> Reply {
    Reply::Json(200, body)
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    Reply::Json(status, json!({"__type": format!("com.amazonaws.ecs#{code}"), "message": message}))
}

/// Lists the running tasks of a service, and gives what was handed over.
async fn list(server: &Server) -> Result<(Asked<Vec<String>>, Vec<Document>), ConnectError> {
    let (aws, mut documents) = (connect(server).await?, vec![]);
    let mut on = |document| documents.push(document);
    let asked = ask::list_tasks(&aws, "production", TaskFilter::Service("core"), TaskStatus::Running, &mut on).await;
    Ok((asked, documents))
}

fn error_of(document: &Document) -> &ApiError {
    match &document.outcome {
        Outcome::Error(error) => error,
        Outcome::Response(response) => panic!("an error, not {response:?}"),
    }
}

#[tokio::test]
async fn pages_are_handed_over_as_they_come_and_asked_to_the_end() -> Result<(), ConnectError> {
    let server = Server::start([
        ok(json!({"taskArns": ["a", "b"], "nextToken": "one", "somethingNew": {"x": 1}})),
        ok(json!({"taskArns": [], "nextToken": "two"})),
        ok(json!({"taskArns": ["c"]})),
    ]);
    let (asked, documents) = list(&server).await?;
    assert_eq!(asked, Asked { pages: 3, error: None, found: ["a", "b", "c"].map(str::to_owned).to_vec() });
    assert_eq!(documents.len(), 3, "an empty page with a token is a page");
    let first = &documents[0];
    assert_eq!(first.operation, Operation::ListTasks);
    assert_eq!(first.response().unwrap()["somethingNew"], json!({"x": 1}), "what the SDK does not know survives");
    let sent = server.asked();
    let tokens: Vec<_> = sent.iter().map(|asked| asked.body.get("nextToken").cloned().unwrap_or_default()).collect();
    assert_eq!(tokens, [Value::Null, json!("one"), json!("two")]);
    assert_eq!(
        sent[0].body,
        json!({"cluster": "production", "serviceName": "core", "desiredStatus": "RUNNING", "maxResults": 100})
    );
    for (document, asked) in documents.iter().zip(&sent) {
        assert_eq!(Value::Object(document.request.clone().unwrap()), asked.body, "the request is what the wire had");
    }
    assert!(sent[0].user_agent.contains("app/casefile"), "{}", sent[0].user_agent);
    assert!(sent[0].scope.ends_with("/ap-southeast-2/ecs/aws4_request"), "{}", sent[0].scope);
    let call = first.call.as_ref().unwrap();
    assert_eq!((call.at, call.status, call.attempts), (AT, Some(200), 1));
    assert_eq!(call.request_id.as_deref(), Some("r-200"));
    Ok(())
}

#[tokio::test]
async fn an_error_ends_it_and_keeps_the_pages_before_it() -> Result<(), ConnectError> {
    let server = Server::start([
        ok(json!({"taskArns": ["a"], "nextToken": "one"})),
        refused(400, "AccessDeniedException", "not authorized to perform: ecs:ListTasks"),
    ]);
    let (asked, documents) = list(&server).await?;
    let denied = ApiError {
        code: "AccessDeniedException".to_owned(),
        message: "not authorized to perform: ecs:ListTasks".to_owned(),
    };
    assert_eq!(asked, Asked { pages: 1, error: Some(denied.clone()), found: vec!["a".to_owned()] });
    assert!(!asked.is_complete());
    assert_eq!(error_of(&documents[1]), &denied);
    let call = documents[1].call.as_ref().unwrap();
    assert_eq!((call.status, call.attempts, call.request_id.as_deref()), (Some(400), 1, Some("r-400")));
    Ok(())
}

#[tokio::test]
async fn throttling_is_waited_out_and_the_attempts_are_counted() -> Result<(), ConnectError> {
    let throttled = || refused(400, "ThrottlingException", "Rate exceeded");
    let server = Server::start([throttled(), throttled(), ok(json!({"taskArns": ["a"]}))]);
    let (asked, documents) = list(&server).await?;
    assert_eq!((asked.pages, asked.error), (1, None));
    assert_eq!(documents.len(), 1, "one logical call is one document");
    let call = documents[0].call.as_ref().unwrap();
    assert_eq!((call.attempts, call.status), (3, Some(200)));

    let server = Server::start([throttled(), throttled(), throttled(), ok(json!({"taskArns": ["a"]}))]);
    let (asked, documents) = list(&server).await?;
    assert_eq!(asked.error.map(|error| error.code).as_deref(), Some("ThrottlingException"));
    assert_eq!(documents[0].call.as_ref().unwrap().attempts, 3);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_answer_that_did_not_come() -> Result<(), ConnectError> {
    let server = Server::start([Reply::Close, ok(json!({"taskArns": []}))]);
    let (asked, documents) = list(&server).await?;
    assert_eq!((asked.pages, documents[0].call.as_ref().unwrap().attempts), (1, 2), "once is no matter");

    let server = Server::start([Reply::Close, Reply::Close, Reply::Close]);
    let (asked, documents) = list(&server).await?;
    assert_eq!(asked.pages, 0);
    assert_eq!(error_of(&documents[0]).code, ApiError::NO_ANSWER);
    let call = documents[0].call.as_ref().unwrap();
    assert_eq!((call.status, call.attempts), (None, 3));
    assert_eq!(documents[0].requested("cluster"), Some("production"), "what was asked is known all the same");

    let server = Server::start([Reply::Cut, Reply::Cut, Reply::Cut]);
    let (_, documents) = list(&server).await?;
    assert_eq!(error_of(&documents[0]).code, ApiError::NO_ANSWER, "{:?}", error_of(&documents[0]));
    Ok(())
}

/// Its session ended after the collection had begun.
#[derive(Debug)]
struct Ended;

impl ProvideCredentials for Ended {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::provider_error("the session has ended")))
    }
}

#[tokio::test]
async fn credentials_that_can_no_longer_be_had_are_an_error_document() -> Result<(), ConnectError> {
    let server = Server::start([]);
    let config = connect(&server).await?.config().to_builder();
    let config = config.credentials_provider(SharedCredentialsProvider::new(Ended)).build();
    let (aws, mut documents) = (Aws::new(config, "eu-west-1".to_owned(), Quotas::default(), Arc::new(Stopped)), vec![]);
    let asked = ask::describe_services(&aws, "production", "core", &mut |document| documents.push(document)).await;
    let error = asked.error.unwrap();
    assert_eq!(error.code, ApiError::NO_CREDENTIALS, "{}", error.message);
    assert!(error.message.contains("the session has ended"), "{}", error.message);
    let call = documents[0].call.as_ref().unwrap();
    assert_eq!((call.status, call.attempts, server.asked().len()), (None, 0, 0), "nothing was sent");
    Ok(())
}

#[tokio::test]
async fn nobody_there_is_an_answer_that_did_not_come() -> Result<(), ConnectError> {
    let mut server = Server::start([]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    server.url = format!("http://{free}");
    let (asked, documents) = list(&server).await?;
    assert_eq!(asked.pages, 0);
    let error = error_of(&documents[0]);
    assert_eq!(error.code, ApiError::NO_ANSWER);
    assert!(error.message.to_lowercase().contains("connection refused"), "{}", error.message);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_timeout() -> Result<(), ConnectError> {
    let server = Server::start([Reply::Hang, ok(json!({"taskArns": []}))]);
    let (asked, documents) = list(&server).await?;
    assert_eq!((asked.pages, documents[0].call.as_ref().unwrap().attempts), (1, 2), "once is no matter");

    let server = Server::start([Reply::Hang, Reply::Hang, Reply::Hang]);
    let (asked, documents) = list(&server).await?;
    assert_eq!(asked.error.map(|error| error.code).as_deref(), Some(ApiError::TIMEOUT));
    assert_eq!(error_of(&documents[0]).code, ApiError::TIMEOUT);
    let call = documents[0].call.as_ref().unwrap();
    assert_eq!((call.status, call.attempts), (None, 3));
    assert!(call.milliseconds >= 1_400, "{} ms", call.milliseconds);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_does_not_know_the_operation_gives_an_error_document() -> Result<(), ConnectError> {
    for (status, body) in [
        (500, "<!doctype html><title>500 Internal Server Error</title>"),
        (501, "<h1>Not yet implemented</h1>"),
        (404, "not found"),
        (404, ""),
        (200, "<html>hello</html>"),
        (200, "[1, 2]"),
        (200, ""),
        (302, ""),
    ] {
        let server = Server::start(vec![Reply::Text(status, body); 3]);
        let (asked, documents) = list(&server).await?;
        let error = error_of(&documents[0]);
        assert_eq!((asked.pages, error.code.as_str()), (0, ApiError::UNREADABLE), "{status} {body}: {}", error.message);
        assert!(error.message.starts_with(&format!("HTTP {status} ")), "{}", error.message);
        assert!(error.message.contains(body), "{}", error.message);
        let call = documents[0].call.as_ref().unwrap();
        assert_eq!((call.status, call.attempts), (Some(status), 1), "it would say the same again");
    }
    let gateway = Reply::Text(503, "<html>Service Unavailable</html>");
    let server = Server::start([gateway, ok(json!({"taskArns": []}))]);
    assert!(list(&server).await?.0.is_complete(), "a gateway's page may pass");
    let server = Server::start([Reply::Json(400, json!({"message": "no type"}))]);
    let (_, documents) = list(&server).await?;
    let error = error_of(&documents[0]);
    assert_eq!(error.code, ApiError::UNREADABLE);
    assert!(error.message.contains("no type"), "{}", error.message);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_this_sdk_cannot_read_is_kept_as_it_came() -> Result<(), ConnectError> {
    let body = json!({"taskArns": {"not": "a list"}, "nextToken": "one"});
    let server = Server::start([ok(body.clone()), ok(json!({"taskArns": ["a"]}))]);
    let (asked, documents) = list(&server).await?;
    assert_eq!((asked.pages, asked.found), (2, vec!["a".to_owned()]));
    assert_eq!(Value::Object(documents[0].response().unwrap().clone()), body);
    Ok(())
}

#[tokio::test]
async fn pages_that_do_not_end_are_ended() -> Result<(), ConnectError> {
    let page = || ok(json!({"taskArns": ["a"], "nextToken": "same"}));
    let server = Server::start([page(), page(), page(), page()]);
    let (asked, documents) = list(&server).await?;
    assert_eq!(asked.error.map(|error| error.code).as_deref(), Some(ApiError::ENDLESS_PAGES));
    assert_eq!((asked.pages, documents.len(), server.asked().len()), (2, 2, 2));
    Ok(())
}

#[tokio::test]
async fn epoch_times_come_as_the_wire_has_them() -> Result<(), ConnectError> {
    let service = json!({"serviceName": "core", "createdAt": 1_763_883_780.123, "events": []});
    let server = Server::start([ok(json!({"services": [service], "failures": []}))]);
    let (aws, mut documents) = (connect(&server).await?, vec![]);
    let asked = ask::describe_services(&aws, "production", "core", &mut |document| documents.push(document)).await;
    assert!(asked.is_complete());
    assert_eq!(documents[0].response().unwrap()["services"][0], service);
    assert_eq!(server.asked()[0].body, json!({"cluster": "production", "services": ["core"]}));
    Ok(())
}

#[tokio::test]
async fn names_are_described_in_batches() -> Result<(), ConnectError> {
    let server = Server::start((0..3).map(|_| ok(json!({"tasks": []}))));
    let aws = connect(&server).await?;
    let arns: Vec<String> = (0..201).map(|n| format!("t{n}")).collect();
    let asked = ask::describe_tasks(&aws, "production", &arns, &mut |_| ()).await;
    let sent = server.asked();
    let mut sizes: Vec<_> = sent.iter().map(|asked| asked.body["tasks"].as_array().map(Vec::len)).collect();
    // They are asked side by side.
    sizes.sort();
    assert_eq!((asked.pages, sizes), (3, vec![Some(1), Some(100), Some(100)]));
    assert_eq!(ask::describe_tasks(&aws, "production", &[], &mut |_| ()).await.pages, 0);

    let server = Server::start((0..4).map(|_| ok(json!({}))));
    let aws = connect(&server).await?;
    let arns: Vec<String> = (0..21).map(|n| format!("d{n}")).collect();
    ask::describe_service_deployments(&aws, &arns, &mut |_| ()).await;
    ask::describe_service_revisions(&aws, &arns, &mut |_| ()).await;
    let mut sent: Vec<_> = server
        .asked()
        .into_iter()
        .map(|asked| {
            (asked.operation, asked.body.as_object().unwrap().values().next().unwrap().as_array().unwrap().len())
        })
        .collect();
    sent.sort();
    let expected = [
        ("DescribeServiceDeployments", 1),
        ("DescribeServiceDeployments", 20),
        ("DescribeServiceRevisions", 1),
        ("DescribeServiceRevisions", 20),
    ];
    assert_eq!(sent, expected.map(|(operation, names)| (operation.to_owned(), names)));
    Ok(())
}

#[tokio::test]
async fn the_other_operations_ask_for_what_they_should() -> Result<(), ConnectError> {
    let deployment = json!({"serviceDeploymentArn": "arn:d1", "createdAt": 1_763_883_780.5});
    let server = Server::start([
        ok(json!({"taskDefinition": {}})),
        ok(json!({"taskSets": []})),
        ok(json!({"serviceDeployments": [deployment]})),
        ok(json!({"taskArns": []})),
        ok(json!({"logStreams": [{"logStreamName": "app/core/1"}], "nextToken": "n"})),
        ok(json!({"logStreams": [{"logStreamName": "app/core/2"}]})),
    ]);
    let aws = connect(&server).await?;
    let on = &mut |_: Document| ();
    ask::describe_task_definition(&aws, "core:7", on).await;
    ask::describe_task_sets(&aws, "production", "core", on).await;
    let found = ask::list_service_deployments(&aws, "production", "core", Some(AT), on).await.found;
    assert_eq!(found, ["arn:d1"]);
    ask::list_tasks(&aws, "production", TaskFilter::Family("migrate"), TaskStatus::Stopped, on).await;
    let found = ask::describe_log_streams(&aws, &ask::LogGroup::of("eu-west-1", "/ecs/core"), Some("app/core/"), on)
        .await
        .found;
    assert_eq!(found, ["app/core/1", "app/core/2"]);
    let sent = server.asked();
    assert!(sent[4].scope.contains("/eu-west-1/logs/"), "the log driver's region signs: {}", sent[4].scope);
    let sent: Vec<String> = sent.iter().map(|asked| format!("{} {}", asked.operation, asked.body)).collect();
    insta::assert_snapshot!(sent.join("\n"), @r#"
    DescribeTaskDefinition {"taskDefinition":"core:7"}
    DescribeTaskSets {"cluster":"production","service":"core"}
    ListServiceDeployments {"cluster":"production","createdAt":{"after":1763883780.123},"maxResults":100,"service":"core"}
    ListTasks {"cluster":"production","desiredStatus":"STOPPED","family":"migrate","maxResults":100}
    DescribeLogStreams {"limit":50,"logGroupName":"/ecs/core","logStreamNamePrefix":"app/core/"}
    DescribeLogStreams {"limit":50,"logGroupName":"/ecs/core","logStreamNamePrefix":"app/core/","nextToken":"n"}
    "#);
    Ok(())
}
