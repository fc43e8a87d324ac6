//! Log streams and log lines: each line once, whatever overlaps, in bounded memory.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{Name, Timestamp};
use serde_json::Value;

use super::bare::Shown;
use super::fields::Fields;
use super::memory::{Chain, Names, Open, Stream};
use super::sources::{Bare, Key, Page, Place};
use super::{Assembly, Current};
use crate::document::{Document, LogEvent, Operation, Outcome};

/// `GetLogEvents` and `FilterLogEvents` answer with at most this many events.
const PAGE_LIMIT: usize = 10_000;

/// What stands before a moment in the place of a token.
const FROM: &str = "from ";

/// From when on a page knows that begins in the middle.
fn begins(events: &[LogEvent], observed_at: Timestamp) -> Option<Timestamp> {
    Some(events.first().and_then(|event| event.timestamp).map_or(observed_at, Timestamp))
}

/// How an operator can say that bare answers are whole.
fn state_whole(command: &str) -> String {
    format!(
        "write complete = [\"{command}\"] into recording.toml where its files hold all lines of their streams, or take \
         the evidence with casefile collect"
    )
}

/// The name in a log group's name, ARN or identifier.
pub(super) fn group_name(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, rest)| rest);
    name.split_once(':').map_or(name, |(name, _)| name)
}

pub(super) fn requested_group(document: &Document) -> Option<String> {
    let identifier = document.requested("logGroupName").or_else(|| document.requested("logGroupIdentifier"))?;
    Some(group_name(identifier).to_owned())
}

impl Assembly {
    pub(super) fn log_events(&mut self, mut document: Document) {
        let events = match &mut document.outcome {
            Outcome::Response(answer) => answer.events.take().unwrap_or_default(),
            Outcome::Error(_) => Vec::new(),
        };
        // Where they are no list, that is told.
        if let Some(fields) = document.response() {
            Fields::new(fields, &document.origin, document.operation.name()).list("events", &mut self.remarks);
        }
        match document.operation {
            Operation::GetLogEvents => self.stream_events(&document, events),
            _ => self.filtered_events(&document, events),
        }
    }

    fn stream_events(&mut self, document: &Document, events: Vec<LogEvent>) {
        let Some((log_group, log_stream)) =
            requested_group(document).zip(document.requested("logStreamName").map(str::to_owned))
        else {
            let file = "save it as logs/<group, '/' as '__'>/<stream, '/' as '__'>.json";
            let remark =
                format!("these log events name neither their group nor their stream, and were left out: {file}");
            return self.remarks.add(&document.origin, remark);
        };
        let place = self.place(&log_group, &log_stream);
        let key = Key::of_stream(&log_group, &log_stream);
        let Some(answer) = document.response() else {
            return self.ledger.page(key, document, Page { place, ..Page::default() });
        };
        let asked_token = document.requested("nextToken").map(str::to_owned);
        let next_token = answer.get("nextForwardToken").and_then(Value::as_str).map(str::to_owned);

        let bare = self.is_bare(document).then(|| self.bare_page(&log_group, &log_stream, document, &events));
        let kept_from = self.logs.read_at(&log_group, &log_stream, self.current.observed_at);
        let stream = self.logs.streams.entry((log_group.clone(), log_stream.clone())).or_default();
        stream.until = document.requested_at("endTime");
        let known =
            stream.token.take().filter(|(token, _)| asked_token.as_ref() == Some(token)).map(|(_, chain)| chain);
        stream.enter(known.unwrap_or_else(|| {
            let asked = document.request.as_ref().and_then(|request| request.get("startFromHead"));
            // Without startFromHead the newest page comes first, and what is older was not asked for; what stands before
            // a page that no known one leads to was not seen.
            let behind = asked_token.is_some() || asked.and_then(Value::as_bool) != Some(true);
            let from = document.requested_at("startTime");
            let from =
                if behind && !document.assumed { begins(&events, self.current.observed_at).max(from) } else { from };
            self.logs.chains += 1;
            Chain::new(self.logs.chains, from, self.current.observed_at)
        }));
        // The end is the same forward token coming back; an answer that is stated to be whole is so where it is not full.
        let last = match bare {
            Some(shown) => shown.end,
            None if document.assumed => events.len() < PAGE_LIMIT && document.is_last_page(),
            None => next_token == asked_token,
        };
        let from = match bare {
            Some(shown) => shown.part.map(|(from, _)| from).filter(|_| !shown.beginning),
            None => stream.covered_from(),
        };
        let covered_from = from.max(kept_from);

        let mut open = self.open(log_group, log_stream);
        for event in events {
            self.log_event(event, &document.origin, &mut open);
        }
        let covered_to = match bare {
            Some(Shown { end: false, part, .. }) => part.map(|(_, to)| to),
            _ => self.covered_to(document, &place, &open.stream, last),
        };
        if last && bare.is_none() {
            open.stream.end(self.about.ingestion_grace_ms);
        }
        let bare = bare.map(|shown| Bare { gap: shown.gap(), remedy: state_whole("get-log-events") });
        open.stream.token = next_token.map(|token| (token, open.stream.chain));
        let rows = self.close(open).1;
        self.ledger.page(key, document, Page { rows, last, problem: None, covered_from, covered_to, place, bare });
    }

