//! Secrets that are told by where they stand: the members of documents, and the order of log lines.

use serde_json::{Value, json};

use super::{JWT, SECRET_KEY};
use crate::document::{Answer, Document, Operation, Outcome};
use crate::redact::{Counts, KeyBlocks, Redactor};

fn document(operation: Operation, request: Value, response: Value) -> Document {
    let object = |value| serde_json::from_value(value).unwrap();
    Document {
        operation,
        request: Some(object(request)),
        assumed: false,
        outcome: Outcome::Response(Answer::new(operation, object(response))),
        call: None,
        read: None,
        origin: operation.name().to_owned(),
    }
}

#[test]
fn environment_values_go_and_their_names_stay() {
    let mut document = document(
        Operation::DescribeTaskDefinition,
        json!({"taskDefinition": "core:7"}),
        json!({"taskDefinition": {"containerDefinitions": [{
            "name": "app",
            "image": "core:7",
            "environment": [{"name": "LOG_LEVEL", "value": "debug"}, {"name": "EMPTY", "value": ""}],
            "secrets": [{"name": "DB", "valueFrom": "arn:aws:ssm:ap-southeast-2:1:parameter/db"}],
            "command": ["serve", "--db=postgres://app:hunter2@db/core"],
            "logConfiguration": {"options": {"awslogs-group": "/ecs/core"}}
        }]}}),
    );
    let mut counts = Counts::new();
    let redactor = Redactor::standard();
    redactor.redact(&mut document, &KeyBlocks::default(), &mut counts);
    let container = &document.response().unwrap()["taskDefinition"]["containerDefinitions"][0];
    insta::assert_snapshot!(serde_json::to_string_pretty(container).unwrap(), @r#"
    {
      "command": [
        "serve",
        "--db=postgres://app:[redacted:url-password]@db/core"
      ],
      "environment": [
        {
          "name": "LOG_LEVEL",
          "value": "[redacted:environment]"
        },
        {
          "name": "EMPTY",
          "value": "[redacted:environment]"
        }
      ],
      "image": "core:7",
      "logConfiguration": {
        "options": {
          "awslogs-group": "/ecs/core"
        }
      },
      "name": "app",
      "secrets": [
        {
          "name": "DB",
          "valueFrom": "arn:aws:ssm:ap-southeast-2:1:parameter/db"
        }
      ]
    }
    "#);
    assert_eq!(counts, Counts::from([("environment".to_owned(), 2), ("url-password".to_owned(), 1)]));
    let (once, mut again) = (document.clone(), Counts::new());
    redactor.redact(&mut document, &KeyBlocks::default(), &mut again);
    assert_eq!((document, again), (once, Counts::new()), "a second time changes and counts nothing");
}

#[test]
fn overrides_and_named_values_are_read_by_their_names() {
    let mut document = document(
        Operation::DescribeTasks,
        json!({"tasks": ["t"]}),
        json!({"tasks": [{
            "overrides": {"containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": "b"}]}]},
            "tags": [{"key": "aws_secret_access_key", "value": SECRET_KEY}, {"key": "commit", "value": SECRET_KEY}],
            "options": {"secretAccessKey": SECRET_KEY, "Authorization": "Basic dXNlcjpwYXNz"}
        }]}),
    );
    let mut counts = Counts::new();
    Redactor::standard().redact(&mut document, &KeyBlocks::default(), &mut counts);
    let task = &document.response().unwrap()["tasks"][0];
    assert_eq!(
        task["overrides"]["containerOverrides"][0]["environment"][0],
        json!({"name": "A", "value": "[redacted:environment]"})
    );
    assert_eq!(task["tags"][0]["value"], "[redacted:aws-secret-access-key]");
    assert_eq!(task["tags"][1]["value"], SECRET_KEY, "nothing says that it is a secret");
    assert_eq!(task["options"]["secretAccessKey"], "[redacted:aws-secret-access-key]");
    assert_eq!(task["options"]["Authorization"], "Basic [redacted:basic-auth]");
    assert_eq!(counts.values().sum::<u64>(), 4);
}

#[test]
fn a_password_is_secret_whatever_it_looks_like() {
    let (quoted, odd) = ("pa'ss-\"word\"-123", "x".repeat(300));
    let mut value = json!({"dbPassword": quoted, "passphrase": odd, "passwd": "ab", "password": null, "cwd": "/app"});
    let mut counts = Counts::new();
    Redactor::standard().redact_value(&mut value, &mut counts);
    let marked = "[redacted:password]";
    let expected = json!({"dbPassword": marked, "passphrase": marked, "passwd": "ab", "password": null, "cwd": "/app"});
    assert_eq!((value, counts["password"]), (expected, 2));
}

