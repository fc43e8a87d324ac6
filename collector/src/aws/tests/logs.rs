//! Log groups, streams and lines.

use super::*;

#[tokio::test]
async fn log_groups_and_the_newest_streams_are_asked_for_no_further_than_needed() -> Result<(), ConnectError> {
    let hour = 3_600_000;
    let stream = |name: &str, at: i64| json!({"logStreamName": name, "lastEventTimestamp": AT.0 + at});
    let server = Server::start([
        ok(json!({"taskArns": []})),
        ok(json!({"logGroups": [], "nextToken": "n"})),
        ok(json!({"logGroups": [{"logGroupName": "/ecs/core"}, {"logGroupName": "/ecs/core-2"}], "nextToken": "m"})),
        ok(json!({"logStreams": [stream("a", 5), stream("b", 0)], "nextToken": "n"})),
        ok(json!({"logStreams": [stream("c", -hour), stream("d", -hour - 1)], "nextToken": "m"})),
        refused(400, "ResourceNotFoundException", "The specified log group does not exist."),
    ]);
    let aws = connect(&server).await?;
    let on = &mut |_: Document| ();
    ask::list_tasks(&aws, "production", TaskFilter::StartedBy("ci"), TaskStatus::Running, on).await;
    let asked = ask::describe_log_group(&aws, &ask::LogGroup::of("eu-west-1", "/ecs/core"), on).await;
    assert_eq!((asked.pages, asked.found), (2, true), "it is found before the list ends");
    let asked = ask::describe_newest_log_streams(&aws, &ask::LogGroup::of("eu-west-1", "g"), AT, on).await;
    assert_eq!((asked.pages, asked.found), (2, ["a", "b", "c"].map(str::to_owned).to_vec()));
    let asked = ask::describe_newest_log_streams(&aws, &ask::LogGroup::of("eu-west-1", "g"), AT, on).await;
    assert_eq!(asked.error.map(|error| error.code).as_deref(), Some("ResourceNotFoundException"));
    let sent: Vec<String> = server.asked().iter().map(|asked| format!("{} {}", asked.operation, asked.body)).collect();
    insta::assert_snapshot!(sent.join("\n"), @r#"
    ListTasks {"cluster":"production","desiredStatus":"RUNNING","maxResults":100,"startedBy":"ci"}
    DescribeLogGroups {"limit":50,"logGroupNamePrefix":"/ecs/core"}
    DescribeLogGroups {"limit":50,"logGroupNamePrefix":"/ecs/core","nextToken":"n"}
    DescribeLogStreams {"descending":true,"limit":50,"logGroupName":"g","orderBy":"LastEventTime"}
    DescribeLogStreams {"descending":true,"limit":50,"logGroupName":"g","nextToken":"n","orderBy":"LastEventTime"}
    DescribeLogStreams {"descending":true,"limit":50,"logGroupName":"g","orderBy":"LastEventTime"}
    "#);
    Ok(())
}

fn events(messages: &[&str], token: &str) -> Reply {
    let events: Vec<_> =
        messages.iter().map(|message| json!({"timestamp": 1, "ingestionTime": 2, "message": message})).collect();
    ok(json!({"events": events, "nextForwardToken": token, "nextBackwardToken": "b/0"}))
}

#[tokio::test]
async fn a_log_stream_is_read_until_its_token_comes_back() -> Result<(), ConnectError> {
    let server = Server::start([
        events(&["one"], "f/1"),
        events(&[], "f/2"),
        events(&["two"], "f/3"),
        events(&[], "f/3"),
        events(&["three"], "f/4"),
        events(&[], "f/4"),
        events(&[], "f/4"),
    ]);
    let (aws, documents) = (connect(&server).await?, Mutex::new(vec![]));
    let lines = Lines::Alone("s".to_owned());
    let read = async |token| {
        let cursor = LogCursor { token, ..LogCursor::new(1, Timestamp(9_000), Some(Timestamp(1_000))) };
        ask::read_lines(&aws, &ask::LogGroup::of("ap-southeast-2", "/ecs/core"), &lines, cursor, async |document| {
            documents.lock().unwrap().push(document);
        })
        .await
    };
    let came = |asked: &Asked<LogCursor>| (asked.pages, asked.error.is_none(), asked.found.token.clone());
    let asked = read(None).await;
    assert_eq!(came(&asked), (4, true, Some("f/3".to_owned())), "an empty page is no end");
    let asked = read(asked.found.token).await;
    assert_eq!(came(&asked), (2, true, Some("f/4".to_owned())));
    let asked = read(asked.found.token).await;
    assert_eq!(came(&asked), (1, true, Some("f/4".to_owned())));
    let documents = documents.into_inner().unwrap();
    let messages: Vec<_> =
        documents.iter().flat_map(|document| document.events()).map(|event| event.message.clone().unwrap()).collect();
    assert_eq!(messages, ["one", "two", "three"]);
    let pages = documents.iter().map(|document| document.read.map(|read| (read.page, read.last)).unwrap());
    let (on, end) = (|page| (page, false), |page| (page, true));
    assert_eq!(pages.collect::<Vec<_>>(), [on(1), on(2), on(3), end(4), on(1), end(2), end(1)]);
    let sent = server.asked();
    insta::assert_snapshot!(
        sent[4].body,
        @r#"{"limit":10000,"logGroupName":"/ecs/core","logStreamName":"s","nextToken":"f/3","startFromHead":true,"startTime":1000}"#
    );
    Ok(())
}

#[tokio::test]
async fn a_log_stream_keeps_its_place_when_an_answer_does_not_come() -> Result<(), ConnectError> {
    let server = Server::start([
        events(&["one"], "f/1"),
        refused(400, "ResourceNotFoundException", "The specified log stream does not exist."),
        events(&["one"], "f/1"),
        events(&["two"], "f/2"),
        events(&["one"], "f/1"),
        ok(json!({"events": []})),
    ]);
    let aws = connect(&server).await?;
    let read = async |token: Option<&str>| {
        let cursor = LogCursor { token: token.map(str::to_owned), ..LogCursor::new(1, Timestamp(9_000), None) };
        ask::read_lines(
            &aws,
            &ask::LogGroup::of("ap-southeast-2", "g"),
            &Lines::Alone("s".to_owned()),
            cursor,
            async |_| (),
        )
        .await
    };
    let asked = read(None).await;
    assert_eq!(asked.error.map(|error| error.code).as_deref(), Some("ResourceNotFoundException"));
    assert_eq!((asked.pages, asked.found.token.as_deref()), (1, Some("f/1")));
    let asked = read(None).await;
    assert_eq!(
        asked.error.map(|error| error.code).as_deref(),
        Some(ApiError::ENDLESS_PAGES),
        "f/1, f/2, and f/1 again"
    );
    let asked = read(Some("f/9")).await;
    assert_eq!((asked.pages, asked.error, asked.found.token.as_deref()), (1, None, Some("f/9")), "no token: the end");
    Ok(())
}

fn filtered(messages: &[&str], next: Option<&str>) -> Reply {
    let events: Vec<Value> = messages
        .iter()
        .map(|message| json!({"eventId": message, "logStreamName": "s", "message": message, "timestamp": 1}))
        .collect();
    match next {
        Some(next) => ok(json!({"events": events, "nextToken": next, "searchedLogStreams": []})),
        None => ok(json!({"events": events, "searchedLogStreams": []})),
    }
}

#[tokio::test]
async fn streams_are_read_together_until_no_token_comes() -> Result<(), ConnectError> {
    let full = vec!["x"; 10_000];
    let server = Server::start([
        filtered(&["one"], Some("n/1")),
        filtered(&[], Some("n/2")),
        refused(400, "InvalidParameterException", "The specified nextToken is invalid."),
        filtered(&["two"], None),
        filtered(&full, None),
    ]);
    let aws = connect(&server).await?;
    let lines = Lines::Together(vec!["a".to_owned(), "s".to_owned()]);
    let read = async |token: Option<String>| {
        let cursor = LogCursor { token, ..LogCursor::new(1, Timestamp(9_000), None) };
        ask::read_lines(&aws, &ask::LogGroup::of("ap-southeast-2", "g"), &lines, cursor, async |_| ()).await
    };
    let asked = read(None).await;
    assert_eq!((asked.pages, asked.found.token.as_deref()), (2, Some("n/2")), "it goes on from where it was refused");
    let asked = read(asked.found.token).await;
    assert_eq!((asked.pages, asked.error), (1, None));
    assert_eq!(read(None).await.pages, 1, "a full page without a token is the end");
    insta::assert_snapshot!(
        server.asked()[3].body,
        @r#"{"limit":10000,"logGroupName":"g","logStreamNames":["a","s"],"nextToken":"n/2"}"#
    );
    Ok(())
}
