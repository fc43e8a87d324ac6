//! One pass over log lines with one multi-pattern matcher. What is kept does not grow with the lines.

use std::collections::BTreeMap;

use arrow::array::{Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use casefile_evidence::Timestamp;
use casefile_evidence::tables::LogEventRow;
use regex_automata::meta::{BuildError, Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Input, MatchKind, PatternSet};

use super::Pattern;
use crate::error::AnalyzeError;

/// Matches kept of one signature in one stream; the rest is counted.
pub(crate) const KEPT: usize = 100;
/// Bytes kept of a matching line.
const MESSAGE_BYTES: usize = 4096;
/// Bounds what an untrusted pattern may cost to compile and to hold, all patterns together.
const AUTOMATON_BYTES: usize = 16 << 20;

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

/// A line that matched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    pub(crate) timestamp: Timestamp,
    pub(crate) seq: i64,
    pub(crate) message: String,
    pub(crate) ingestion_time: Option<Timestamp>,
}

/// Where a signature matched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The signature's place in the config.
    pub(crate) pattern: usize,
    pub(crate) log_group: String,
    pub(crate) log_stream: String,
    pub(crate) container: Option<String>,
    pub(crate) task_id: Option<String>,
}

/// The matches of one signature in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// How many there were.
    pub(crate) count: u64,
    /// The earliest by the program's own clock.
    pub(crate) first: Match,
    /// The latest.
    pub(crate) last: Match,
    /// The first [`KEPT`] that came.
    pub(crate) kept: Vec<Match>,
}

/// Every match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Matches(pub(crate) BTreeMap<Place, Found>);

impl Matches {
    pub(crate) fn of(&self, pattern: usize) -> impl Iterator<Item = (&Place, &Found)> {
        self.0.iter().filter(move |(place, _)| place.pattern == pattern)
    }
}

/// The matcher and what it found so far.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    regex: Option<Regex>,
    containers: Vec<Option<String>>,
    set: PatternSet,
    matches: Matches,
}

fn build(patterns: &[&str]) -> Result<Regex, Box<BuildError>> {
    let config = Config::new()
        .match_kind(MatchKind::All)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(AUTOMATON_BYTES))
        .onepass(false)
        .backtrack(false)
        .hybrid_cache_capacity(AUTOMATON_BYTES);
    Regex::builder().configure(config).build_many(patterns).map_err(Box::new)
}

/// Whether a pattern can be used, and why not.
pub(crate) fn probe(pattern: &str) -> Result<(), String> {
    let regex = build(&[pattern]).map_err(|error| match error.syntax_error() {
        Some(syntax) => syntax.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        None => "it is too large".to_owned(),
    })?;
    if regex.is_match("") { Err("it matches the empty text, and so every line".to_owned()) } else { Ok(()) }
}

/// A regular expression that matches just this text.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