#[test]
fn options_of_log_drivers_go_unless_they_are_known_to_be_no_secrets() {
    let options = json!({
        "Name": "http", "Host": "logs.internal", "HTTP_Passwd": "hunter2", "Header": "X-Key 8f2a",
        "URI": "/receiver/v1/http/ZaVnC4dhaV1", "splunk-token": "176FCEBF-4CF5-4EDF-91BC-703796522D20",
        "splunk-url": "https://u:hunter2@splunk.internal:8088", "awslogs-group": "/ecs/core", "mode": "non-blocking",
    });
    let mut definition =
        json!({"logConfiguration": {"logDriver": "awsfirelens", "options": options}, "options": {"a": "b"}});
    let mut counts = Counts::new();
    let redactor = Redactor::standard();
    redactor.redact_value(&mut definition, &mut counts);
    let gone = "[redacted:log-option]";
    assert_eq!(
        definition["logConfiguration"]["options"],
        json!({
            "Name": "http", "Host": "logs.internal", "HTTP_Passwd": gone, "Header": gone, "URI": gone,
            "splunk-token": gone, "splunk-url": "https://u:[redacted:url-password]@splunk.internal:8088",
            "awslogs-group": "/ecs/core", "mode": "non-blocking",
        })
    );
    assert_eq!(definition["options"]["a"], "b", "these are of no log driver");
    assert_eq!(counts, Counts::from([("log-option".to_owned(), 4), ("url-password".to_owned(), 1)]));
    let (once, mut again) = (definition.clone(), Counts::new());
    redactor.redact_value(&mut definition, &mut again);
    assert_eq!((definition, again), (once, Counts::new()));
}

#[test]
fn tokens_of_pages_and_ids_of_events_survive() {
    let token = format!("f/{}", "Bearer%20".repeat(3) + JWT);
    let mut document = document(
        Operation::FilterLogEvents,
        json!({"nextToken": token}),
        json!({"nextToken": token, "events": [{"eventId": JWT, "message": JWT}]}),
    );
    Redactor::standard().redact(&mut document, &KeyBlocks::default(), &mut Counts::new());
    assert_eq!(document.request.as_ref().unwrap()["nextToken"], token.as_str());
    let response = document.response().unwrap();
    assert_eq!(response["nextToken"], token.as_str());
    assert_eq!(document.events()[0].to_json(), json!({"eventId": JWT, "message": "[redacted:jwt]"}));
}

#[test]
fn a_private_key_that_was_logged_line_by_line_is_taken_out() {
    let event = |stream: &str, message: &str| json!({"logStreamName": stream, "message": message});
    let mut document = document(
        Operation::FilterLogEvents,
        json!({}),
        json!({"events": [
            event("a", "-----BEGIN EC PRIVATE KEY-----"),
            event("b", "c3RhbmRzYWxvbmU="),
            event("a", "MHcCAQEEIIGEXAMPLE+/x"),
            event("a", "AwEHoUQDQgAE="),
            event("a", "-----END EC PRIVATE KEY-----"),
            event("a", "c3RhbmRzYWxvbmU="),
        ]}),
    );
    let mut counts = Counts::new();
    Redactor::standard().redact(&mut document, &KeyBlocks::default(), &mut counts);
    let messages: Vec<_> = document.events().iter().map(|event| event.message.clone().unwrap()).collect();
    assert_eq!(
        messages,
        [
            "-----BEGIN EC PRIVATE KEY-----",
            "c3RhbmRzYWxvbmU=",
            "[redacted:private-key]",
            "[redacted:private-key]",
            "-----END EC PRIVATE KEY-----",
            "c3RhbmRzYWxvbmU=",
        ]
    );
    assert_eq!(counts, Counts::from([("private-key".to_owned(), 2)]));
    let once = document.clone();
    Redactor::standard().redact(&mut document, &KeyBlocks::default(), &mut counts);
    assert_eq!((document, counts.len()), (once, 1));
}

/// The messages of a stream, an event a second, as they are kept.
fn kept(blocks: &KeyBlocks, from: usize, messages: &[&str]) -> Vec<String> {
    let event = |(at, message): (usize, &&str)| json!({"timestamp": at * 1000, "message": message});
    let events: Vec<Value> = messages.iter().enumerate().skip(from).map(event).collect();
    let request = json!({"logGroupName": "g", "logStreamName": "s"});
    let mut document = document(Operation::GetLogEvents, request, json!({"events": events}));
    Redactor::standard().redact(&mut document, blocks, &mut Counts::new());
    document.events().iter().map(|event| event.message.clone().unwrap()).collect()
}

const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

