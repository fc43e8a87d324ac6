//! One pass over log lines with one multi-pattern matcher. Memory does not grow with the lines.

use std::sync::Arc;

use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{LineRow, Timestamp};
use memchr::memchr2;
use regex_automata::meta::Regex;
use regex_automata::{Input, PatternSet};

use super::expression::{Ends, compile};
use super::found::{Match, Matches, Place};
use super::parts::{Joined, Parts};
use super::readable::{Event, is_plain, readable};
use super::screen::Screen;
use super::tail::{Ended, Rings};
use super::trace::{Finding, Traces, exception};
use super::{Expect, FieldPattern, Looks, Pattern, is_log_group, json};
use crate::error::AnalyzeError;

/// A log line on its way through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) log_group: &'a str,
    pub(crate) log_stream: &'a str,
    pub(crate) container: Option<&'a str>,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) timestamp: Timestamp,
    pub(crate) seq: i64,
    pub(crate) ingestion_time: Option<Timestamp>,
    pub(crate) message: &'a str,
}

/// The scope and the meaning of a signature's lines.
#[derive(Debug, Clone)]
struct Wanted {
    container: Option<String>,
    log_group: Option<String>,
    expect: Expect,
}

impl Wanted {
    fn is_in(&self, line: &Line<'_>) -> bool {
        let elsewhere = |wanted: &Option<String>, is: Option<&str>| wanted.is_some() && wanted.as_deref() != is;
        let in_group = self.log_group.as_deref().is_none_or(|named| is_log_group(named, line.log_group));
        !elsewhere(&self.container, line.container) && in_group
    }
}

/// Every text pattern at once, with the signature that each belongs to. Copies share what the matchers learn of the lines.
#[derive(Debug, Clone)]
struct Texts {
    /// For a text of one line, which is by far the most frequent.
    one_line: Arc<Regex>,
    lines: Arc<Regex>,
    owners: Vec<usize>,
    set: PatternSet,
}

impl Texts {
    /// The signatures that a text matches, into `hits`.
    fn find(&mut self, text: &str, hits: &mut Vec<usize>) {
        let regex = if is_one_line(text) { &self.one_line } else { &self.lines };
        self.set.clear();
        regex.which_overlapping_matches(&Input::new(text), &mut self.set);
        hits.extend(self.set.iter().filter_map(|hit| self.owners.get(hit.as_usize())));
    }
}

fn is_one_line(text: &str) -> bool {
    memchr2(b'\n', b'\r', text.as_bytes()).is_none()
}

/// The matcher and its matches so far.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    texts: Option<Texts>,
    json: Vec<(usize, Vec<FieldPattern>)>,
    wanted: Vec<Wanted>,
    /// The signatures that match the line in hand.
    hits: Vec<usize>,
    parts: Parts,
    traces: Traces,
    pub(super) matches: Matches,
    pub(super) screen: Option<Arc<Screen>>,
    /// The group and the stream of the last batch's last line.
    last: (String, String),
}

impl Scanner {
    pub(crate) fn new(patterns: &[Pattern]) -> Result<Self, AnalyzeError> {
        let (mut texts, mut owners, mut json) = (Vec::new(), Vec::new(), Vec::new());
        for (place, pattern) in patterns.iter().enumerate() {
            match &pattern.looks {
                Looks::Text(text) => {
                    texts.push(text.as_str());
                    owners.push(place);
                }
                Looks::Json(fields) => json.push((place, fields.clone())),
            }
        }
        let compiled = |ends| {
            compile(&texts, ends).map(Arc::new).map_err(|_| {
                let problem = "the signatures' patterns are too large together";
                let remedy = "simplify bounded repetitions such as .{1,1000}, or use contains";
                AnalyzeError::Specification(vec![crate::SpecError::new(super::FILE, problem, remedy)])
            })
        };
        let set = PatternSet::new(texts.len());
        let texts = match texts.is_empty() {
            true => None,
            false => Some(Texts { one_line: compiled(Ends::OfText)?, lines: compiled(Ends::OfLines)?, owners, set }),
        };
        let wanted = |pattern: &Pattern| Wanted {
            container: pattern.container.clone(),
            log_group: pattern.log_group.clone(),
            expect: pattern.expect,
        };
        Ok(Self {
            texts,
            json,
            wanted: patterns.iter().map(wanted).collect(),
            hits: Vec::new(),
            parts: Parts::default(),
            traces: Traces::default(),
            matches: Matches::default(),
            screen: None,
            last: Default::default(),
        })
    }

    /// The same, for lines that come in batches: most of them are passed over.
    pub(super) fn of_batches(self, patterns: &[Pattern]) -> Self {
        Self { screen: Screen::new(patterns).map(Arc::new), ..self }
    }

    /// The search for lines that may match. It needs only the messages, so other threads can run it.
    pub(crate) fn screen(&self) -> Option<Arc<Screen>> {
        self.screen.clone()
    }