    /// Whether the document does not include its request, and is not stated to be whole.
    fn is_bare(&self, document: &Document) -> bool {
        document.assumed && !self.stated.contains(&document.operation)
    }

    fn bare_page(&mut self, log_group: &str, log_stream: &str, document: &Document, events: &[LogEvent]) -> Shown {
        let key = (log_group.to_owned(), log_stream.to_owned());
        let first_event = self.logs.begins.get(&key).copied();
        let pages = self.logs.bare.entry(key).or_default();
        pages.add(self.current.snapshot, document, events);
        pages.shown(first_event)
    }

    fn filtered_events(&mut self, document: &Document, events: Vec<LogEvent>) {
        let requested = requested_group(document);
        let asked: Vec<String> = document
            .request
            .as_ref()
            .map(|request| Fields::new(request, &document.origin, "request").texts("logStreamNames"))
            .unwrap_or_default();
        let whole = Key::of("log_events", document);
        let Some(answer) = document.response() else {
            if asked.is_empty() {
                let place = Place { log_group: requested, ..Place::default() };
                return self.ledger.page(whole, document, Page { place, ..Page::default() });
            }
            for log_stream in asked {
                let log_group = requested.clone().unwrap_or_default();
                let place = self.place(&log_group, &log_stream);
                self.ledger.page(Key::of_stream(&log_group, &log_stream), document, Page { place, ..Page::default() });
            }
            return;
        };
        let next_token = answer.get("nextToken").and_then(Value::as_str).map(str::to_owned);

        let from = document.requested_at("startTime");
        let asked_token = document.requested("nextToken").map(str::to_owned);
        // What goes on behind a page that is full, and names no next one, asks from its last moment on.
        let full = !document.assumed && next_token.is_none() && events.len() >= PAGE_LIMIT;
        let behind = events.last().and_then(|event| event.timestamp).filter(|_| full).map(|at| format!("{FROM}{at}"));
        let named = format!("{} {}", whole.parameters, asked.join(" "));
        let asks = asked_token.clone().or_else(|| from.map(|from| format!("{FROM}{}", from.as_millis())));
        let known = asks.and_then(|asks| self.logs.filters.remove(&(named.clone(), asks)));
        // Its last moment comes again: that is for another number to tell.
        let known = known.map(|chain| match &asked_token {
            Some(_) => chain,
            None => {
                self.logs.chains += 1;
                chain.again(self.logs.chains)
            }
        });
        let chain = known.unwrap_or_else(|| {
            self.logs.chains += 1;
            let begins = asked_token.as_ref().and_then(|_| begins(&events, self.current.observed_at));
            Chain::new(self.logs.chains, begins.max(from), self.current.observed_at)
        });
        if let Some(next) = next_token.clone().or(behind) {
            self.logs.filters.insert((named, next), chain);
        }
        for log_stream in &asked {
            self.enter(requested.as_deref().unwrap_or_default(), log_stream, chain);
        }

        let mut open: Vec<Open> = Vec::new();
        // By its name: all events of a page whose request names no group may be of different ones.
        let mut places: HashMap<Name, usize> = HashMap::new();
        for event in events {
            let Some(log_stream) = event.log_stream.clone().filter(|name| !name.is_empty()) else {
                let remark = "an entry of events has no logStreamName; it was left out".to_owned();
                self.remarks.add(&document.origin, remark);
                continue;
            };
            let at = match places.get(&log_stream) {
                Some(at) => *at,
                None => {
                    let known = || self.seen.group_of(&log_stream).map(str::to_owned);
                    let Some(log_group) = requested.clone().or_else(known) else {
                        let remark = format!(
                            "the log group of stream {} is not known; its lines were left out",
                            log_stream.as_str()
                        );
                        self.remarks.add(&document.origin, remark);
                        continue;
                    };
                    self.enter(&log_group, &log_stream, chain);
                    let stream = self.open(log_group, log_stream.as_str().to_owned());
                    places.insert(log_stream, open.len());
                    open.push(stream);
                    open.len() - 1
                }
            };
            if let Some(open) = open.get_mut(at) {
                self.log_event(event, &document.origin, open);
            }
        }
        let mut counts: BTreeMap<(String, String), usize> = open.into_iter().map(|open| self.close(open)).collect();
        let of_group = asked.is_empty();
        for log_stream in asked {
            counts.entry((requested.clone().unwrap_or_default(), log_stream)).or_default();
        }
        let pattern = document.requested("filterPattern").filter(|pattern| !pattern.is_empty());
        let problem = pattern.map(|pattern| format!("only lines that match {pattern:?} were asked for"));
        let until = document.requested_at("endTime");
        // --start-time, --filter-pattern and --max-items leave no trace in a bare answer: it shows that its lines exist.
        let bare = self.is_bare(document).then(|| Bare {
            gap: "only the lines in the answer are known: it does not include its request (--start-time, \
                  --filter-pattern)"
                .to_owned(),
            remedy: state_whole("filter-log-events"),
        });
        let last = document.is_last_page() && !full && bare.is_none();
        let covered_from = chain.from;
        // Of a group that was asked for as a whole, or was refused before, it counts that it was read.
        let wanted = requested.as_deref().is_some_and(|group| self.is_extra_group(group));
        if of_group && (wanted || self.ledger.knows(&whole)) {
            let covered_to = Some(self.current.observed_at.min(until.unwrap_or(self.current.observed_at)));
            let place = Place { log_group: requested.clone(), ..Place::default() };
            let covered_to = covered_to.filter(|_| bare.is_none());
            let bare = bare.clone();
            let page = Page { rows: 0, last, problem: problem.clone(), covered_from, covered_to, place, bare };
            self.ledger.page(whole, document, page);
        }
        for ((log_group, log_stream), rows) in counts {
            let place = self.place(&log_group, &log_stream);
            let kept_from = self.logs.read_at(&log_group, &log_stream, self.current.observed_at);
            let key = (log_group, log_stream);
            let mut stream = self.logs.streams.remove(&key).unwrap_or_default();
            stream.until = until;
            let covered_from = stream.covered_from().max(kept_from);
            let covered_to = self.covered_to(document, &place, &stream, last).filter(|_| bare.is_none());
            let bare = bare.clone();
            if last && problem.is_none() {
                stream.end(self.about.ingestion_grace_ms);
            }
            let (log_group, log_stream) = key.clone();
            self.logs.streams.insert(key, stream);
            let page = Page { rows, last, problem: problem.clone(), covered_from, covered_to, place, bare };
            self.ledger.page(Key::of_stream(&log_group, &log_stream), document, page);
        }
    }

