//! Elastic Load Balancing speaks the Query protocol.

use super::*;

const ARN: &str = "arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:targetgroup/core/6d0ecf831eec9f09";

async fn health(replies: impl IntoIterator<Item = Reply>) -> (Document, Server) {
    let server = Server::start(replies);
    let (aws, mut documents) = (connect(&server).await.unwrap(), vec![]);
    ask::describe_target_health(&aws, ARN, &mut |document| documents.push(document)).await;
    assert_eq!(documents.len(), 1);
    (documents.remove(0), server)
}

fn refused(status: u16, code: &str) -> Reply {
    Reply::Xml(
        status,
        format!(
            "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>because</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        ),
    )
}

#[tokio::test]
async fn an_answer_becomes_the_json_of_the_cli() {
    let body = "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions><member><Target>\
                <Id>10.0.0.1</Id><Port>80</Port></Target><TargetHealth><State>healthy</State></TargetHealth>\
                <New>1</New></member></TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>";
    let (document, server) = health([Reply::Xml(200, body.to_owned())]).await;
    let described =
        json!({ "Target": { "Id": "10.0.0.1", "Port": 80 }, "TargetHealth": { "State": "healthy" }, "New": "1" });
    assert_eq!(document.response().unwrap()["TargetHealthDescriptions"], json!([described]));
    assert_eq!(Value::Object(document.request.clone().unwrap()), json!({ "TargetGroupArn": ARN }));
    let call = document.call.as_ref().unwrap();
    assert_eq!((call.status, call.request_id.as_deref(), call.attempts), (Some(200), Some("r-200"), 1));
    let asked = &server.asked()[0];
    assert_eq!((asked.operation.as_str(), &asked.body["Version"]), ("DescribeTargetHealth", &json!("2015-12-01")));
    assert!(asked.scope.ends_with("/ap-southeast-2/elasticloadbalancing/aws4_request"), "{}", asked.scope);
}

#[tokio::test]
async fn errors_keep_their_codes() {
    for (status, code, means) in [
        (403, "AccessDenied", "denied"),
        (403, "ExpiredToken", "denied"),
        (400, "TargetGroupNotFound", "missing"),
        (400, "InvalidAction", "missing"),
    ] {
        let (document, server) = health([refused(status, code)]).await;
        let error = error_of(&document);
        assert_eq!((error.code.as_str(), error.message.as_str(), error.status()), (code, "because", means));
        assert_eq!(server.asked().len(), 1);
    }
    let throttled = || refused(400, "Throttling");
    let (document, _) = health([throttled(), throttled(), throttled()]).await;
    assert_eq!(error_of(&document).status(), "throttled");
    assert_eq!(document.call.as_ref().unwrap().attempts, 3);
}

#[tokio::test]
async fn what_is_no_answer_says_so() {
    for body in ["", "<html>hello</html>", "[1]"] {
        let (document, _) = health(vec![Reply::Text(200, body); 3]).await;
        assert_eq!(error_of(&document).code, ApiError::UNREADABLE, "{body}");
    }
    let json = Reply::Json(400, json!({ "__type": "UnknownOperationException", "message": "" }));
    let (document, _) = health(vec![json; 3]).await;
    assert_eq!(error_of(&document).code, "UnknownOperationException");
}
