//! The AWS Query protocol of Elastic Load Balancing: requests are forms, answers are XML.
//!
//! A document is JSON, whatever the wire has. So an answer becomes the JSON that the AWS CLI prints of it, by the XML's own
//! names: a field that this SDK does not know is kept.

use roxmltree::{Document as Xml, Node};
use serde_json::{Map, Value};

use crate::document::Operation;

/// Elements nest no deeper in any answer.
const DEEPEST: usize = 32;
/// Elements that are lists: an empty one looks like an empty text.
const LISTS: [&str; 2] = ["TargetHealthDescriptions", "InstanceStates"];
/// Elements that are numbers. `HealthCheckPort` is a text in the API.
const NUMBERS: [&str; 1] = ["Port"];

/// The members of a request, without `Action` and `Version`.
pub(super) fn request(form: &[u8]) -> Map<String, Value> {
    url::form_urlencoded::parse(form)
        .filter(|(key, _)| !matches!(&**key, "Action" | "Version"))
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect()
}

/// The result of an operation, or its error with the members `__type` and `message`, as the JSON protocol has them.
/// `None` where the body is neither.
pub(super) fn answer(operation: Operation, body: &[u8]) -> Option<Map<String, Value>> {
    let xml = Xml::parse(std::str::from_utf8(body).ok()?).ok()?;
    let root = xml.root_element();
    if root.tag_name().name() == "ErrorResponse" {
        return error(child(root, "Error")?);
    }
    let name = root.tag_name().name().strip_suffix("Response")?;
    let result = child(root, &format!("{name}Result")).filter(|_| name == operation.name())?;
    object(result, DEEPEST)
}

fn error(error: Node<'_, '_>) -> Option<Map<String, Value>> {
    let mut members = object(error, DEEPEST)?;
    let code = members.remove("Code").filter(Value::is_string)?;
    let message = members.remove("Message").unwrap_or_default();
    members.extend([("__type".to_owned(), code), ("message".to_owned(), message)]);
    Some(members)
}

fn child<'a, 'x>(of: Node<'a, 'x>, name: &str) -> Option<Node<'a, 'x>> {
    of.children().find(|node| node.is_element() && node.tag_name().name() == name)
}

