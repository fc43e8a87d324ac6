//! The shapes of secrets: one multi-pattern search over each text.
//!
//! A text is first asked whether anything matches at all, without captures, which is what nearly every
//! log line needs. Where something does, the secret is the first capture group of its pattern, and a
//! rule in code has the last word on it, for what a regular expression cannot say.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use regex_automata::Input;
use regex_automata::meta::Regex;

use super::{Counts, Key, PRIVATE_KEY, count, marker};

/// What a secret is told apart from its look-alikes by: the match, and what comes after it.
type Accept = fn(secret: &str, after: &str) -> bool;

struct Pattern {
    rule: &'static str,
    /// The secret is capture group 1.
    regex: &'static str,
    accept: Accept,
}

/// Between the name of a secret and the secret: `=`, `": "`, `</Name><Value>`, `", "value": "`.
macro_rules! gap {
    () => {
        r#"[^A-Za-z0-9/+]{1,8}(?:(?i-u:value)[^A-Za-z0-9/+]{1,8})?"#
    };
}

/// Between the name of a header and its scheme: `: `, `': '`, `", b"`.
macro_rules! header {
    () => {
        r#"(?i-u:authorization)[^A-Za-z0-9]{1,8}(?:b['"])?"#
    };
}

/// From the name of a password to the quote that its value begins with.
macro_rules! password {
    () => {
        r#"(?:(?i-u:password|passwd|passphrase)|(?:^|[^A-Za-z])(?i-u:pwd))\\?['"]?[ ]{0,2}[=:][ ]{0,2}"#
    };
}