    fn place(&self, log_group: &str, log_stream: &str) -> Place {
        let (container, task_id) = self.seen.writer_of(log_group, log_stream);
        Place { log_group: Some(log_group.to_owned()), log_stream: Some(log_stream.to_owned()), container, task_id }
    }

    /// Up to which moment a stream is known: `None` once its task has stopped and nothing more can come.
    fn covered_to(&self, document: &Document, place: &Place, stream: &Stream, last: bool) -> Option<Timestamp> {
        let observed_at = stream.covered_to(self.current.observed_at);
        let until = document.requested_at("endTime").map_or(observed_at, |end| observed_at.min(end));
        let task = place.task_id.as_ref().and_then(|id| self.seen.tasks.get(id));
        let stopped_at = task.and_then(|task| task.stopped_at);
        let ended = stopped_at.is_some_and(|at| until >= at.plus_millis(self.about.ingestion_grace_ms));
        (!(ended && last)).then_some(until)
    }

    fn enter(&mut self, log_group: &str, log_stream: &str, chain: Chain) {
        let key = (log_group.to_owned(), log_stream.to_owned());
        self.logs.streams.entry(key).or_default().enter(chain);
    }

    /// Takes a stream out, for the lines of a page.
    fn open(&mut self, log_group: String, log_stream: String) -> Open {
        let place = self.place(&log_group, &log_stream);
        let key = (log_group, log_stream);
        let mut stream = self.logs.streams.remove(&key).unwrap_or_default();
        self.logs.remembered = self.logs.remembered.saturating_sub(stream.remembered());
        let names = match stream.names.take() {
            Some(names) if names.are_of(&place) => names,
            _ => Names {
                log_group: key.0.as_str().into(),
                log_stream: key.1.as_str().into(),
                container: place.container.as_deref().map(Name::from),
                task_id: place.task_id.as_deref().map(Name::from),
            },
        };
        let kept =
            self.logs.most().map(|(lines, millis)| (lines, stream.needed_from(self.current.observed_at, millis)));
        Open { key, stream, names, kept, rows: 0 }
    }