fn object(element: Node<'_, '_>, depth: usize) -> Option<Map<String, Value>> {
    let mut members = Map::new();
    for child in element.children().filter(Node::is_element) {
        let value = value(child, depth.checked_sub(1)?)?;
        // Elements with the same name are the items of a list that has no element of its own.
        match members.get_mut(child.tag_name().name()) {
            None => {
                members.insert(child.tag_name().name().to_owned(), value);
            }
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Some(members)
}

fn value(element: Node<'_, '_>, depth: usize) -> Option<Value> {
    let name = element.tag_name().name();
    let mut children = element.children().filter(Node::is_element).peekable();
    if children.peek().is_some() {
        if children.clone().all(|child| child.tag_name().name() == "member") {
            let items = children.map(|item| value(item, depth.checked_sub(1)?));
            return items.collect::<Option<Vec<Value>>>().map(Value::Array);
        }
        return object(element, depth).map(Value::Object);
    }
    if LISTS.contains(&name) {
        return Some(Value::Array(Vec::new()));
    }
    let text: String = element.children().filter(|node| node.is_text()).filter_map(|node| node.text()).collect();
    let number = text.parse::<i64>().ok().filter(|_| NUMBERS.contains(&name));
    Some(number.map_or(Value::String(text), Value::from))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

    fn read(body: &str) -> Option<Value> {
        answer(Operation::DescribeTargetHealth, body.as_bytes()).map(Value::Object)
    }

    fn result(members: &str) -> String {
        format!(
            "<DescribeTargetHealthResponse xmlns=\"{NAMESPACE}\">\n  <DescribeTargetHealthResult>{members}\
             </DescribeTargetHealthResult>\n  <ResponseMetadata><RequestId>c534f810</RequestId></ResponseMetadata>\n\
             </DescribeTargetHealthResponse>"
        )
    }

    #[test]
    fn an_answer_is_what_the_cli_prints_of_it() {
        let body = result(
            "
            <TargetHealthDescriptions>
              <member>
                <HealthCheckPort>80</HealthCheckPort>
                <TargetHealth><State>healthy</State></TargetHealth>
                <Target><Port>80</Port><AvailabilityZone>us-west-2a</AvailabilityZone><Id>10.0.40.7</Id></Target>
                <AnomalyDetection><Result>normal</Result><MitigationInEffect>no</MitigationInEffect></AnomalyDetection>
              </member>
              <member>
                <TargetHealth>
                  <State>unhealthy</State><Reason>Target.ResponseCodeMismatch</Reason>
                  <Description>codes &lt;a&amp;b&gt;: <![CDATA[[503]]]></Description>
                </TargetHealth>
                <Target><Id>i-1</Id><Port>32768</Port></Target>
                <OfTomorrow><member>a</member><member><Port>x</Port></member></OfTomorrow>
              </member>
            </TargetHealthDescriptions>",
        );
        let expected = json!({ "TargetHealthDescriptions": [
            { "HealthCheckPort": "80", "TargetHealth": { "State": "healthy" },
              "Target": { "Port": 80, "AvailabilityZone": "us-west-2a", "Id": "10.0.40.7" },
              "AnomalyDetection": { "Result": "normal", "MitigationInEffect": "no" } },
            { "TargetHealth": { "State": "unhealthy", "Reason": "Target.ResponseCodeMismatch",
                                "Description": "codes <a&b>: [503]" },
              "Target": { "Id": "i-1", "Port": 32768 }, "OfTomorrow": ["a", { "Port": "x" }] },
        ] });
        assert_eq!(read(&body), Some(expected));
    }

    #[test]
    fn a_target_group_without_targets_is_an_empty_list() {
        for members in ["<TargetHealthDescriptions/>", "<TargetHealthDescriptions>\n </TargetHealthDescriptions>"] {
            assert_eq!(read(&result(members)), Some(json!({ "TargetHealthDescriptions": [] })), "{members}");
        }
        assert_eq!(read(&result("")), Some(json!({})));
        let twice = result("<A>1</A><A>2</A><A>3</A>");
        assert_eq!(read(&twice), Some(json!({ "A": ["1", "2", "3"] })));
    }

    #[test]
    fn an_error_is_one_of_the_json_protocol() {
        let body = format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>User: x is not authorized</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        );
        let expected = json!({ "__type": "AccessDenied", "message": "User: x is not authorized", "Type": "Sender" });
        assert_eq!(read(&body), Some(expected));
    }

    #[test]
    fn anything_else_is_no_answer() {
        let deep = format!("{}x{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        for body in [
            "",
            "not found",
            "<html>hello</html>",
            "<DescribeTargetHealthResponse/>",
            "<DescribeRulesResponse><DescribeRulesResult/></DescribeRulesResponse>",
            "<ErrorResponse><Error><Message>no code</Message></Error></ErrorResponse>",
            "<DescribeTargetHealthResponse><DescribeTargetHealthResult>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><DescribeTargetHealthResponse><DescribeTargetHealthResult/></DescribeTargetHealthResponse>",
            &result(&deep),
        ] {
            assert_eq!(read(body), None, "{}", body.chars().take(90).collect::<String>());
        }
        assert_eq!(answer(Operation::DescribeTargetHealth, b"\xff\xfe<a/>"), None);
    }

    #[test]
    fn a_request_is_a_form() {
        let form =
            b"Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=arn%3Aaws%3Ax%3Atargetgroup%2Fa+b%2F1";
        let expected = json!({ "TargetGroupArn": "arn:aws:x:targetgroup/a b/1" });
        assert_eq!(Value::Object(request(form)), expected);
    }
}