/// In this order where two match at the same place.
const PATTERNS: [Pattern; 17] = [
    Pattern {
        rule: PRIVATE_KEY,
        regex: r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----((?s:.)*?)(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY|\z)",
        accept: |body, _| body.replace(r"\n", "").chars().any(|c| !c.is_whitespace() && !"\"'\\".contains(c)),
    },
    Pattern {
        rule: "aws-access-key-id",
        regex: r"(?:^|[^A-Za-z0-9])((?:AKIA|ASIA)[A-Z0-9]{16,})",
        // IAM: 20 characters. AIDA and AROA are ids of users and roles, which are no secrets.
        accept: |id, after| id.len() == 20 && !after.starts_with(|c: char| c.is_ascii_lowercase()),
    },
    Pattern {
        rule: "aws-secret-access-key",
        regex: concat!(
            r"(?i-u:secret[_\-. ]?access[_\-. ]?key|(?:aws[_\-. ]?)?secret[_\-. ]?key)",
            gap!(),
            r"([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|\z)"
        ),
        accept: |_, _| true,
    },
    Pattern {
        rule: "aws-session-token",
        regex: concat!(r"(?i-u:session[_\-. ]?token|security[_\-. ]?token)", gap!(), r"([A-Za-z0-9/+=%_\-]{80,})"),
        accept: |_, _| true,
    },
    Pattern {
        // As STS begins them.
        rule: "aws-session-token",
        regex: r"(?:^|[^A-Za-z0-9/+])((?:IQoJ|FwoG|FQoG)[A-Za-z0-9/+=%]{100,})",
        accept: |_, _| true,
    },
    Pattern {
        rule: "bearer-token",
        regex: concat!(header!(), r"(?i-u:bearer|token)(?:%20|[ \t+]){1,4}([A-Za-z0-9\-._~+/]+=*)"),
        accept: |_, _| true,
    },
    Pattern {
        rule: "bearer-token",
        regex: r"(?:^|[^A-Za-z0-9])(?i-u:bearer)(?:%20|[ \t+:=]){1,4}([A-Za-z0-9\-._~+/]{16,}=*)",
        accept: |token, _| token.len() >= 32 || token.contains(|c: char| c.is_ascii_digit()) || mixed_case(token),
    },
    Pattern {
        rule: "basic-auth",
        regex: concat!(header!(), r"(?i-u:basic)(?:%20|[ \t+]){1,4}([A-Za-z0-9+/_\-]{4,}={0,2})"),
        accept: |_, _| true,
    },
    Pattern {
        // RFC 7515 (three parts, of which two are JSON objects) and RFC 7516 (five parts).
        rule: "jwt",
        regex: concat!(
            r"(eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*",
            r"|eyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){4})"
        ),
        accept: |_, _| true,
    },
    Pattern {
        // Up to the last @ of the authority; or, for passwords that were not escaped, to the first @.
        rule: "url-password",
        regex: concat!(
            r#"[A-Za-z][A-Za-z0-9+.\-]{1,30}://[^\s/?#@:"'<>\[\]]*:"#,
            r#"((?:[^\s/?#"'<>]+)|(?:[^\s@"'<>]+))@"#
        ),
        accept: is_password,
    },
    Pattern {
        // `"password": "..."` of JSON, `password="..."`.
        rule: "password",
        regex: concat!(password!(), r#""((?:[^"\\\r\n]|\\[^\r\n]){3,})(?:"|\\?\z)"#),
        accept: is_told_password,
    },
    Pattern {
        // `'password': '...'` of Python's dictionaries.
        rule: "password",
        regex: concat!(password!(), r"'((?:[^'\\\r\n]|\\[^\r\n]){3,})(?:'|\\?\z)"),
        accept: is_told_password,
    },
    Pattern {
        // JSON in a string of JSON.
        rule: "password",
        regex: concat!(password!(), r#"\\"((?:[^"\\\r\n]|\\\\(?:\\")?){3,})(?:\\?"|\\?\z)"#),
        accept: is_told_password,
    },
    Pattern {
        rule: "password",
        regex: concat!(password!(), r"\\'((?:[^'\\\r\n]|\\\\(?:\\')?){3,})(?:\\?'|\\?\z)"),
        accept: is_told_password,
    },
    Pattern {
        // `password=...` of a connection string.
        rule: "password",
        regex: r#"(?:(?i-u:password|passwd|passphrase)|(?:^|[^A-Za-z])(?i-u:pwd))=([^\s'",;&<>()\[\]\\]{3,})"#,
        // `password=get_password()` is code.
        accept: |secret, after| is_told_password(secret, after) && !after.starts_with('('),
    },
    Pattern {
        // As their makers begin them: GitHub, GitLab, Slack, Stripe, Google, npm, SendGrid, DigitalOcean, Anthropic, OpenAI.
        rule: "vendor-token",
        regex: concat!(
            r"(?:^|[^A-Za-z0-9_])(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_\-]{20,}",
            r"|xox[abeprs]-[A-Za-z0-9\-]{10,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_\-]{35}|npm_[A-Za-z0-9]{36}",
            r"|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}|dop_v1_[a-f0-9]{64}|sk-(?:ant-|proj-)?[A-Za-z0-9_\-]{32,})"
        ),
        accept: |_, _| true,
    },
    Pattern {
        rule: "api-key",
        regex: concat!(
            r"(?i-u:api[_\-]?key|access[_\-]?token|refresh[_\-]?token|auth[_\-]?token|client[_\-]?secret)",
            gap!(),
            r"([A-Za-z0-9_\-./+]{16,}=*)"
        ),
        accept: |secret, _| secret.contains(|c: char| c.is_ascii_digit()) && !secret.starts_with('/'),
    },
];

fn mixed_case(token: &str) -> bool {
    let rest = token.get(1..).unwrap_or_default();
    rest.contains(|c: char| c.is_ascii_uppercase()) && rest.contains(|c: char| c.is_ascii_lowercase())
}

fn is_password(secret: &str, after: &str) -> bool {
    let masked = secret.chars().all(|c| c == '*');
    let placeholder = secret == "%s"
        || [("${", "}"), ("$(", ")"), ("{", "}")].iter().any(|(begin, end)| {
            secret.strip_prefix(begin).is_some_and(|rest| rest.strip_suffix(end).is_some_and(is_name))
        });
    // `http://host:8080/path/name@version`: a port, and a path.
    let port = secret.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['/', '?', '#'])
        && secret.starts_with(|c: char| c.is_ascii_digit());
    let image = after.starts_with("@sha256:");
    !(masked || placeholder || port || image)
}

/// Whether a text that is said to be a password is one.
pub(super) fn is_told_password(secret: &str, _: &str) -> bool {
    is_password(secret, "") && !is_nothing(secret)
}

fn is_nothing(secret: &str) -> bool {
    ["none", "null", "true", "false", "undefined"].iter().any(|nothing| secret.eq_ignore_ascii_case(nothing))
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-{} ".contains(c)) && text.len() <= 40
}

/// The rules, compiled.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    regex: Regex,
    /// The names of the rules after the standard ones.
    more: Arc<[String]>,
    pub(super) key: Option<Key>,
}

#[expect(clippy::expect_used, reason = "the patterns are constants, and every test compiles them")]
static STANDARD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new_many(&PATTERNS.map(|pattern| pattern.regex)).expect("the patterns compile"));