impl Scanner {
    pub(crate) fn new(patterns: &[Pattern]) -> Result<Self, AnalyzeError> {
        let texts: Vec<&str> = patterns.iter().map(|pattern| pattern.regex.as_str()).collect();
        let too_large = |_| {
            let problem = "the signatures' patterns are too large together";
            let remedy = "simplify bounded repetitions such as .{1,1000}, or use contains";
            AnalyzeError::Specification(vec![crate::SpecError::new("casefile.toml", problem, remedy)])
        };
        let regex = if texts.is_empty() { None } else { Some(build(&texts).map_err(too_large)?) };
        Ok(Self {
            regex,
            containers: patterns.iter().map(|pattern| pattern.container.clone()).collect(),
            set: PatternSet::new(texts.len()),
            matches: Matches::default(),
        })
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_idle(&self) -> bool {
        self.regex.is_none()
    }

    pub(crate) fn matches(&self) -> &Matches {
        &self.matches
    }

    pub(crate) fn into_matches(self) -> Matches {
        self.matches
    }

    pub(crate) fn line(&mut self, line: Line<'_>) {
        let Some(regex) = &self.regex else { return };
        self.set.clear();
        regex.which_overlapping_matches(&Input::new(line.message), &mut self.set);
        for pattern in self.set.iter() {
            let pattern = pattern.as_usize();
            let wanted = self.containers.get(pattern).and_then(Option::as_deref);
            if wanted.is_some() && wanted != line.container {
                continue;
            }
            let place = Place {
                pattern,
                log_group: line.log_group.to_owned(),
                log_stream: line.log_stream.to_owned(),
                container: line.container.map(str::to_owned),
                task_id: line.task_id.map(str::to_owned),
            };
            let found = Match {
                timestamp: line.timestamp,
                seq: line.seq,
                message: shortened(line.message).to_owned(),
                ingestion_time: line.ingestion_time,
            };
            match self.matches.0.get_mut(&place) {
                Some(place) => {
                    place.count += 1;
                    if found < place.first {
                        place.first = found.clone();
                    }
                    if found > place.last {
                        place.last = found.clone();
                    }
                    if place.kept.len() < KEPT {
                        place.kept.push(found);
                    }
                }
                None => {
                    let found = Found { count: 1, first: found.clone(), last: found.clone(), kept: vec![found] };
                    self.matches.0.insert(place, found);
                }
            }
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

    /// A batch of `log_events`; of it, what had been observed at a moment.
    pub(crate) fn batch(&mut self, batch: &RecordBatch, as_of: Option<Timestamp>) -> Result<(), AnalyzeError> {
        fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T, AnalyzeError> {
            let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
            column.ok_or_else(|| AnalyzeError::internal(format!("log_events.{name} has another type")))
        }
        let log_group: &StringArray = column(batch, "log_group")?;
        let log_stream: &StringArray = column(batch, "log_stream")?;
        let container: &StringArray = column(batch, "container")?;
        let task_id: &StringArray = column(batch, "task_id")?;
        let timestamp: &TimestampMillisecondArray = column(batch, "timestamp")?;
        let seq: &Int64Array = column(batch, "seq")?;
        let ingestion_time: &TimestampMillisecondArray = column(batch, "ingestion_time")?;
        let observed_at: &TimestampMillisecondArray = column(batch, "observed_at")?;
        let message: &StringArray = column(batch, "message")?;
        for row in 0..batch.num_rows() {
            if as_of.is_some_and(|moment| observed_at.value(row) > moment.as_millis()) {
                continue;
            }
            self.line(Line {
                log_group: log_group.value(row),
                log_stream: log_stream.value(row),
                container: container.is_valid(row).then(|| container.value(row)),
                task_id: task_id.is_valid(row).then(|| task_id.value(row)),
                timestamp: Timestamp(timestamp.value(row)),
                seq: seq.value(row),
                ingestion_time: ingestion_time.is_valid(row).then(|| Timestamp(ingestion_time.value(row))),
                message: message.value(row),
            });
        }
        Ok(())
    }
}

fn shortened(message: &str) -> &str {
    &message[..message.floor_char_boundary(MESSAGE_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Expect;

    fn pattern(regex: &str, container: Option<&str>) -> Pattern {
        Pattern {
            id: regex.to_owned(),
            title: String::new(),
            expect: Expect::Failure,
            regex: regex.to_owned(),
            container: container.map(str::to_owned),
            within_ms: 0,
            level: crate::pack::Level::Block,
            owner: crate::pack::Owner::Service,
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
        let found: Vec<usize> = scanner.matches().0.keys().map(|place| place.pattern).collect();
        assert_eq!(found, [0, 1]);
    }

    #[test]
    fn a_container_restricts_and_an_unknown_one_is_not_it() {
        let mut scanner =
            Scanner::new(&[pattern("x", Some("app")), pattern("x", Some("otel")), pattern("x", None)]).unwrap();
        scanner.line(line("x", 1));
        scanner.line(Line { container: None, log_stream: "other", ..line("x", 1) });
        let found: Vec<_> =
            scanner.matches().0.keys().map(|place| (place.pattern, place.log_stream.as_str())).collect();
        assert_eq!(found, [(0, "s"), (2, "other"), (2, "s")]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_earliest_is_known() {
        let mut scanner = Scanner::new(&[pattern("x", None)]).unwrap();
        let long = "xé".repeat(MESSAGE_BYTES);
        for seq in 0..1000 {
            scanner.line(line(&long, seq));
        }
        let found = scanner.into_matches().0.into_values().next().unwrap();
        assert_eq!((found.count, found.kept.len()), (1000, KEPT));
        assert_eq!(found.first.timestamp, Timestamp(1), "the earliest time, not the first that came");
        assert_eq!(found.last.timestamp, Timestamp(1000));
        assert!(found.kept[0].message.len() <= MESSAGE_BYTES);
    }

    #[test]
    fn contains_is_taken_literally() {
        let text = r#"a.b*c(d)[e]{f}|g^h$i\j-k&l~m#n "o" é"#;
        let mut scanner = Scanner::new(&[pattern(&escape(text), None)]).unwrap();
        scanner.line(line(&format!(">{text}<"), 1));
        scanner.line(line("aXbc(d)", 2));
        assert_eq!(scanner.matches().0.values().map(|found| found.count).sum::<u64>(), 1);
    }

    #[test]
    fn a_pattern_that_would_eat_the_memory_is_refused() {
        insta::assert_snapshot!(probe(r"(\w{1000}){1000}").unwrap_err());
        insta::assert_snapshot!(probe("Running (upgrade").unwrap_err());
        assert_eq!(probe(r"Running upgrade \S* -> \w+"), Ok(()));
    }
}
