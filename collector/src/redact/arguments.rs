//! Secrets among the arguments of a program: `command` and `entryPoint` of containers, health checks and overrides.
//!
//! An argument is secret by what stands before it: `--db-password hunter2`, `redis-cli -a hunter2`, `TOKEN=hunter2`. It may be
//! an element of the list of its own, or a word of a script for a shell.

use std::ops::Range;

use serde_json::Value;

use super::rules::{is_told_password, only_markers};
use super::{Counts, Key, count, marker};

/// The rule's name.
const RULE: &str = "argument";
/// Keys whose value is a list of arguments.
pub(super) const LISTS: [&str; 2] = ["command", "entryPoint"];

/// How the name of a flag or variable ends whose value is secret, without `-`, `_` and `.`.
const ENDINGS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "requirepass",
    "masterauth",
    "storepass",
    "keypass",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "authkey",
    "privatekey",
    "credentials",
];
/// The same, for a whole word of a name: `--db-pass`, `PWD_FILE` and `--bypass` are not alike.
const WORDS: [&str; 3] = ["pass", "pwd", "credential"];

/// Short flags of programs: the program, the flag, and how its value stands.
const FLAGS: [(&str, &str, Stands); 7] = [
    ("redis-cli", "-a", Stands::Behind),
    // With a space, MySQL asks for it, and what follows is the database.
    ("mysql", "-p", Stands::Attached),
    ("mariadb", "-p", Stands::Attached),
    ("mongo", "-p", Stands::Either),
    ("sshpass", "-p", Stands::Either),
    ("sqlcmd", "-P", Stands::Either),
    ("bcp", "-P", Stands::Either),
];
/// Flags of HTTP clients whose value is `user:password`.
const USER: [&str; 5] = ["-u", "--user", "--proxy-user", "-a", "--auth"];
const HTTP_CLIENTS: [&str; 4] = ["curl", "http", "https", "wget"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Behind,
    Attached,
    Either,
}

/// A word of a command: its text, and where that begins in what is redacted.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Word<'t> {
    /// The word without quotes around it.
    fn bare(self) -> Self {
        let quoted = |quote: char| self.text.strip_prefix(quote)?.strip_suffix(quote);
        match quoted('"').or_else(|| quoted('\'')) {
            Some(text) => Self { text, at: self.at + 1 },
            None => self,
        }
    }

    fn behind(self, length: usize) -> Self {
        Self { text: &self.text[length..], at: self.at + length }.bare()
    }

    fn range(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

/// Takes the secrets out of a list of arguments.
pub(super) fn redact(arguments: &mut [Value], key: Option<&Key>, counts: &mut Counts) {
    // Each element is searched with those before it; what is none has no text.
    let texts: Vec<String> = arguments.iter().map(|it| it.as_str().unwrap_or_default().to_owned()).collect();
    let words: Vec<Word<'_>> = texts.iter().map(|text| Word { text, at: 0 }).collect();
    let is_shell = texts.first().is_some_and(|first| first == "CMD-SHELL");
    for (index, argument) in arguments.iter_mut().enumerate() {
        let Value::String(text) = argument else { continue };
        // The entry point may be the shell, and the command its script.
        let of_shell = match index.checked_sub(1) {
            Some(before) => is_shell || is_command_flag(&texts[before]),
            None => texts[index].contains(char::is_whitespace),
        };
        let found = if of_shell { in_script(&texts[index]) } else { in_word(&words, index).into_iter().collect() };
        for range in found.into_iter().rev() {
            let marker = marker(RULE, key, &text[range.clone()]);
            text.replace_range(range, &marker);
            count(RULE, counts);
        }
    }
}

/// `-c`, also among other letters: `-ec`, `-lc`.
fn is_command_flag(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letters| {
        letters.ends_with('c') && letters.len() <= 4 && letters.bytes().all(|b| b.is_ascii_lowercase())
    })
}

/// The secrets of a script, in order.
fn in_script(script: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for command in commands(script) {
        for (index, word) in command.iter().enumerate() {
            let inner = word.bare();
            if index > 0 && is_command_flag(command[index - 1].text) && inner.text.len() < word.text.len() {
                found.extend(in_script(inner.text).into_iter().map(|it| it.start + inner.at..it.end + inner.at));
            } else {
                found.extend(in_word(&command, index));
            }
        }
    }
    found
}