    /// Puts a stream back; gives how many of its lines were new.
    fn close(&mut self, open: Open) -> ((String, String), usize) {
        let Open { key, mut stream, names, rows, .. } = open;
        stream.names = Some(names);
        self.logs.remembered += stream.remembered();
        self.logs.streams.insert(key.clone(), stream);
        (key, rows)
    }

    /// Takes up one line, where it is new.
    fn log_event(&mut self, event: LogEvent, origin: &str, open: &mut Open) {
        let Current { snapshot, observed_at, .. } = self.current;
        let (mut message, mut ingestion_time) = (event.message, event.ingestion_time.map(Timestamp));
        let mut timestamp = event.timestamp.map(Timestamp);
        if let Some(rest) = event.rest.as_deref() {
            // What has another type than the API's may be readable all the same.
            let remarks = &mut self.remarks;
            let Some(rest) = Fields::of(rest, origin, "events", remarks) else { return };
            message = message.or_else(|| rest.text("message", remarks));
            ingestion_time = ingestion_time.or_else(|| rest.millis("ingestionTime", remarks));
            timestamp = timestamp.or_else(|| rest.millis("timestamp", remarks));
        }
        let message = message.unwrap_or_default();
        let timestamp = timestamp.unwrap_or_else(|| {
            let remark = "a log event has no timestamp; the time it arrived stands for it".to_owned();
            self.remarks.add(origin, remark);
            ingestion_time.unwrap_or(observed_at)
        });
        if let Some(ingested) = ingestion_time {
            open.stream.lag_ms = open.stream.lag_ms.max(ingested.millis_since(timestamp));
        }
        let hash = || {
            let mut hasher = DefaultHasher::new();
            (&message, ingestion_time).hash(&mut hasher);
            hasher.finish()
        };
        let Some(seq) = open.stream.number(timestamp, hash, open.kept.map(|(_, oldest)| oldest)) else { return };
        if let Some((most, oldest)) = open.kept {
            open.stream.forget(most, oldest);
        }
        let Names { log_group, log_stream, container, task_id } = open.names.clone();
        let row = LogEventRow {
            log_group,
            log_stream,
            timestamp,
            seq,
            container,
            task_id,
            ingestion_time,
            observed_at,
            snapshot,
            message,
        };
        open.rows += 1;
        self.rows.push(row.into());
    }

    /// How many lines are remembered, of all streams.
    pub fn remembered(&self) -> usize {
        self.logs.remembered
    }

    /// Nothing more is read of a stream: its lines need not be known again.
    pub fn leave_stream(&mut self, log_group: &str, log_stream: &str) {
        if let Some(stream) = self.logs.streams.get_mut(&(log_group.to_owned(), log_stream.to_owned())) {
            self.logs.remembered = self.logs.remembered.saturating_sub(stream.remembered());
            stream.forget_all();
        }
    }

    /// Up to when lines of a stream are not remembered: reading it from later on doubles nothing.
    pub fn forgotten_to(&self, log_group: &str, log_stream: &str) -> Option<Timestamp> {
        self.logs.streams.get(&(log_group.to_owned(), log_stream.to_owned()))?.forgotten_to
    }
}