    /// The matches so far, as if no more lines came.
    pub(crate) fn so_far(&self) -> Matches {
        self.clone().into_matches()
    }

    pub(crate) fn into_matches(mut self) -> Matches {
        self.finish();
        self.matches
    }

    /// No more lines come of the lines and stack traces that are open.
    fn finish(&mut self) {
        for joined in self.parts.finish() {
            self.joined(&joined);
        }
        let findings = self.traces.finish();
        self.findings(findings);
    }

    /// Whether a line or a stack trace is open, so that the next line may belong to it.
    pub(super) fn is_amid(&self) -> bool {
        !self.parts.is_empty() || !self.traces.is_empty()
    }

    /// The next lines are of this stream. Where streams come one after the other, no more lines come of the one before.
    pub(super) fn comes_to(&mut self, line: &Line<'_>) {
        if (self.last.0.as_str(), self.last.1.as_str()) != (line.log_group, line.log_stream) {
            self.finish();
            self.last = (line.log_group.to_owned(), line.log_stream.to_owned());
        }
    }

    /// Of the tasks that ended badly, the last lines are kept.
    pub(crate) fn keep_tails(&mut self, ended: Ended) {
        self.matches.tails = Rings::new(ended);
    }

    /// A deployment was created at a moment: of the lines before it and since, each side is kept.
    pub(crate) fn bound(&mut self, at: Timestamp) {
        self.matches.bound(at);
    }

    pub(crate) fn line(&mut self, line: Line<'_>) {
        self.matches.streams.take(&line, std::iter::once(line));
        self.take(line);
    }

    /// Takes a line that was counted.
    pub(super) fn take(&mut self, line: Line<'_>) {
        if self.parts.is_empty() && is_plain(line.message) {
            self.read(&line, line.message, &[], None);
            return;
        }
        let event = Event::of(line.message);
        if self.parts.concerns(&event) {
            let mut done = Vec::new();
            let is_part = self.parts.take(&line, &event, &mut done);
            for joined in done {
                self.joined(&joined);
            }
            if is_part {
                return;
            }
        }
        self.read(&line, &event.text, &[], event.record);
    }

    fn joined(&mut self, joined: &Joined) {
        let line = joined.written.line(&joined.text);
        if joined.broken {
            self.matches.streams.broke(&line);
        }
        self.read(&line, &joined.text, &joined.starts, joined.record.as_deref());
    }

    /// Matches one line, or the lines of one event. Each text that begins at `starts` is also matched alone.
    fn read(&mut self, line: &Line<'_>, text: &str, starts: &[usize], record: Option<&str>) {
        let readable_text = readable(text);
        if !self.matches.tails.is_idle() {
            self.matches.tails.take(line, &readable_text);
        }
        let mut hits = std::mem::take(&mut self.hits);
        hits.clear();
        if let Some(texts) = &mut self.texts {
            texts.find(&readable_text, &mut hits);
            let ends = starts.iter().skip(1).copied().chain([text.len()]);
            for alone in starts.iter().zip(ends).filter_map(|(start, end)| text.get(*start..end)) {
                texts.find(&readable(alone), &mut hits);
            }
        }
        if !self.json.is_empty() {
            json::hits(&self.json, &readable_text, record, &mut hits);
        }
        hits.retain(|pattern| self.wanted.get(*pattern).is_some_and(|wanted| wanted.is_in(line)));
        if !hits.is_empty() || self.traces.concerns(&readable_text) {
            hits.sort_unstable();
            hits.dedup();
            self.tell(line, &readable_text, &hits);
        }
        self.hits = hits;
    }

    /// Keeps a match; a stack trace counts as one failure.
    fn tell(&mut self, line: &Line<'_>, text: &str, hits: &[usize]) {
        let mut findings = Vec::new();
        let (failures, successes): (Vec<usize>, Vec<usize>) = hits
            .iter()
            .partition(|pattern| self.wanted.get(**pattern).is_some_and(|wanted| wanted.expect == Expect::Failure));
        if is_one_line(text) {
            findings.extend(successes.into_iter().map(|pattern| Finding::of(line, pattern, text, None)));
            self.traces.take(line, text, &failures, &mut findings);
        } else {
            self.traces.end(line, &mut findings);
            let exception = exception(text).filter(|_| !failures.is_empty());
            let exceptions = failures.into_iter().map(|pattern| (pattern, exception));
            for (pattern, exception) in exceptions.chain(successes.into_iter().map(|pattern| (pattern, None))) {
                let told = exception.or_else(|| self.telling(pattern, text)).unwrap_or(text);
                findings.push(Finding::of(line, pattern, told, Some(text)));
            }
        }
        self.findings(findings);
    }

