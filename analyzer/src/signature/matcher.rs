//! One pass over log lines with one multi-pattern matcher. What is kept does not grow with the lines.

use std::collections::BTreeMap;

use arrow::array::{Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use casefile_evidence::Timestamp;
use casefile_evidence::tables::LogEventRow;
use regex_automata::meta::{BuildError, Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Input, MatchKind, PatternSet};

use super::streams::Streams;
use super::{FieldPattern, Looks, Pattern, json};
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

/// Every match, and what the lines tell of their streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    pub(crate) found: BTreeMap<Place, Found>,
    pub(crate) streams: Streams,
}

impl Matches {
    pub(crate) fn of(&self, pattern: usize) -> impl Iterator<Item = (&Place, &Found)> {
        self.found.iter().filter(move |(place, _)| place.pattern == pattern)
    }
}

/// Where a signature's lines are looked for.
#[derive(Debug, Clone)]
struct Where {
    container: Option<String>,
    log_group: Option<String>,
}

/// The matcher and what it found so far.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    /// Every text pattern at once, with the signature that each belongs to.
    regex: Option<(Regex, Vec<usize>)>,
    json: Vec<(usize, Vec<FieldPattern>)>,
    places: Vec<Where>,
    set: PatternSet,
    /// The signatures that match the line in hand.
    hits: Vec<usize>,
    matches: Matches,
}

/// One matcher for several expressions, within the bounds of untrusted ones.
pub(super) fn compile(patterns: &[&str]) -> Result<Regex, Box<BuildError>> {
    let config = Config::new()
        .match_kind(MatchKind::All)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(AUTOMATON_BYTES))
        .onepass(false)
        .backtrack(false)
        .hybrid_cache_capacity(AUTOMATON_BYTES);
    Regex::builder().configure(config).build_many(patterns).map_err(Box::new)
}

/// What is wrong with an expression, for its author.
pub(super) fn told(error: &BuildError) -> String {
    match error.syntax_error() {
        Some(syntax) => syntax.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        None => "it is too large".to_owned(),
    }
}

/// Whether a pattern can be used, and why not.
pub(crate) fn probe(pattern: &str) -> Result<(), String> {
    let regex = compile(&[pattern]).map_err(|error| told(&error))?;
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
        let too_large = |_| {
            let problem = "the signatures' patterns are too large together";
            let remedy = "simplify bounded repetitions such as .{1,1000}, or use contains";
            AnalyzeError::Specification(vec![crate::SpecError::new(crate::settings::FILE, problem, remedy)])
        };
        let regex = if texts.is_empty() { None } else { Some((compile(&texts).map_err(too_large)?, owners)) };
        let place =
            |pattern: &Pattern| Where { container: pattern.container.clone(), log_group: pattern.log_group.clone() };
        Ok(Self {
            regex,
            json,
            places: patterns.iter().map(place).collect(),
            set: PatternSet::new(texts.len()),
            hits: Vec::new(),
            matches: Matches::default(),
        })
    }

    pub(crate) fn matches(&self) -> &Matches {
        &self.matches
    }

    pub(crate) fn into_matches(self) -> Matches {
        self.matches
    }

    pub(crate) fn line(&mut self, line: Line<'_>) {
        self.matches.streams.take(&line);
        self.hits.clear();
        if let Some((regex, owners)) = &self.regex {
            self.set.clear();
            regex.which_overlapping_matches(&Input::new(line.message), &mut self.set);
            self.hits.extend(self.set.iter().filter_map(|hit| owners.get(hit.as_usize())));
        }
        if !self.json.is_empty()
            && let Some(parsed) = json::parse(line.message)
        {
            let fits = |fields: &[FieldPattern]| fields.iter().all(|field| field.matches(&parsed));
            self.hits.extend(self.json.iter().filter(|(_, fields)| fits(fields)).map(|(place, _)| *place));
        }
        for pattern in std::mem::take(&mut self.hits) {
            let elsewhere = |wanted: &Option<String>, is: Option<&str>| wanted.is_some() && wanted.as_deref() != is;
            let elsewhere = self.places.get(pattern).is_none_or(|place| {
                elsewhere(&place.container, line.container) || elsewhere(&place.log_group, Some(line.log_group))
            });
            if !elsewhere {
                self.found(pattern, &line);
            }
        }
    }

    fn found(&mut self, pattern: usize, line: &Line<'_>) {
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
        match self.matches.found.get_mut(&place) {
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
                self.matches.found.insert(place, found);
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
    use crate::signature::Expect;

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
        let found: Vec<usize> = scanner.matches().found.keys().map(|place| place.pattern).collect();
        assert_eq!(found, [0, 1]);
    }

    #[test]
    fn a_container_restricts_and_an_unknown_one_is_not_it() {
        let mut scanner =
            Scanner::new(&[pattern("x", Some("app")), pattern("x", Some("otel")), pattern("x", None)]).unwrap();
        scanner.line(line("x", 1));
        scanner.line(Line { container: None, log_stream: "other", ..line("x", 1) });
        let found: Vec<_> =
            scanner.matches().found.keys().map(|place| (place.pattern, place.log_stream.as_str())).collect();
        assert_eq!(found, [(0, "s"), (2, "other"), (2, "s")]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_earliest_is_known() {
        let mut scanner = Scanner::new(&[pattern("x", None)]).unwrap();
        let long = "xé".repeat(MESSAGE_BYTES);
        for seq in 0..1000 {
            scanner.line(line(&long, seq));
        }
        let found = scanner.into_matches().found.into_values().next().unwrap();
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
        assert_eq!(scanner.matches().found.values().map(|found| found.count).sum::<u64>(), 1);
    }

    #[test]
    fn a_pattern_that_would_eat_the_memory_is_refused() {
        insta::assert_snapshot!(probe(r"(\w{1000}){1000}").unwrap_err());
        insta::assert_snapshot!(probe("Running (upgrade").unwrap_err());
        assert_eq!(probe(r"Running upgrade \S* -> \w+"), Ok(()));
    }
}
