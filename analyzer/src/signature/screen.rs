//! Which log lines need to be looked at: those with a text that every match of some signature has.
//!
//! Most lines match nothing. One search over the bytes of thousands of lines finds the few that may, and only these
//! are read and matched one by one. A line that is passed over matches no signature, is no part of a line, begins no stack trace
//! and has no terminal escape.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};
use arrow::array::{Array, StringArray};
use regex_syntax::Parser;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind};

use super::readable::PART_BYTES;
use super::trace::TRACEBACK;
use super::{FieldPattern, Looks, Pattern, escapes};

/// Shorter texts are in most lines.
const SHORTEST: usize = 3;
/// Of a long text its beginning is enough.
const LONGEST: usize = 12;
/// Above it, a search takes longer than it saves.
const MOST: usize = 2000;
/// A text with one of these is not what it seems: the line in a router's record.
const RECORD: &str = "\"log\"";

/// Searches for the texts.
#[derive(Debug, Clone)]
pub(super) struct Screen(AhoCorasick);

impl Screen {
    /// `None` where a signature may match a line without any text that is known beforehand.
    pub(super) fn new(patterns: &[Pattern]) -> Option<Self> {
        let mut texts: BTreeSet<Vec<u8>> = escapes::beginnings().map(String::into_bytes).collect();
        texts.extend([RECORD, TRACEBACK].map(|text| text.as_bytes().to_vec()));
        for pattern in patterns {
            match &pattern.looks {
                Looks::Text(expression) => texts.extend(of_expression(expression)?),
                Looks::Json(fields) => {
                    texts.extend(of_fields(fields)?);
                    // Any character of a field may be written as an escape.
                    texts.insert(b"\\".to_vec());
                }
            }
        }
        // One that holds another finds nothing that the other does not.
        let texts: BTreeSet<Vec<u8>> = texts.into_iter().map(|text| text.to_ascii_lowercase()).collect();
        let holds = |text: &[u8], other: &[u8]| text.windows(other.len()).any(|part| part == other);
        let needed = |text: &&Vec<u8>| !texts.iter().any(|other| other != *text && holds(text, other));
        let texts: Vec<&Vec<u8>> = texts.iter().filter(needed).collect();
        if texts.len() > MOST {
            return None;
        }
        let search = AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(texts);
        search.ok().map(Self)
    }

    /// The rows that need to be looked at, in their order.
    pub(super) fn notable(&self, messages: &StringArray, rows: &mut Vec<usize>) {
        rows.clear();
        let (bytes, ends) = (messages.value_data(), messages.value_offsets());
        let at = |offset: usize| ends.get(offset).and_then(|end| usize::try_from(*end).ok()).unwrap_or(bytes.len());
        let (mut row, mut start) = (0, at(0));
        let last = at(messages.len());
        while start < last {
            let Some(found) = self.0.find(Input::new(bytes).span(start..last)) else { break };
            while at(row + 1) <= found.start() {
                self.long(messages, row, rows);
                row += 1;
            }
            if found.end() <= at(row + 1) {
                rows.push(row);
                start = at(row + 1);
                row += 1;
            } else {
                // It begins in one line and ends in another.
                start = found.start() + 1;
            }
        }
        for row in row..messages.len() {
            self.long(messages, row, rows);
        }
    }

    /// A line as long as a part may be one.
    #[expect(clippy::unused_self, reason = "the other reason for which a row is notable")]
    fn long(&self, messages: &StringArray, row: usize, rows: &mut Vec<usize>) {
        if messages.value_length(row) >= PART_BYTES as i32 {
            rows.push(row);
        }
    }
}

/// Texts of which every text that an expression matches holds at least one.
fn of_expression(expression: &str) -> Option<Vec<Vec<u8>>> {
    held(&Parser::new().parse(expression).ok()?)
}

/// As [`of_expression`], for a JSON object of which every field matches. The text of a number, an object or a list may be
/// written in another way: words stay as they are.
fn of_fields(fields: &[FieldPattern]) -> Option<Vec<Vec<u8>>> {
    let words = |field: &FieldPattern| -> Option<Vec<Vec<u8>>> {
        of_expression(field.text())?.iter().map(|text| word(text)).collect()
    };
    fields.iter().filter_map(words).max_by_key(|texts| worth(texts))
}

/// The longest run of letters, which no number has.
fn word(text: &[u8]) -> Option<Vec<u8>> {
    let runs = text.split(|byte| !byte.is_ascii_alphabetic());
    let words = runs.filter(|run| run.len() >= SHORTEST && run.iter().any(|byte| !matches!(byte, b'e' | b'E')));
    words.max_by_key(|run| run.len()).map(<[u8]>::to_vec)
}

/// Longer texts are rarer, and fewer are found sooner.
fn worth(texts: &[Vec<u8>]) -> (usize, std::cmp::Reverse<usize>) {
    let shortest = texts.iter().map(Vec::len).min().unwrap_or_default();
    (shortest.min(LONGEST), std::cmp::Reverse(texts.len()))
}

fn held(expression: &Hir) -> Option<Vec<Vec<u8>>> {
    let ends = [ExtractKind::Prefix, ExtractKind::Suffix].into_iter().filter_map(|kind| {
        let texts = Extractor::new().kind(kind.clone()).extract(expression);
        let cut = |text: &[u8]| match kind {
            ExtractKind::Suffix => text[text.len().saturating_sub(LONGEST)..].to_vec(),
            _ => text[..text.len().min(LONGEST)].to_vec(),
        };
        Some(texts.literals()?.iter().map(|text| cut(text.as_bytes())).collect::<Vec<_>>())
    });
    let inner = match expression.kind() {
        HirKind::Concat(parts) => parts.iter().filter_map(held).collect(),
        HirKind::Capture(capture) => held(&capture.sub).into_iter().collect(),
        HirKind::Repetition(repetition) if repetition.min > 0 => held(&repetition.sub).into_iter().collect(),
        HirKind::Alternation(parts) => {
            let of_each = parts.iter().map(held).collect::<Option<Vec<_>>>();
            of_each.map(|texts| texts.concat()).into_iter().collect()
        }
        _ => Vec::new(),
    };
    let usable = |texts: &Vec<Vec<u8>>| !texts.is_empty() && texts.iter().all(|text| text.len() >= SHORTEST);
    ends.chain(inner).filter(usable).max_by_key(|texts| worth(texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(expression: &str) -> Option<Vec<String>> {
        let texts = of_expression(expression)?;
        Some(texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
    }

    #[test]
    fn the_rarest_texts_of_an_expression_are_chosen() {
        for (expression, held) in [
            (r"Running upgrade \S+ -> \w+", "Running upgr"),
            (r"^\d+ INFO .*Application startup complete\.$", "up complete."),
            (r"(a|b)+ (ERROR|FATAL): \d", " ERROR:| FATAL:"),
            (r"(?:x{2}|yes)", "yes"),
        ] {
            let texts = texts(expression).map(|texts| texts.join("|"));
            assert_eq!(texts.as_deref(), Some(held), "{expression}");
        }
        for expression in [r"\d{3}", "^$", "a|bc", r"(error)?", r"\w+", "."] {
            assert_eq!(texts(expression), None, "{expression}");
        }
    }
}
