//! Private keys that a program printed: an event a line, over pages and over readings.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use memchr::memmem::Finder;

use super::{Counts, PRIVATE_KEY, count, marker};
use crate::document::{Answer, Document, LogEvent, Outcome};

/// Where private keys stand in log streams, as far as they were read. Cheap to clone; clones share it.
///
/// Between the line that begins a key and the line that ends it, each line of base64 is taken out, whatever else the
/// program logs in between. A page, or a reading that begins in the middle of a key, does not show where that began: so
/// its place is remembered.
#[derive(Debug, Clone, Default)]
pub struct KeyBlocks(Arc<Mutex<BTreeMap<Stream, Vec<Block>>>>);

/// Group and stream; of a document that does not say, nothing.
type Stream = (Option<String>, Option<String>);

#[derive(Debug)]
struct Block {
    from: Option<i64>,
    to: Option<i64>,
    open: bool,
    /// Lines since the last one that was taken out, and when the newest of them was written.
    others: usize,
    other: Option<i64>,
}

/// Keys that are remembered of a stream. A program that prints more of them has other troubles.
const MOST: usize = 64;
/// So many lines in a row that are none of its own end a key that was broken off.
const OTHERS: usize = 20;
/// A word of base64 that is so long is a line of a key: RFC 7468 has 64 to a line, OpenPGP 64 or 76.
const LINE: usize = 56;
/// Where JSON loggers and FireLens have what a program printed.
const MEMBERS: [&str; 3] = ["\"log\"", "\"message\"", "\"msg\""];

impl KeyBlocks {
    /// Takes the lines of private keys out of a page of log events.
    pub(super) fn redact(&self, document: &mut Document, counts: &mut Counts) {
        let text = |key: &str| document.requested(key).map(str::to_owned);
        let (group, asked) = (text("logGroupName").or_else(|| text("logGroupIdentifier")), text("logStreamName"));
        let Outcome::Response(Answer { events: Some(events), .. }) = &mut document.outcome else { return };
        let is_opening = |event: &LogEvent| event.message.as_deref().is_some_and(opens);
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.is_empty() && !events.iter().any(is_opening) {
            return;
        }
        for event in events {
            let named = event.log_stream.as_deref().map(str::to_owned);
            let stream = (group.clone(), named.or_else(|| asked.clone()));
            let at = event.timestamp;
            let Some(message) = &mut event.message else { continue };
            if opens(message) {
                open(blocks.entry(stream).or_default(), at);
            } else if let Some(blocks) = blocks.get_mut(&stream) {
                line(blocks, at, message, counts);
            }
        }
        // Documents that do not say what they are of have nothing in common.
        blocks.retain(|(_, stream), _| stream.is_some());
    }
}

fn open(blocks: &mut Vec<Block>, at: Option<i64>) {
    match blocks.iter_mut().find(|block| at.is_some() && block.from == at) {
        // All that follows comes again, and is to end it where it did.
        Some(again) => (again.open, again.others, again.other) = (true, 0, None),
        None => {
            if blocks.len() == MOST {
                blocks.remove(0);
            }
            blocks.push(Block { from: at, to: at, open: true, others: 0, other: None });
        }
    }
}

fn line(blocks: &mut [Block], at: Option<i64>, message: &mut String, counts: &mut Counts) {
    if ends(message) {
        blocks.iter_mut().filter(|block| block.from <= at).for_each(|block| block.open = false);
        return;
    }
    if message.contains(&marker(PRIVATE_KEY, None, "")) {
        return;
    }
    let within = |block: &Block| at.is_some() && block.from <= at && at <= block.to;
    let Some(block) = blocks.iter_mut().rev().find(|block| block.open || within(block)) else { return };
    match without_key(message) {
        Some(rest) => {
            (block.to, block.others) = (block.to.max(at), 0);
            *message = rest;
            count(PRIVATE_KEY, counts);
        }
        // What is read again is counted once.
        None if at.is_none() || at > block.other => {
            (block.others, block.other) = (block.others + 1, at);
            block.open &= block.others <= OTHERS;
        }
        None => {}
    }
}

static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("PRIVATE KEY"));

/// The line begins a private key and does not end it.
fn opens(line: &str) -> bool {
    // Nearly no line does, which is quick to tell.
    if KEY.find(line.as_bytes()).is_none() {
        return false;
    }
    line.rfind("PRIVATE KEY-----").or_else(|| line.rfind("PRIVATE KEY BLOCK-----")).is_some()
        && line.rfind("-----BEGIN ").is_some_and(|begin| line.rfind("-----END ").is_none_or(|end| end < begin))
}

/// The line ends a private key; that of a certificate does not.
fn ends(line: &str) -> bool {
    KEY.find(line.as_bytes()).is_some() && line.contains("-----END ")
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=".contains(c)
}

/// A line that stands within a private key, without what is of the key; `None` where nothing is.
fn without_key(line: &str) -> Option<String> {
    let marked = marker(PRIVATE_KEY, None, "");
    let is_key = |text: &str| !text.is_empty() && text.chars().all(is_base64);
    let text = line.trim();
    // Headers of RFC 1421, which say how it is encrypted.
    if is_key(text) || ["Proc-Type:", "DEK-Info:"].iter().any(|header| text.starts_with(header)) {
        return Some(marked);
    }
    if let Some(Range { start, end }) = printed(line)
        && is_key(line[start..end].trim_end_matches("\\n").trim_end_matches("\\r").trim())
    {
        return Some(format!("{}{marked}{}", &line[..start], &line[end..]));
    }
    let mut rest = String::new();
    let mut kept = 0;
    for word in line.split(|c| !is_base64(c)).filter(|word| word.len() >= LINE) {
        let at = word.as_ptr().addr() - line.as_ptr().addr();
        rest.push_str(&line[kept..at]);
        rest.push_str(&marked);
        kept = at + word.len();
    }
    rest.push_str(&line[kept..]);
    (kept > 0).then_some(rest)
}

/// Where a line of JSON has what the program printed.
fn printed(line: &str) -> Option<Range<usize>> {
    if !line.trim_start().starts_with('{') {
        return None;
    }
    MEMBERS.iter().find_map(|member| {
        let after = line.find(member)? + member.len();
        let value = line[after..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        let start = line.len() - value.len();
        let mut escaped = false;
        let length = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        Some(start..start + length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_a_key_is_taken_out_of_a_line_and_nothing_else() {
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        let marked = "[redacted:private-key]";
        for (line, rest) in [
            (format!("  {body}\r"), Some(marked.to_owned())),
            ("=aB3d".to_owned(), Some(marked.to_owned())),
            ("DEK-Info: AES-128-CBC,8F2A".to_owned(), Some(marked.to_owned())),
            (
                format!(r#"{{"log":"{body}","container_name":"app"}}"#),
                Some(format!(r#"{{"log":"{marked}","container_name":"app"}}"#)),
            ),
            (r#"{ "message" : "c2hvcnQ=\n" }"#.to_owned(), Some(format!(r#"{{ "message" : "{marked}" }}"#))),
            (format!("12:01:33 app | {body}"), Some(format!("12:01:33 app | {marked}"))),
            ("Version: GnuPG v2".to_owned(), None),
            (r#"{"log":"GET /health 200"}"#.to_owned(), None),
            (r#"{"log":"cut of"#.to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(without_key(&line), rest, "{line}");
        }
    }
}