/// The commands of a script, each as its words; quotes stay.
fn commands(script: &str) -> Vec<Vec<Word<'_>>> {
    let mut commands = vec![Vec::new()];
    let (mut begin, mut quote) = (None, None);
    let mut chars = script.char_indices().chain([(script.len(), '\n')]).peekable();
    while let Some((at, c)) = chars.next() {
        let continues = c == '\\' && chars.peek().is_some_and(|(_, next)| *next == '\n');
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') if !continues => {
                begin = begin.or(Some(at));
                chars.next();
            }
            // A quote that is not closed ends with the script.
            (Some(_), _) if at < script.len() => {}
            (None, '\'' | '"') => {
                quote = Some(c);
                begin = begin.or(Some(at));
            }
            (_, c) if continues || c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')') => {
                if let (Some(begin), Some(words)) = (begin.take(), commands.last_mut()) {
                    words.push(Word { text: &script[begin..at], at: begin });
                }
                if continues {
                    chars.next();
                } else if c == '\n' || !c.is_whitespace() {
                    commands.push(Vec::new());
                }
            }
            _ => begin = begin.or(Some(at)),
        }
    }
    commands
}

/// The secret in a word of a command, by the words before it.
fn in_word(words: &[Word<'_>], index: usize) -> Option<Range<usize>> {
    let word = words[index];
    let secret = |value: Word<'_>| is_secret(value.text).then(|| value.range());
    // `--password=x`, `TOKEN=x`, `-Ddb.password=x`.
    if let Some((name, _)) = word.text.split_once('=') {
        let flag = name.trim_start_matches('-');
        let is_name = !flag.is_empty() && flag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if is_name && names_a_secret(flag) {
            return secret(word.behind(name.len() + 1));
        }
    }
    let before = index.checked_sub(1).map(|before| words[before].text);
    if before.and_then(|before| before.strip_prefix('-')).is_some_and(names_a_secret) && !word.text.starts_with('-') {
        return secret(word.bare());
    }
    let programs = words[..index].iter().rev().map(|word| word.text.rsplit('/').next().unwrap_or_default());
    for program in programs {
        if HTTP_CLIENTS.contains(&program) {
            return user(word, before).and_then(secret);
        }
        for (_, flag, stands) in FLAGS.iter().filter(|(name, ..)| program.starts_with(name)) {
            if *stands != Stands::Attached && before == Some(flag) {
                return secret(word.bare());
            }
            if *stands != Stands::Behind && word.text.len() > flag.len() && word.text.starts_with(flag) {
                return secret(word.behind(flag.len()));
            }
        }
    }
    None
}

/// The password of `-u user:password`, `--user=user:password`.
fn user<'t>(word: Word<'t>, before: Option<&str>) -> Option<Word<'t>> {
    let value = match word.text.split_once('=') {
        Some((flag, _)) if USER.contains(&flag) => word.behind(flag.len() + 1),
        _ if before.is_some_and(|before| USER.contains(&before)) => word.bare(),
        _ => return None,
    };
    let (user, password) = value.text.split_once(':')?;
    // `-u 1000:1000` is a user and a group.
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (!is_number(user) || !is_number(password)).then(|| Word { text: password, at: value.at + user.len() + 1 })
}

/// Whether a flag or a variable of that name has a secret.
fn names_a_secret(name: &str) -> bool {
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let last = name.rsplit(['-', '_', '.']).next().unwrap_or_default();
    !name.starts_with("no-") && (WORDS.contains(&last) || ENDINGS.iter().any(|ending| letters.ends_with(ending)))
}

/// What a shell or ECS puts in is none (`$DB_PASSWORD`, `$(cat /run/secret)`), nor is the place of a secret, nor a number of
/// tokens.
fn is_secret(text: &str) -> bool {
    let reference = text
        .strip_prefix('$')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "_{(".contains(c)));
    let place = text.starts_with('/') || text.starts_with("arn:") || text.starts_with("file:");
    let small = text.len() < 6 && text.bytes().all(|b| b.is_ascii_digit());
    let is_none = reference || place || small || text.is_empty() || text.starts_with('`');
    !is_none && is_told_password(text, "") && !only_markers(text)
}