    /// The line of an event that matches the signature alone; else the first line that is not empty.
    fn telling<'t>(&mut self, pattern: usize, text: &'t str) -> Option<&'t str> {
        let mut hits = Vec::new();
        let mut matches = |line: &str| {
            hits.clear();
            if let Some(texts) = &mut self.texts {
                texts.find(line, &mut hits);
            }
            json::hits(&self.json, line, None, &mut hits);
            hits.contains(&pattern)
        };
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.clone().find(|line| matches(line)).or_else(|| lines.next())
    }

    fn findings(&mut self, findings: Vec<Finding>) {
        for Finding { pattern, written, message, lines } in findings {
            let place = Place {
                pattern,
                log_group: written.log_group,
                log_stream: written.log_stream,
                container: written.container,
                task_id: written.task_id,
            };
            let (timestamp, seq, ingestion_time) = (written.timestamp, written.seq, written.ingestion_time);
            self.matches.take(place, Match { timestamp, seq, message, ingestion_time, lines });
        }
    }

    /// A row of `log_events`.
    pub(crate) fn row(&mut self, row: &LogEventRow) {
        self.line(Line {
            log_group: &row.log_group,
            log_stream: &row.log_stream,
            container: row.container.as_deref(),
            task_id: row.task_id.as_deref(),
            timestamp: row.timestamp,
            seq: row.seq,
            ingestion_time: row.ingestion_time,
            message: &row.message,
        });
    }

    /// A line of an answer, which gets the next number of its stream.
    pub(crate) fn arrived(&mut self, row: &LineRow) {
        let known = self.matches.streams.get(&row.log_group, &row.log_stream);
        let seq = known.map_or(0, |stream| stream.numbered);
        self.line(Line {
            log_group: &row.log_group,
            log_stream: &row.log_stream,
            container: row.container.as_deref(),
            task_id: row.task_id.as_deref(),
            timestamp: row.timestamp,
            seq,
            ingestion_time: row.ingestion_time,
            message: &row.message,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Expect;
    use crate::signature::expression::escape;
    use crate::signature::found::{Found, KEPT};

    fn pattern(regex: &str, container: Option<&str>) -> Pattern {
        Pattern {
            id: regex.to_owned(),
            title: String::new(),
            expect: Expect::Failure,
            looks: Looks::Text(regex.to_owned()),
            container: container.map(str::to_owned),
            family: None,
            log_group: None,
            within_ms: 0,
            anchor: Default::default(),
            quorum: Default::default(),
            level: crate::Level::Block,
            owner: crate::Owner::Service,
            advice: None,
        }
    }

    fn line(message: &str, seq: i64) -> Line<'_> {
        Line {
            log_group: "g",
            log_stream: "s",
            container: Some("app"),
            task_id: Some("t"),
            timestamp: Timestamp(1000 - seq),
            seq,
            ingestion_time: None,
            message,
        }
    }

    #[test]
    fn every_pattern_that_matches_a_line_is_found() {
        let patterns = [pattern("Running upgrade", None), pattern(r"upgrade \S+ -> \w+", None), pattern("ERROR", None)];
        let mut scanner = Scanner::new(&patterns).unwrap();
        scanner.line(line("INFO Running upgrade ae10 -> 1975, add", 1));
        let found: Vec<usize> = scanner.so_far().found.keys().map(|place| place.pattern).collect();
        assert_eq!(found, [0, 1]);
    }

    #[test]
    fn a_container_restricts_and_an_unknown_one_is_not_it() {
        let mut scanner =
            Scanner::new(&[pattern("x", Some("app")), pattern("x", Some("otel")), pattern("x", None)]).unwrap();
        scanner.line(line("x", 1));
        scanner.line(Line { container: None, log_stream: "other", ..line("x", 1) });
        let matches = scanner.so_far();
        let found: Vec<_> = matches.found.keys().map(|place| (place.pattern, place.log_stream.as_str())).collect();
        assert_eq!(found, [(0, "s"), (2, "other"), (2, "s")]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_earliest_is_known() {
        let mut scanner = Scanner::new(&[pattern("x", None)]).unwrap();
        let long = "xé".repeat(4096);
        for seq in 0..1000 {
            scanner.line(line(&long, seq));
        }
        let found: Found = scanner.into_matches().found.into_values().next().unwrap();
        assert_eq!((found.count(), found.lines().count()), (1000, KEPT + 1));
        let first = found.lines().next().unwrap();
        assert_eq!(first.timestamp, Timestamp(1), "the earliest time, not the first that came");
        assert!(first.message.len() <= 4096);
    }

    #[test]
    fn contains_is_taken_literally() {
        let text = r#"a.b*c(d)[e]{f}|g^h$i\j-k&l~m#n "o" é"#;
        let mut scanner = Scanner::new(&[pattern(&escape(text), None)]).unwrap();
        scanner.line(line(&format!(">{text}<"), 1));
        scanner.line(line("aXbc(d)", 2));
        assert_eq!(scanner.so_far().found.values().map(|found| found.count()).sum::<u64>(), 1);
    }
}
