//! Secrets among the arguments of a program: `command` and `entryPoint` of containers, health checks and overrides.
//!
//! An argument is secret by what stands before it: `--db-password hunter2`, `redis-cli -a hunter2`. It may be an element of
//! the list of its own, or a word of a script for a shell.

use std::sync::LazyLock;

use regex_automata::Input;
use regex_automata::meta::Regex;
use serde_json::Value;

use super::rules::{is_told_password, only_markers};
use super::{Counts, Key, count, marker};

/// The rule's name.
const RULE: &str = "argument";
/// Keys whose value is a list of arguments.
pub(super) const LISTS: [&str; 2] = ["command", "entryPoint"];

/// Stands between the elements of a list while they are searched as one text.
const BETWEEN: char = '\u{1f}';

/// An element of its own, or a word of a script: with quotes, or without.
macro_rules! value {
    () => {
        r#"(?:\x1f([^\x1f]+)|(?:=|[ \t]+)(?:"([^"\x1f]+)"|'([^'\x1f]+)'|([^\s\x1f"';|&<>()]+)))"#
    };
}

/// The same, directly behind a flag too: `-phunter2`.
macro_rules! attached {
    () => {
        r#"(?:\x1f?([^\x1f\s"';|&<>()]+)|[ \t]+([^\x1f\s"';|&<>()]+)|[ \t]*"([^"\x1f]+)"|[ \t]*'([^'\x1f]+)')"#
    };
}

/// A program and its arguments, up to a flag.
macro_rules! program {
    ($names:literal) => {
        concat!(r"(?:^|[\s\x1f/;|&(])(?:", $names, r")[\s\x1f](?:[^|;&]*?[\s\x1f])??")
    };
}

const PATTERNS: [&str; 8] = [
    // `--db-password hunter2`, `-Dspring.datasource.password=hunter2`.
    concat!(
        r"(?:^|[\s\x1f])--?[A-Za-z][A-Za-z0-9._\-]*?(?i-u:password|passwd|passphrase|secret|token|api[_\-]?key|access[_\-]?key|secret[_\-]?key|auth[_\-]?key|private[_\-]?key|credentials?)",
        value!()
    ),
    concat!(
        r"(?:^|[\s\x1f])--?(?i-u:password|passwd|passphrase|pass|pwd|secret|token|api[_\-]?key|access[_\-]?key|secret[_\-]?key|auth[_\-]?key|private[_\-]?key|credentials?)",
        value!()
    ),
    // `DB_PASSWORD=hunter2 exec app`.
    concat!(
        r"(?:^|[\s\x1f;&(])[A-Za-z_][A-Za-z0-9_]*?(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|PGPASS)=",
        r#"(?:"([^"\x1f]+)"|'([^'\x1f]+)'|([^\s\x1f"';|&<>()]+))"#
    ),
    concat!(program!("redis-cli"), r"-a", value!()),
    // With a space, MySQL asks for it, and what follows is the database.
    concat!(program!(r"(?:mysql|mariadb)[a-z\-]*"), r#"-p['"]?([^\x1f\s"';|&<>()]+)"#),
    concat!(program!("mongo[a-z]*|sshpass"), r"-p", attached!()),
    concat!(program!("sqlcmd|bcp"), r"-P", attached!()),
    concat!(
        program!("curl|http|https|wget"),
        r"(?:-u|--user|-a|--auth|--proxy-user)[\s\x1f=]*",
        r#"['"]?[^\s\x1f:'"]+:([^\s\x1f'"]+)"#
    ),
];

#[expect(clippy::expect_used, reason = "the patterns are constants, and every test compiles them")]
static REGEX: LazyLock<Regex> = LazyLock::new(|| Regex::new_many(&PATTERNS).expect("the patterns compile"));

/// Takes the secrets out of a list of arguments.
pub(super) fn redact(arguments: &mut [Value], key: Option<&Key>, counts: &mut Counts) {
    let texts: Option<Vec<&str>> = arguments.iter().map(Value::as_str).collect();
    let Some(mut text) = texts.map(|texts| texts.join(&BETWEEN.to_string())) else { return };
    let mut found = false;
    let mut captures = REGEX.create_captures();
    let mut at = 0;
    while at <= text.len() {
        REGEX.captures(Input::new(&text).range(at..), &mut captures);
        let Some(whole) = captures.get_match() else { break };
        let Some(secret) = (1..=4).find_map(|group| captures.get_group(group)) else { break };
        let inside = &text[secret.start..secret.end];
        if is_secret(inside) {
            let marker = marker(RULE, key, inside);
            at = secret.start + marker.len();
            text.replace_range(secret.start..secret.end, &marker);
            count(RULE, counts);
            found = true;
        } else {
            // What it took for a value may be the next flag.
            at = secret.start.max(whole.start() + 1);
        }
    }
    if found {
        arguments.iter_mut().zip(text.split(BETWEEN)).for_each(|(argument, text)| *argument = text.into());
    }
}

/// What a shell or ECS puts in is none: `$DB_PASSWORD`, `$(cat /run/secret)`.
fn is_secret(text: &str) -> bool {
    !text.starts_with(['-', '$', '`', '@'])
        && !text.starts_with("file://")
        && is_told_password(text, "")
        && !only_markers(text)
}
