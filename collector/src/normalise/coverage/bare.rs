//! Bare pages of GetLogEvents: which part of a stream they show to be whole.
//!
//! A bare page does not include its request. It is whole between its first line and its last line. Only another page
//! shows more: at the end of a stream GetLogEvents returns the token that it was given ("If you have reached the end of
//! the stream, it returns the same token you passed in"). So an empty page with the token of a page with lines shows that
//! these lines are the last ones, or the first ones.

use casefile_evidence::Timestamp;
use serde_json::Value;

use crate::document::{Document, LogEvent};

/// The two tokens of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tokens {
    forward: Option<String>,
    backward: Option<String>,
}

/// A page with lines.
#[derive(Debug)]
struct Lines {
    first: Timestamp,
    last: Timestamp,
    count: usize,
    tokens: Tokens,
}

/// The bare pages of one stream, in one snapshot.
#[derive(Debug, Default)]
pub(crate) struct BarePages {
    snapshot: i64,
    lines: Vec<Lines>,
    empty: Vec<Tokens>,
}

/// What the pages show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The first and the last line of the newest part that is whole; `None` without a line.
    pub(crate) part: Option<(Timestamp, Timestamp)>,
    /// Whether the stream begins with that part.
    pub(crate) beginning: bool,
    /// Whether nothing came after that part when the stream was read.
    pub(crate) end: bool,
}

impl BarePages {
    /// Adds a page. What other snapshots read does not count: the stream may have gone on since.
    pub(crate) fn add(&mut self, snapshot: i64, document: &Document, events: &[LogEvent]) {
        if self.snapshot != snapshot {
            *self = Self { snapshot, ..Self::default() };
        }
        let fields = document.response();
        let token = |key: &str| fields.and_then(|fields| fields.get(key)).and_then(Value::as_str).map(str::to_owned);
        let tokens = Tokens { forward: token("nextForwardToken"), backward: token("nextBackwardToken") };
        let times = || events.iter().filter_map(|event| event.timestamp).map(Timestamp);
        match times().min().zip(times().max()) {
            Some((first, last)) => self.lines.push(Lines { first, last, count: events.len(), tokens }),
            None if events.is_empty() => self.empty.push(tokens),
            None => {}
        }
    }

    /// What the pages show. `first_event`: when the stream begins, where DescribeLogStreams says it.
    pub(crate) fn shown(&self, first_event: Option<Timestamp>) -> Shown {
        let Some(newest) = self.lines.iter().max_by_key(|page| (page.last, page.first)) else {
            return Shown::default();
        };
        // Pages that overlap are one part. A page that begins in the millisecond in which another ends may have lines
        // missing between the two.
        let mut from = newest.first;
        while let Some(page) = self.lines.iter().find(|page| page.first < from && page.last > from) {
            from = page.first;
        }
        let ends = self.lines.iter().filter(|page| page.last == newest.last).any(|page| self.is_last(page));
        let begins = self.lines.iter().filter(|page| page.first == from).any(|page| self.is_first(page));
        let begins = begins || first_event.is_some_and(|first| from <= first);
        Shown { part: Some((from, newest.last)), beginning: begins, end: ends }
    }

    /// Both tokens of a single line lead to the same place: then an empty page does not say which way was asked.
    fn is_last(&self, page: &Lines) -> bool {
        let forward = |empty: &&Tokens| empty.forward.is_some() && empty.forward == page.tokens.forward;
        let clear = |empty: &Tokens| page.count > 1 || empty.backward != page.tokens.backward;
        self.empty.iter().filter(forward).any(clear)
    }

    fn is_first(&self, page: &Lines) -> bool {
        let backward = |empty: &&Tokens| empty.backward.is_some() && empty.backward == page.tokens.backward;
        self.empty.iter().filter(backward).any(|empty| empty.forward != page.tokens.forward)
    }
}

impl Shown {
    /// What is not known, in words.
    pub(crate) fn gap(&self) -> String {
        match self.part {
            Some((from, to)) => {
                format!("only its lines from {from} to {to} are known: the answer does not include its request")
            }
            None => "the answer has no line and does not include its request".to_owned(),
        }
    }
}