impl Patterns {
    pub(super) fn standard() -> Self {
        Self { regex: STANDARD.clone(), more: Arc::new([]), key: None }
    }

    /// The standard rules and these, as name and regular expression.
    pub(super) fn with(more: &[(String, String)]) -> Result<Self, String> {
        let mut all: Vec<&str> = PATTERNS.iter().map(|pattern| pattern.regex).collect();
        all.extend(more.iter().map(|(_, regex)| regex.as_str()));
        let regex = Regex::new_many(&all).map_err(|error| error.to_string())?;
        Ok(Self { regex, more: more.iter().map(|(name, _)| name.clone()).collect(), key: None })
    }

    fn rule(&self, pattern: usize) -> (&str, Accept) {
        match (PATTERNS.get(pattern), pattern.checked_sub(PATTERNS.len()).and_then(|place| self.more.get(place))) {
            (None, Some(name)) => (name, |_, _| true),
            (Some(standard), _) => (standard.rule, standard.accept),
            (None, None) => ("unknown", |_, _| true),
        }
    }

    /// Takes the secrets out of a text until it holds none: a secret can lie within what leads to
    /// another one.
    pub(super) fn redact<'t>(&self, text: &'t str, counts: &mut Counts) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        while self.regex.is_match(text.as_ref()) {
            let Some(redacted) = self.pass(&text, counts) else { break };
            text = Cow::Owned(redacted);
        }
        text
    }

    /// One pass; `None` where nothing was taken out.
    fn pass(&self, text: &str, counts: &mut Counts) -> Option<String> {
        let mut captures = self.regex.create_captures();
        let mut redacted = String::new();
        let (mut kept, mut at) = (0, 0);
        while at <= text.len() {
            self.regex.captures(Input::new(text).range(at..), &mut captures);
            let (Some(found), Some(pattern)) = (captures.get_match(), captures.pattern()) else { break };
            // A rule of the config may have no group: then all of it is the secret.
            let secret = captures.get_group(1).unwrap_or(found.span());
            let (rule, accept) = self.rule(pattern.as_usize());
            let (inside, after) = (&text[secret.start..secret.end], &text[secret.end..]);
            if let Some(end) = marker_around(text, found.start()) {
                at = end;
            } else if !only_markers(inside) && accept(inside, after) && !secret.is_empty() {
                redacted.push_str(&text[kept..secret.start]);
                redacted.push_str(&marker(rule, self.key.as_ref(), inside));
                count(rule, counts);
                (kept, at) = (secret.end, secret.end);
            } else if secret.start > at {
                at = secret.start;
            } else {
                // Not past it: what parts it from the next one may be part of that one's pattern.
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        if kept == 0 {
            return None;
        }
        redacted.push_str(&text[kept..]);
        Some(redacted)
    }
}

const MARKER: &str = "[redacted:";
/// No marker is longer, in bytes.
const LONGEST_MARKER: usize = 96;

/// Whether the text is nothing but the marker of a rule.
pub(super) fn is_marker_of(rule: &str, text: &str) -> bool {
    let of_rule = text.strip_prefix(MARKER).and_then(|name| name.strip_prefix(rule));
    of_rule.is_some_and(|rest| rest.starts_with([']', ':'])) && marker_length(text) == Some(text.len())
}

/// How long the marker is that the text begins with.
fn marker_length(text: &str) -> Option<usize> {
    let name = text.strip_prefix(MARKER)?;
    let end = name.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c)))?;
    let rest = &name[end..];
    // With a pseudonym, its hexadecimal digits follow.
    let digits = match rest.strip_prefix(':') {
        Some(more) => more.find(|c: char| !c.is_ascii_hexdigit()).filter(|digits| *digits > 0)? + 1,
        None => 0,
    };
    (end > 0 && rest[digits..].starts_with(']')).then_some(MARKER.len() + end + digits + 1)
}

/// The end of the marker that `at` lies within. A marker names its rule, and some names of rules are
/// names of secrets.
fn marker_around(text: &str, at: usize) -> Option<usize> {
    let near = text.floor_char_boundary(at.saturating_sub(LONGEST_MARKER));
    let begin = near + text[near..at].rfind(MARKER)?;
    let end = begin + marker_length(&text[begin..])?;
    (at < end).then_some(end)
}

/// Nothing but markers and space: it was taken out before.
pub(super) fn only_markers(mut text: &str) -> bool {
    loop {
        text = text.trim();
        let Some(length) = marker_length(text) else { return text.is_empty() };
        text = &text[length..];
    }
}
