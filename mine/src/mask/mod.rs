//! A line without what varies: moments, addresses, ids and numbers become [`WILDCARD`].
//!
//! One pass by hand, because every line of an archive goes through it.

mod shapes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use shapes::is_word;

/// What stands for a part that varies.
pub const WILDCARD: &str = "<*>";
/// A longer line is cut: a template of more text says nothing more.
const LONGEST: usize = 2_000;
/// After these texts a short number is a result, not a measurement: it tells a failure from a success.
const CODES: [&str; 17] = [
    "HTTP/<*>\" ",
    "status ",
    "status: ",
    "status=",
    "status code ",
    "status code: ",
    "exit code ",
    "exit code: ",
    "with code ",
    "exit status ",
    "[Errno ",
    "errno ",
    "errno=",
    "ORA-",
    "SQLSTATE ",
    "SQLSTATE: ",
    "SQLSTATE=",
];

/// Masks the first line of a text that is not blank. White space becomes single spaces, terminal escapes are removed.
#[must_use]
pub fn mask(text: &str) -> String {
    let text = without_escapes(text);
    mask_line(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default())
}

/// The lines of an event that can be a template: its first line, and of an event of several lines the exception that
/// it ends with, or else its last line.
pub(crate) fn headlines(text: &str) -> (&str, Option<&str>) {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    let Some(first) = lines.next() else { return ("", None) };
    let mut last = None;
    for line in lines.rev() {
        if crate::words::is_exception(line) {
            return (first, Some(line));
        }
        last = last.or(Some(line));
    }
    (first, last)
}

/// A text without terminal escapes (CSI and OSC sequences).
pub(crate) fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        if next != '\u{1b}' {
            clean.push(next);
            continue;
        }
        match chars.next() {
            Some('[') => {
                chars.find(|byte| ('\u{40}'..='\u{7e}').contains(byte));
            }
            Some(']') => {
                while chars.peek().is_some_and(|&byte| byte != '\u{7}' && byte != '\u{1b}') {
                    chars.next();
                }
                if chars.next() == Some('\u{1b}') {
                    chars.next();
                }
            }
            _ => {}
        }
    }
    Cow::Owned(clean)
}

/// Cuts a text at the border of a character.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Masks one line without escapes.
pub(crate) fn mask_line(line: &str) -> String {
    let line = cut(line, LONGEST);
    let s = line.as_bytes();
    let mut out = String::with_capacity(line.len());
    let mut url = false;
    let mut i = 0;
    while let Some(&byte) = s.get(i) {
        if byte.is_ascii_whitespace() || byte.is_ascii_control() {
            url = false;
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            i += 1;
        } else if is_word(byte) {
            if let Some(end) = variable(s, i, &out) {
                push_wildcard(&mut out);
                i = end;
            } else {
                let end = shapes::word(s, i);
                push_word(&mut out, &line[i..end]);
                url |= s[end..].starts_with(b"://");
                i = end;
            }
        } else {
            i = punctuation(line, i, &mut out, url);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The end of the variable part that starts at a word, if one does.
fn variable(s: &[u8], at: usize, out: &str) -> Option<usize> {
    let byte = s[at];
    if byte.is_ascii_digit() {
        return Some(
            shapes::moment(s, at)
                .or_else(|| shapes::uuid(s, at))
                .or_else(|| shapes::ipv4(s, at))
                .or_else(|| shapes::colons(s, at))
                .unwrap_or_else(|| shapes::number(s, at)),
        )
        .filter(|&end| !is_code(&s[at..end], out));
    }
    if byte.is_ascii_uppercase()
        && let Some(end) = shapes::moment(s, at)
    {
        return Some(end);
    }
    if byte.is_ascii_hexdigit() {
        return shapes::uuid(s, at).or_else(|| shapes::colons(s, at)).or_else(|| shapes::arn(s, at));
    }
    None
}

/// Whether a number is the status of an HTTP answer or of a process, or the code of an error.
fn is_code(number: &[u8], out: &str) -> bool {
    number.len() <= 5 && number.iter().all(u8::is_ascii_digit) && CODES.iter().any(|before| out.ends_with(before))
}

fn push_wildcard(out: &mut String) {
    // `<*>-<*>`, `<*>.<*>`: one variable of several parts.
    if let Some(before) = out.strip_suffix(['-', '.', ':', '/', '_', '+'])
        && before.ends_with(WILDCARD)
    {
        out.truncate(before.len());
        return;
    }
    if !out.ends_with(WILDCARD) {
        out.push_str(WILDCARD);
    }
}

fn push_word(out: &mut String, word: &str) {
    let bytes = word.as_bytes();
    if shapes::is_id(bytes) {
        return push_wildcard(out);
    }
    let name = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    out.push_str(name);
    match word.len() - name.len() {
        0 => {}
        // A code: what is not one was masked before.
        _ if name.is_empty() => out.push_str(word),
        // `psycopg2`, `sha256` are names, `executor4711` has a number.
        1..=3 => out.push_str(&word[name.len()..]),
        // `P1001`, `E0432`: the code of an error.
        4 if name.len() <= 3 && name.bytes().all(|byte| byte.is_ascii_uppercase()) => out.push_str(&word[name.len()..]),
        _ => push_wildcard(out),
    }
}

/// Takes one character that is not part of a word, and returns where the next one starts.
fn punctuation(line: &str, at: usize, out: &mut String, url: bool) -> usize {
    let s = line.as_bytes();
    let next = s.get(at + 1).copied().unwrap_or(b' ');
    match s[at] {
        // The sign of a number.
        b'-' | b'+'
            if next.is_ascii_digit() && out.chars().next_back().is_none_or(|last| " _=(:,[/".contains(last)) =>
        {
            return at + 1;
        }
        b':' if next == b':' => {
            if let Some(end) = shapes::colons(s, at) {
                push_wildcard(out);
                return end;
            }
        }
        b'?' if url => {
            out.push('?');
            push_wildcard(out);
            return shapes::query(s, at);
        }
        b'@' => {
            let local =
                out.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric() || "._%+-<*>".contains(letter));
            if local.len() < out.len()
                && let Some(end) = shapes::domain(s, at + 1)
            {
                out.truncate(local.len());
                push_wildcard(out);
                return end;
            }
        }
        _ => {}
    }
    out.push(char::from(s[at]));
    at + 1
}
