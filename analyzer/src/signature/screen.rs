//! Which log lines need to be looked at: those with a text that every match of some signature has.
//!
//! Most lines match nothing. A search over the bytes of thousands of lines finds the few that may, and only these are
//! matched one by one. A line that is passed over matches no signature, is no part of a longer line, begins no stack trace, and has
//! no terminal escape.

use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, Input, Span};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use memchr::memchr2_iter;
use regex_syntax::Parser;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind};

use super::readable::PART_BYTES;
use super::trace::TRACEBACK;
use super::{FieldPattern, Looks, Pattern, escapes};
use crate::error::AnalyzeError;

/// The column of [`Screen::marked`].
pub(super) const NOTABLE: &str = "notable";

/// Shorter texts are in most lines.
const SHORTEST: usize = 3;
/// Of a long text a part is enough.
const LONGEST: usize = 12;
/// An expression with at most this many texts is preferred.
const FEW: usize = 32;
/// With more texts than these, a search takes longer than it saves.
const MOST: usize = 2000;
/// Texts of one search with vector instructions: aarch64 allows 48.
const AT_ONCE: usize = 48;
/// With more searches than these, one automaton is faster.
const SEARCHES: usize = 8;
/// A router's record has it, and the line is in the record.
const RECORD: &str = "\"log\"";

/// Searches for the texts.
#[derive(Debug)]
pub(crate) struct Screen {
    searches: Vec<Search>,
    /// Besides the escape character, one that a line has in which a text is written in another way.
    also: u8,
}

#[derive(Debug)]
enum Search {
    /// With vector instructions.
    Packed(Searcher),
    Automaton(AhoCorasick),
}

impl Search {
    fn of(texts: &[&[u8]]) -> Option<Self> {
        Searcher::new(texts).map(Self::Packed).or_else(|| AhoCorasick::new(texts).ok().map(Self::Automaton))
    }

    fn find(&self, bytes: &[u8], span: Span) -> Option<Span> {
        match self {
            Self::Packed(search) => search.find_in(bytes, span).map(|found| found.span()),
            Self::Automaton(search) => search.find(Input::new(bytes).span(span)).map(|found| found.span()),
        }
    }
}

impl Screen {
    /// `None` where a signature may match a line without any text that is known beforehand.
    pub(super) fn new(patterns: &[Pattern]) -> Option<Self> {
        let mut texts: BTreeSet<Vec<u8>> = escapes::INSTEAD.map(|text| format!("{text}[").into_bytes()).into();
        texts.extend([RECORD, TRACEBACK].map(|text| text.as_bytes().to_vec()));
        let mut also = escapes::ESC;
        for pattern in patterns {
            match &pattern.looks {
                Looks::Text(expression) => texts.extend(of_expression(expression)?),
                Looks::Json(fields) => {
                    texts.extend(of_fields(fields)?);
                    // Any character of a field may be written as an escape.
                    also = b'\\';
                }
            }
        }
        if texts.len() > MOST {
            return None;
        }
        // No text is part of another: so the first that is found to end is the first that begins.
        let holds = |text: &[u8], other: &[u8]| text.windows(other.len()).any(|part| part == other);
        let is_needed = |text: &&[u8]| !texts.iter().any(|other| other != text && holds(text, other));
        let mut needed: Vec<&[u8]> = texts.iter().map(Vec::as_slice).filter(is_needed).collect();
        // A search is as good as its shortest text.
        needed.sort_by_key(|text| text.len());
        let searches = match needed.len() <= AT_ONCE * SEARCHES {
            true => needed.chunks(AT_ONCE).map(Search::of).collect::<Option<_>>()?,
            false => vec![Search::Automaton(AhoCorasick::new(needed).ok()?)],
        };
        Some(Self { searches, also })
    }

    /// The batch with one more column, [`NOTABLE`]: whether a line needs to be looked at.
    pub(crate) fn marked(&self, batch: &RecordBatch) -> Result<RecordBatch, AnalyzeError> {
        let messages = batch.column_by_name("message").and_then(|column| column.as_string_opt::<i32>());
        let messages = messages.ok_or_else(|| AnalyzeError::internal("log_events.message is not there"))?;
        let notable: ArrayRef = Arc::new(BooleanArray::from(self.notable(messages)));
        let field = Arc::new(Field::new(NOTABLE, DataType::Boolean, false));
        let fields: Fields = batch.schema_ref().fields().iter().cloned().chain([field]).collect();
        let columns = batch.columns().iter().cloned().chain([notable]).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(AnalyzeError::internal)
    }

