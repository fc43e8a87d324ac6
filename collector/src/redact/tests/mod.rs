mod places;

use proptest::prelude::*;

use super::*;

/// AWS's own documentation examples, and made-up ones.
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

fn redact(text: &str) -> (String, Vec<(String, u64)>) {
    let mut counts = Counts::new();
    let redacted = Redactor::standard().redact_counted(text, &mut counts).into_owned();
    (redacted, counts.into_iter().collect())
}

#[test]
fn secrets_are_taken_out_and_only_they() {
    let session = format!("IQoJb3JpZ2luX2VjE{}", "Ab1/+x".repeat(40));
    let table = [
        ("aws-access-key-id", "using AKIAIOSFODNN7EXAMPLE, then", "using [R], then"),
        ("aws-access-key-id", "AWS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE", "AWS_ACCESS_KEY_ID=[R]"),
        ("aws-access-key-id", "?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261123", "?X-Amz-Credential=[R]%2F20261123"),
        ("aws-secret-access-key", "aws_secret_access_key = {S}", "aws_secret_access_key = [R]"),
        ("aws-secret-access-key", r#"{"SecretAccessKey": "{S}", "n": 1}"#, r#"{"SecretAccessKey": "[R]", "n": 1}"#),
        ("aws-secret-access-key", r#""{\"secretAccessKey\": \"{S}\"}""#, r#""{\"secretAccessKey\": \"[R]\"}""#),
        ("aws-secret-access-key", "'AWS_SECRET_ACCESS_KEY': '{S}'", "'AWS_SECRET_ACCESS_KEY': '[R]'"),
        (
            "aws-secret-access-key",
            r#"{"name":"AWS_SECRET_KEY","value":"{S}"}"#,
            r#"{"name":"AWS_SECRET_KEY","value":"[R]"}"#,
        ),
        ("aws-session-token", "AWS_SESSION_TOKEN={T} end", "AWS_SESSION_TOKEN=[R] end"),
        ("aws-session-token", "got {T}", "got [R]"),
        ("bearer-token", "Authorization: Bearer abc", "Authorization: Bearer [R]"),
        ("bearer-token", "{'Authorization': 'Bearer {J}'}", "{'Authorization': 'Bearer [R]'}"),
        ("bearer-token", "sent bearer 0f8fad5bd9cb469fa165 to it", "sent bearer [R] to it"),
        ("basic-auth", "authorization: Basic dXNlcjpwYXNz\r\nHost: h", "authorization: Basic [R]\r\nHost: h"),
        ("basic-auth", "(b'Proxy-Authorization', b'Basic dXNlcjpwYXNz')", "(b'Proxy-Authorization', b'Basic [R]')"),
        ("jwt", "token={J}; path=/", "token=[R]; path=/"),
        ("jwt", "id {J}", "id [R]"),
        (
            "url-password",
            "postgresql+psycopg2://app:hunter2@db.internal:5432/core",
            "postgresql+psycopg2://app:[R]@db.internal:5432/core",
        ),
        ("url-password", "redis://:hunter2@cache/0", "redis://:[R]@cache/0"),
        ("url-password", "mysql://app:p@ss@db/core?a=b@c", "mysql://app:[R]@db/core?a=b@c"),
        ("url-password", "mysql://app:p/a#ss@db/core", "mysql://app:[R]@db/core"),
        ("url-password", "héllo amqp://ü:sécret@mq", "héllo amqp://ü:[R]@mq"),
        (
            "private-key",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nok",
            "-----BEGIN RSA PRIVATE KEY-----[R]-----END RSA PRIVATE KEY-----\nok",
        ),
        ("password", "dbname=core user=app password=hunter2 host=db", "dbname=core user=app password=[R] host=db"),
        ("password", r#"{"password": "correct horse", "n": 1}"#, r#"{"password": "[R]", "n": 1}"#),
        ("password", "{'db_password': 's3cret!'}", "{'db_password': '[R]'}"),
        ("password", r#""{\"password\": \"hunter2\"}""#, r#""{\"password\": \"[R]\"}""#),
        ("vendor-token", "cloning with ghp_{A36}", "cloning with [R]"),
        ("vendor-token", "PRIVATE-TOKEN: glpat-AbCdEf0123456789xyzq", "PRIVATE-TOKEN: [R]"),
        ("vendor-token", "key=AIzaSyA1234567890abcdefghijklmnopqrstuv", "key=[R]"),
        ("api-key", "GET /v1?api_key=0123456789abcdef0123 HTTP/1.1", "GET /v1?api_key=[R] HTTP/1.1"),
        ("api-key", r#"{"client_secret":"a1B2c3D4e5F6g7H8i9"}"#, r#"{"client_secret":"[R]"}"#),
        ("private-key", r"key: -----BEGIN PRIVATE KEY-----\nMIIE", "key: -----BEGIN PRIVATE KEY-----[R]"),
    ];
    for (rule, text, expected) in table {
        let text = text
            .replace("{A36}", &"a1B2".repeat(9))
            .replace("{S}", SECRET_KEY)
            .replace("{T}", &session)
            .replace("{J}", JWT);
        let (redacted, counts) = redact(&text);
        assert_eq!(redacted, expected.replace("[R]", &marker(rule, None, "")), "{text}");
        assert_eq!(counts, [(rule.to_owned(), 1)], "{text}");
    }
}

#[test]
fn look_alikes_stay() {
    for text in [
        "arn:aws:ecs:ap-southeast-2:123456789012:task/production/0f8fad5bd9cb469fa165708677289501",
        "arn:aws:iam::123456789012:role/AROAIOSFODNN7EXAMPLE AIDAIOSFODNN7EXAMPLE",
        "123456789012.dkr.ecr.ap-southeast-2.amazonaws.com/core@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "docker://core:1.25@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "RequestID: 7a62c49f-347e-4fc4-9331-6e8eEXAMPLE",
        "XAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLETOOLONG AKIAIOSFODNN7EXAMPLEd AKIASHORT",
        "secret_access_key is not set; aws_secret_access_key: arn:aws:secretsmanager:ap-southeast-2:1:secret:core",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "session token expired; please renew it",
        "Bearer authentication is required: WWW-Authenticate: Bearer realm=\"core\"",
        "the bearer internationalization",
        "basic authentication of dXNlcjpwYXNz",
        "eyJuZXh0VG9rZW4iOiBudWxsLCAiYm90b190cnVuY2F0ZV9hbW91bnQiOiAxfQ==",
        "https://core.internal:8443/users/me@example.com?to=a@b",
        "http://core:8080/ and mail to ops@example.com",
        "postgresql://app:***@db/core postgresql://app:${DB_PASSWORD}@db/core postgresql://app:%s@db/core",
        "ssh://git@git.internal:22/core.git",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----",
        "INFO  [alembic.runtime.migration] Running upgrade 4f5c8a -> 9d1b2e, add orders",
    ] {
        assert_eq!(redact(text), (text.to_owned(), vec![]));
    }
}

#[test]
fn every_secret_of_a_line_is_taken_out() {
    let line = format!(
        "AKIAIOSFODNN7EXAMPLE,AKIAIOSFODNN7EXAMPLE aws_secret_access_key={SECRET_KEY} https://a:b@h/ https://c:d@h/ {JWT}"
    );
    let (redacted, counts) = redact(&line);
    assert_eq!(
        redacted,
        "[redacted:aws-access-key-id],[redacted:aws-access-key-id] aws_secret_access_key=[redacted:aws-secret-access-key] \
         https://a:[redacted:url-password]@h/ https://c:[redacted:url-password]@h/ [redacted:jwt]"
    );
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 6);
}

#[test]
fn what_follows_a_look_alike_is_judged_by_itself() {
    let text = "AKIAIOSFODNN7EXAMPLETOOLONG AKIAIOSFODNN7EXAMPLE";
    assert_eq!(redact(text).0, "AKIAIOSFODNN7EXAMPLETOOLONG [redacted:aws-access-key-id]");
}

#[test]
fn what_follows_a_marker_is_judged_by_itself() {
    let digest = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let text = format!("[redacted:aws-secret-access-key] {digest}");
    assert_eq!(redact(&text), (text.clone(), vec![]), "the marker's name is not the name of what follows");
    let text = "[redacted:jwt] AKIAIOSFODNN7EXAMPLE";
    assert_eq!(redact(text).0, "[redacted:jwt] [redacted:aws-access-key-id]");
}

/// Texts out of what leads to secrets, secrets, markers, and anything.
fn texts() -> impl Strategy<Value = String> {
    let fragments = [
        "AKIAIOSFODNN7EXAMPLE",
        SECRET_KEY,
        JWT,
        "aws_secret_access_key",
        "session_token",
        "Authorization",
        "Bearer",
        "Basic",
        " ",
        ": ",
        "=",
        "\"",
        "/",
        "@",
        "https://",
        "u:p@h",
        ":",
        "-----BEGIN PRIVATE KEY-----",
        "MIIE",
        "-----END PRIVATE KEY-----",
        "[redacted:jwt]",
        "[redacted:aws-secret-access-key]",
        "[redacted:",
        "]",
        "ü",
        "\n",
        "IQoJ",
        "value",
    ];
    let piece = prop_oneof![
        6 => proptest::sample::select(fragments.to_vec()).prop_map(str::to_owned),
        1 => "[A-Za-z0-9/+]{30,120}",
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn redaction_is_idempotent(text in texts()) {
        let (once, _) = redact(&text);
        let (twice, counts) = redact(&once);
        prop_assert_eq!(once, twice);
        prop_assert_eq!(counts, vec![]);
    }

    #[test]
    fn a_key_never_survives_where_it_is_a_word(before in texts(), after in texts()) {
        let (redacted, _) = redact(&format!("{before} AKIAIOSFODNN7EXAMPL8 {after}"));
        prop_assert!(!redacted.contains("AKIAIOSFODNN7EXAMPL8"), "{}", redacted);
    }

    #[test]
    fn a_text_without_secrets_is_borrowed(text in "[a-z .,0-9-]{0,200}") {
        prop_assert!(matches!(Redactor::standard().redact_text(&text), Cow::Borrowed(_)));
    }
}

fn rule(name: &str, pattern: &str) -> RedactionRule {
    RedactionRule { name: name.to_owned(), pattern: pattern.to_owned(), redacts: Vec::new(), keeps: Vec::new() }
}

#[test]
fn a_service_has_rules_of_its_own() {
    let rules = [rule("customer", r"customer=(\d+)"), rule("iban", r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")];
    let redactor = Redactor::with(&rules, None).unwrap();
    let mut counts = Counts::new();
    let text = "customer=4711 paid from DE89370400440532013000 with AKIAIOSFODNN7EXAMPLE";
    let redacted = redactor.redact_counted(text, &mut counts);
    assert_eq!(redacted, "customer=[redacted:customer] paid from [redacted:iban] with [redacted:aws-access-key-id]");
    assert_eq!(counts.len(), 3);
    assert_eq!(redactor.redact_text(&redacted), redacted, "once is enough");
}

#[test]
fn a_rule_is_tried_on_its_examples() {
    let with = |redacts: &str, keeps: &str| RedactionRule {
        redacts: vec![redacts.to_owned()],
        keeps: vec![keeps.to_owned()],
        ..rule("customer", r"customer=(\d+)")
    };
    assert!(Redactor::with(&[with("customer=1", "customer=none")], None).is_ok());
    let said = |rules: &[RedactionRule]| Redactor::with(rules, None).unwrap_err().to_string();
    insta::assert_snapshot!(said(&[with("client=1", "x")]), @r#"redaction rule "customer": it takes nothing out of "client=1", which `redacts` says it does"#);
    insta::assert_snapshot!(said(&[with("customer=1", "customer=2")]), @r#"redaction rule "customer": it takes something out of "customer=2", which `keeps` says it leaves"#);
    insta::assert_snapshot!(said(&[rule("x", "a*")]), @r#"redaction rule "x": the pattern matches an empty text"#);
    insta::assert_snapshot!(said(&[rule("Not A Name", "a")]), @r#"redaction rule "Not A Name": write a name of at most 40 of a-z, 0-9, '.', '_' and '-'"#);
    assert!(said(&[rule("x", "(")]).contains("the pattern is no regular expression"));
}

#[test]
fn with_a_key_the_same_secret_is_the_same_pseudonym() {
    let of = |key: &[u8]| Redactor::with(&[], Key::new(key)).unwrap();
    let (one, same, other) = (of(b"0123456789abcdef"), of(b"0123456789abcdef"), of(b"fedcba9876543210"));
    let text = |secret: &str| format!("postgresql://app:{secret}@db/core");
    let redacted = one.redact_text(&text("hunter2")).into_owned();
    assert!(redacted.starts_with("postgresql://app:[redacted:url-password:"), "{redacted}");
    assert_eq!(redacted, same.redact_text(&text("hunter2")));
    assert_ne!(redacted, other.redact_text(&text("hunter2")));
    assert_ne!(redacted, one.redact_text(&text("hunter3")));
    assert_eq!(redacted, one.redact_text(&redacted), "once is enough, with a key");
    assert_eq!(redacted, Redactor::standard().redact_text(&redacted), "and without");
    assert_ne!(one.key_id(), other.key_id());
    assert_eq!(Key::new(b"too short"), None);
    assert!(!format!("{one:?}").contains("0123456789abcdef"));
}
