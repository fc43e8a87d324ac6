//! One finding for one stack trace, whether its lines are one event or many.
//!
//! The finding of a Python traceback shows its last line, which names the exception. That of another stack trace shows
//! the line that matched.

use std::collections::BTreeMap;
use std::ops::Range;

use casefile_evidence::Timestamp;

use super::matcher::Line;
use super::parts::Written;

pub(super) const TRACEBACK: &str = "Traceback (most recent call last):";
/// Python says why one traceback follows another.
const CHAINED: [&str; 2] = ["During handling of the above exception", "The above exception was the direct cause"];
/// Bytes kept of a stack trace.
const TEXT_BYTES: usize = 4096;
/// By how many milliseconds the lines of a stack trace follow each other, at most.
const APART_MS: i64 = 1000;

/// Where a stack trace stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Within the frames of a Python traceback.
    Frames,
    /// After the line that names the exception.
    Named,
    /// After the line that says that another traceback follows.
    Chained,
    /// After a line that matched, of whichever language.
    Other,
}

/// The lines of one stack trace, as far as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trace {
    state: State,
    text: String,
    lines: usize,
    last_at: Timestamp,
    /// The line that names the exception.
    exception: Option<String>,
    /// The signatures that matched, each with its first line.
    hits: BTreeMap<usize, (Written, String)>,
}

/// A finding: a signature and the line that tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) pattern: usize,
    pub(super) written: Written,
    pub(super) message: String,
    pub(super) lines: Option<String>,
}

impl Finding {
    /// A finding of one event: the line that tells, and all of its lines where there are several.
    pub(super) fn of(line: &Line<'_>, pattern: usize, told: &str, lines: Option<&str>) -> Self {
        let lines = lines.map(|lines| shortened(lines).to_owned());
        Self { pattern, written: Written::of(line), message: shortened(told).to_owned(), lines }
    }
}

/// The stack traces that may go on, by group and stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Traces(BTreeMap<(String, String), Trace>);

impl Traces {
    /// Whether none is open.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a line that matched nothing needs to be looked at here.
    pub(super) fn concerns(&self, text: &str) -> bool {
        !self.0.is_empty() || text.starts_with(TRACEBACK)
    }

    /// Takes a line with the failure signatures that it matches. Findings that end by it are added to `done`.
    pub(super) fn take(&mut self, line: &Line<'_>, text: &str, hits: &[usize], done: &mut Vec<Finding>) {
        let key = (line.log_group.to_owned(), line.log_stream.to_owned());
        if let Some(trace) = self.0.get_mut(&key) {
            if trace.goes_on(text, line.timestamp) {
                trace.add(line, text, hits);
                return;
            }
            done.extend(self.0.remove(&key).into_iter().flat_map(Trace::findings));
        }
        let state = if text.starts_with(TRACEBACK) { State::Frames } else { State::Other };
        if state == State::Other && hits.is_empty() {
            return;
        }
        let mut trace = Trace::new(state, line.timestamp);
        trace.add(line, text, hits);
        self.0.insert(key, trace);
    }

    /// The stack trace of a stream that is over, where there is one.
    pub(super) fn end(&mut self, line: &Line<'_>, done: &mut Vec<Finding>) {
        if !self.0.is_empty() {
            let key = (line.log_group.to_owned(), line.log_stream.to_owned());
            done.extend(self.0.remove(&key).into_iter().flat_map(Trace::findings));
        }
    }

    /// The findings of all open traces.
    pub(super) fn finish(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.0).into_values().flat_map(Trace::findings).collect()
    }
}

impl Trace {
    fn new(state: State, last_at: Timestamp) -> Self {
        Self { state, text: String::new(), lines: 0, last_at, exception: None, hits: BTreeMap::new() }
    }

    /// Whether a line belongs to the stack trace.
    fn goes_on(&mut self, text: &str, at: Timestamp) -> bool {
        if at.millis_since(self.last_at).abs() > APART_MS {
            return false;
        }
        let indented = text.starts_with([' ', '\t']) || text.is_empty();
        let chained = CHAINED.iter().any(|chained| text.starts_with(chained));
        let next = match self.state {
            State::Frames if indented => State::Frames,
            State::Frames if names_exception(text) => {
                self.exception = Some(text.to_owned());
                State::Named
            }
            State::Named if chained => State::Chained,
            State::Named if indented => State::Named,
            State::Chained if text.is_empty() => State::Chained,
            State::Chained if text.starts_with(TRACEBACK) => State::Frames,
            State::Other if is_frame(text) => State::Other,
            _ => return false,
        };
        self.state = next;
        true
    }