#[test]
fn a_private_key_is_taken_out_whatever_stands_between_its_lines() {
    let wrapped = format!(r#"{{"log":"{BODY}","container_name":"app"}}"#);
    let messages = [
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        "Version: GnuPG v2",
        "",
        BODY,
        "-----END CERTIFICATE-----",
        &wrapped,
        r#"{"log":"Qk3="}"#,
        "=aB3d",
        "-----END PGP PRIVATE KEY BLOCK-----",
        "c3RhbmRzYWxvbmU=",
    ];
    let gone = "[redacted:private-key]";
    let expected = [
        messages[0],
        messages[1],
        messages[2],
        gone,
        messages[4],
        r#"{"log":"[redacted:private-key]","container_name":"app"}"#,
        r#"{"log":"[redacted:private-key]"}"#,
        gone,
        messages[8],
        messages[9],
    ];
    let blocks = KeyBlocks::default();
    assert_eq!(kept(&blocks, 0, &messages), expected);
    // A line that comes again is the same line: else it would count twice.
    for from in 0..messages.len() {
        assert_eq!(kept(&blocks, from, &messages), expected[from..], "from {from}");
    }
}

#[test]
fn a_key_that_is_broken_off_ends_after_a_while() {
    let mut messages = vec!["-----BEGIN PRIVATE KEY-----", BODY];
    messages.extend(["GET /health 200"; 21]);
    messages.push("c3RhbmRzYWxvbmU=");
    let blocks = KeyBlocks::default();
    let read = kept(&blocks, 0, &messages);
    assert_eq!(
        (read[1].as_str(), read.last().map(String::as_str)),
        ("[redacted:private-key]", messages.last().copied())
    );
    // A line that comes again is the same line here too.
    for from in 0..messages.len() {
        assert_eq!(kept(&blocks, from, &messages), read[from..], "from {from}");
    }
}

#[test]
fn errors_are_redacted_too() {
    let mut document = document(Operation::ListTasks, json!({}), json!({}));
    document.outcome = Outcome::Error(crate::document::ApiError {
        code: "InvalidParameterException".to_owned(),
        message: "AKIAIOSFODNN7EXAMPLE is not known".to_owned(),
    });
    Redactor::standard().redact(&mut document, &KeyBlocks::default(), &mut Counts::new());
    let Outcome::Error(error) = document.outcome else { unreachable!() };
    assert_eq!(error.message, "[redacted:aws-access-key-id] is not known");
}

#[test]
fn arguments_are_secret_by_what_stands_before_them() {
    let redacted = |arguments: Value| {
        let mut value = json!({ "command": arguments });
        let redactor = Redactor::standard();
        let mut counts = Counts::new();
        redactor.redact_value(&mut value, &mut counts);
        let once = value.clone();
        redactor.redact_value(&mut value, &mut Counts::new());
        assert_eq!(value, once, "it is idempotent");
        (value["command"].clone(), counts.get("argument").copied().unwrap_or_default())
    };
    const GONE: &str = "[redacted:argument]";
    for (arguments, expected) in [
        (json!(["app", "--password", "hunter2", "--port", "80"]), json!(["app", "--password", GONE, "--port", "80"])),
        (json!(["app", "--db-password", "hunter 2; x"]), json!(["app", "--db-password", GONE])),
        (json!(["--client-secret=hunter2", "-x"]), json!(["--client-secret=[redacted:argument]", "-x"])),
        (
            json!(["redis-cli", "-h", "cache", "-a", "hunter2", "ping"]),
            json!(["redis-cli", "-h", "cache", "-a", GONE, "ping"]),
        ),
        (
            json!(["CMD-SHELL", "redis-cli -a hunter2 ping || exit 1"]),
            json!(["CMD-SHELL", "redis-cli -a [redacted:argument] ping || exit 1"]),
        ),
        (
            json!(["CMD-SHELL", "mysqladmin ping -uroot -phunter2 -h db"]),
            json!(["CMD-SHELL", "mysqladmin ping -uroot -p[redacted:argument] -h db"]),
        ),
        (
            json!(["sh", "-c", "DB_TOKEN=hunter2 exec app --secret 'a b'"]),
            json!(["sh", "-c", "DB_TOKEN=[redacted:argument] exec app --secret '[redacted:argument]'"]),
        ),
        (
            json!(["CMD", "curl", "-fsu", "-u", "admin:hunter2", "http://localhost"]),
            json!(["CMD", "curl", "-fsu", "-u", "admin:[redacted:argument]", "http://localhost"]),
        ),
        (json!(["sshpass", "-p", "hunter2", "ssh", "host"]), json!(["sshpass", "-p", GONE, "ssh", "host"])),
        (
            json!(["java", "-Dspring.datasource.password=hunter2"]),
            json!(["java", "-Dspring.datasource.password=[redacted:argument]"]),
        ),
    ] {
        let (got, count) = redacted(arguments);
        assert_eq!(got, expected);
        assert!(count > 0);
    }
    for plain in [
        json!(["app", "--password-file", "/run/secrets/db", "--token-ttl", "30", "--no-secret"]),
        json!(["app", "--password", "$DB_PASSWORD", "--token", "${TOKEN}", "--secret", "--verbose"]),
        json!(["mysql", "-p", "shop"]),
        json!(["sh", "-c", "redis-cli ping; ls -a /tmp"]),
        json!(["alembic", "upgrade", "head"]),
        json!(["--use-token", "true", 7]),
        json!([
            "app",
            "--tls-private-key",
            "/certs/tls.key",
            "--credentials=/etc/gcp.json",
            "--secret",
            "arn:aws:secretsmanager:x"
        ]),
        json!([
            "sh",
            "-c",
            "redis-cli ping\nls -a /data; curl -f http://localhost/health\ndocker run -u 1000:1000 app"
        ]),
        json!(["curl", "--user-agent=check:1.2", "-u", "1000:1000"]),
        json!(["pg_restore", "--no-password", "mydb", "--max-token", "4096", "--bypass", "x"]),
        json!([]),
    ] {
        assert_eq!(redacted(plain.clone()), (plain, 0));
    }
}