    /// Whether each line needs to be looked at.
    fn notable(&self, messages: &StringArray) -> Vec<bool> {
        let at = |offset: usize| messages.value_offsets().get(offset).and_then(|end| usize::try_from(*end).ok());
        let end_of = |row: usize| at(row + 1).unwrap_or_default();
        let (Some(first), Some(last)) = (at(0), at(messages.len())) else { return Vec::new() };
        let bytes = messages.value_data().get(..last).unwrap_or_default();
        // A line as long as a part may be one.
        let mut notable: Vec<bool> =
            messages.value_offsets().windows(2).map(|ends| ends[1] - ends[0] >= PART_BYTES as i32).collect();
        let mut mark = |row: usize| {
            if let Some(notable) = notable.get_mut(row) {
                *notable = true;
            }
        };
        for search in &self.searches {
            let (mut row, mut start) = (0, first);
            while let Some(found) = search.find(bytes, Span { start, end: last }) {
                while end_of(row) <= found.start {
                    row += 1;
                }
                // A text that begins in one line and ends in another does not count.
                start = found.start + 1;
                if found.end <= end_of(row) {
                    mark(row);
                    start = end_of(row);
                }
            }
        }
        let mut row = 0;
        for place in memchr2_iter(escapes::ESC, self.also, bytes.get(first..).unwrap_or_default()) {
            while end_of(row) <= first + place {
                row += 1;
            }
            mark(row);
        }
        notable
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

/// A few texts are found at once. Of these, longer ones are rarer.
fn worth(texts: &[Vec<u8>]) -> (bool, usize, std::cmp::Reverse<usize>) {
    let shortest = texts.iter().map(Vec::len).min().unwrap_or_default();
    (texts.len() <= FEW, shortest, std::cmp::Reverse(texts.len()))
}

/// The best such texts of an expression, each as long as [`SHORTEST`] at least and as [`LONGEST`] at most.
fn held(expression: &Hir) -> Option<Vec<Vec<u8>>> {
    let ends = [ExtractKind::Prefix, ExtractKind::Suffix].into_iter().filter_map(|kind| {
        let texts = Extractor::new().kind(kind.clone()).extract(expression);
        let mut texts: Vec<Vec<u8>> = texts.literals()?.iter().map(|text| text.as_bytes().to_vec()).collect();
        if matches!(kind, ExtractKind::Suffix) {
            texts.iter_mut().for_each(|text| drop(text.drain(..text.len().saturating_sub(LONGEST))));
        }
        Some(texts)
    });
    let inner = match expression.kind() {
        HirKind::Concat(parts) => parts.iter().filter_map(held).collect(),
        HirKind::Capture(capture) => held(&capture.sub).into_iter().collect(),
        HirKind::Repetition(repetition) if repetition.min > 0 => held(&repetition.sub).into_iter().collect(),
        HirKind::Alternation(parts) => {
            let of_each = parts.iter().map(held).collect::<Option<Vec<_>>>();
            of_each.map(|texts| texts.concat()).filter(|texts| texts.len() <= MOST).into_iter().collect()
        }
        _ => Vec::new(),
    };
    // Texts in which either case counts are many, and their beginnings few.
    let shortened = ends.chain(inner).flat_map(|texts| [LONGEST, 4, SHORTEST].map(|length| beginnings(&texts, length)));
    let usable = |texts: &Vec<Vec<u8>>| !texts.is_empty() && texts.iter().all(|text| text.len() >= SHORTEST);
    shortened.filter(usable).max_by_key(|texts| worth(texts))
}

fn beginnings(texts: &[Vec<u8>], length: usize) -> Vec<Vec<u8>> {
    let short: BTreeSet<&[u8]> = texts.iter().map(|text| text.get(..length).unwrap_or(text)).collect();
    short.into_iter().map(<[u8]>::to_vec).collect()
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
            (r"Running upgrade \S+ -> \w+", "ing upgrade "),
            (r"^\d+ INFO .*Application startup complete\.$", "up complete."),
            (r"(a|b)+ (ERROR|FATAL): \d", "ERROR|FATAL"),
            (r"(?:x{3}|yes)", "xxx|yes"),
        ] {
            let texts = texts(expression).map(|texts| texts.join("|"));
            assert_eq!(texts.as_deref(), Some(held), "{expression}");
        }
        for expression in [r"\d{3}", "^$", "a|bc", r"(error)?", r"\w+", "."] {
            assert_eq!(texts(expression), None, "{expression}");
        }
    }
}