    fn add(&mut self, line: &Line<'_>, text: &str, hits: &[usize]) {
        if self.text.len() < TEXT_BYTES {
            if self.lines > 0 {
                self.text.push('\n');
            }
            self.text.push_str(shortened(text));
        }
        self.lines += 1;
        self.last_at = line.timestamp;
        for hit in hits {
            self.hits.entry(*hit).or_insert_with(|| (Written::of(line), shortened(text).to_owned()));
        }
    }

    fn findings(self) -> impl Iterator<Item = Finding> {
        let Self { text, lines, exception, hits, .. } = self;
        let lines = (lines > 1).then(|| shortened(&text).to_owned());
        hits.into_iter().map(move |(pattern, (written, message))| {
            let message = exception.as_deref().map_or(message, |exception| shortened(exception).to_owned());
            Finding { pattern, written, message, lines: lines.clone() }
        })
    }
}

/// The last stack trace among lines: from its first line to after its last. `is_cut` where lines before these are not
/// known: they may have been its first.
pub(crate) fn last_trace<'a>(lines: impl Iterator<Item = (Timestamp, &'a str)>, is_cut: bool) -> Option<Range<usize>> {
    let mut last = None;
    let mut open: Option<(usize, Trace)> = None;
    for (number, (at, text)) in lines.enumerate() {
        if number == 0 && is_cut {
            open = Some((0, Trace::new(State::Frames, at)));
        }
        if let Some((start, trace)) = &mut open
            && trace.goes_on(text, at)
        {
            trace.last_at = at;
            last = Some(*start..number + 1);
            continue;
        }
        let state = if text.starts_with(TRACEBACK) { State::Frames } else { State::Other };
        open = Some((number, Trace::new(state, at)));
    }
    last
}

/// The line of an event of many lines that names the exception of its last Python traceback.
pub(crate) fn exception(text: &str) -> Option<&str> {
    let (_, after) = text.rsplit_once(TRACEBACK)?;
    after.lines().skip(1).find(|line| !line.starts_with([' ', '\t']) && !line.trim().is_empty()).map(str::trim_end)
}

/// `package.Error: message`, or just its name.
fn names_exception(line: &str) -> bool {
    let name = line.split_once(':').map_or(line, |(name, _)| name).trim_end();
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

/// A line of a stack trace of Java, .NET or JavaScript after its first.
fn is_frame(line: &str) -> bool {
    let inner = line.trim_start();
    let more = |rest: &str| rest.split_once(' ').is_some_and(|(count, _)| count.parse::<u32>().is_ok());
    match inner.len() < line.len() {
        true => {
            inner.starts_with("at ")
                || inner.starts_with("Suppressed: ")
                || inner.strip_prefix("... ").is_some_and(more)
        }
        false => line.starts_with("Caused by: "),
    }
}

/// The first bytes of a text, without half a character.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_exception_of_an_event_tells() {
        let text = "ERROR job failed\nTraceback (most recent call last):\n  File \"a\"\nKeyError: 'x'\n\n\
                    During handling of the above exception, another exception occurred:\n\n\
                    Traceback (most recent call last):\n  File \"b\"\n    f()\napp.Broken: no 'x'\n";
        assert_eq!(exception(text), Some("app.Broken: no 'x'"));
        assert_eq!(exception("ERROR\n  at x"), None);
        assert_eq!(exception("Traceback (most recent call last):\n  File"), None);
    }

    #[test]
    fn an_exception_is_a_name() {
        for line in ["ModuleNotFoundError: No module", "KeyboardInterrupt", "sqlalchemy.exc.ProgrammingError: (x) y"] {
            assert!(names_exception(line), "{line}");
        }
        for line in ["2026-10-14 INFO", "GET /x: 200", "", ": x", "[worker] up"] {
            assert!(!names_exception(line), "{line}");
        }
    }

    #[test]
    fn frames_follow_a_line() {
        for line in ["\tat com.x.Y.z(Y.java:1)", "    at f (a.js:1:2)", "Caused by: x.Y: z", "\t... 12 more"] {
            assert!(is_frame(line), "{line}");
        }
        for line in ["at last", "  ERROR x", "... 12 more", "  ... and so on"] {
            assert!(!is_frame(line), "{line}");
        }
    }
}
