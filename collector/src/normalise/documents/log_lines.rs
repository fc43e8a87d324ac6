//! Log lines: a row for each line of each answer, and how far the streams are known by it.
//!
//! The path of a line: an answer's page, redaction, a row here, a sorted run, the table. Reads overlap; what two of them
//! have is left out where the runs are merged (`casefile_evidence::LineRow`).

use std::collections::{BTreeMap, HashMap};

use casefile_evidence::{Name, Timestamp, log_group_name};

use crate::document::{Document, LogEvent, Operation, Outcome, Read};
use crate::normalise::coverage::{Bare, Key, Page, Place, Shown};
use crate::normalise::fields::Fields;
use crate::normalise::{Assembly, rows};

/// No operation gives more log lines than these at once.
const PAGE_LIMIT: usize = 10_000;

/// How an operator can say that bare answers are whole.
fn state_whole(command: &str) -> String {
    format!(
        "write complete = [\"{command}\"] into recording.toml where its files hold all lines of their streams, or take \
         the evidence with casefile collect"
    )
}

/// The same for results of Logs Insights.
fn state_whole_query() -> String {
    "write complete = [\"get-query-results\"] into recording.toml where the query had no filter, covered the whole rollout \
     and found less than its limit"
        .to_owned()
}

impl Assembly {
    pub(super) fn log_events(&mut self, mut document: Document) {
        let events = match &mut document.outcome {
            Outcome::Response(answer) => answer.events.take().unwrap_or_default(),
            Outcome::Error(_) => Vec::new(),
        };
        // Where they are no list, that is told.
        if let Some(answer) = document.answer() {
            let fields = Fields::new(&answer.fields, &document.origin, document.operation.name());
            fields.list(answer.form.key(), &mut self.remarks);
        }
        match document.operation {
            Operation::GetLogEvents => self.stream_events(&document, events),
            Operation::GetQueryResults => self.query_results(&document, events),
            _ => self.filtered_events(&document, events),
        }
    }

    /// The read that a page belongs to. `asked`: the request without its page token.
    fn read_of(&mut self, document: &Document, asked: &str, events: &[LogEvent]) -> Read {
        match document.read {
            Some(read) => Read { id: self.coverage.reads.number(&read), ..read },
            None => self.coverage.reads.of(document, asked, events, self.current.observed_at),
        }
    }

    fn stream_events(&mut self, document: &Document, events: Vec<LogEvent>) {
        let Some((log_group, log_stream)) =
            self.topology.requested_group(document).zip(document.requested("logStreamName").map(str::to_owned))
        else {
            let file = "save it as logs/<group, '/' as '__'>/<stream, '/' as '__'>.json";
            let remark =
                format!("these log events name neither their group nor their stream, and were left out: {file}");
            return self.remarks.add(&document.origin, remark);
        };
        let place = self.place(&log_group, &log_stream);
        let key = Key::of_stream(&log_group, &log_stream);
        if document.response().is_none() {
            return self.coverage.ledger.page(key, document, Page { place, ..Page::default() });
        }
        let read = self.read_of(document, &key.parameters, &events);
        if self.is_bare(document) {
            let shown = self.bare_page(&log_group, &log_stream, document, &events);
            return self.bare_events(document, events, (&log_group, &log_stream), read, shown);
        }
        // An answer that is stated to be whole is so where it is not full.
        let last = read.last && (!document.assumed || events.len() < PAGE_LIMIT);
        let rows = events.len();
        self.lines(events, document, &log_group, &log_stream, read);
        let page = self.covered(document, &log_group, &log_stream, Read { last, ..read }, None);
        self.coverage.ledger.page(key, document, Page { rows, ..page });
    }

    /// Whether the document does not include its request, and is not stated to be whole.
    fn is_bare(&self, document: &Document) -> bool {
        document.assumed && !self.coverage.stated.contains(&document.operation)
    }

    fn bare_page(&mut self, log_group: &str, log_stream: &str, document: &Document, events: &[LogEvent]) -> Shown {
        let key = (log_group.to_owned(), log_stream.to_owned());
        let first_event = self.coverage.logs.begins.get(&key).copied();
        let pages = self.coverage.logs.bare.entry(key).or_default();
        pages.add(self.current.snapshot, document, events);
        pages.shown(first_event)
    }

    /// The lines of a page that does not say what was asked for, and what the pages so far show.
    fn bare_events(
        &mut self,
        document: &Document,
        events: Vec<LogEvent>,
        (log_group, log_stream): (&str, &str),
        read: Read,
        shown: Shown,
    ) {
        let rows = events.len();
        self.lines(events, document, log_group, log_stream, read);
        let Shown { part, beginning, end } = shown;
        let page = self.covered(document, log_group, log_stream, Read { last: end, ..read }, Some(shown));
        let covered_from = part.map(|(from, _)| from).filter(|_| !beginning);
        let kept_from = self.coverage.logs.stream(log_group, log_stream).and_then(|stream| stream.kept_from);
        let page = Page {
            rows,
            covered_from: covered_from.max(kept_from),
            covered_to: if end { page.covered_to } else { part.map(|(_, to)| to) },
            bare: Some(Bare { gap: shown.gap(), remedy: state_whole("get-log-events") }),
            ..page
        };
        self.coverage.ledger.page(Key::of_stream(log_group, log_stream), document, page);
    }

    pub(super) fn filtered_events(&mut self, document: &Document, events: Vec<LogEvent>) {
        let requested = self.topology.requested_group(document);
        let asked: Vec<String> = document
            .request
            .as_ref()
            .map(|request| Fields::new(request, &document.origin, "request").texts("logStreamNames"))
            .unwrap_or_default();
        let whole = Key::of("log_events", document);
        let group = requested.clone().unwrap_or_default();
        if document.response().is_none() {
            if asked.is_empty() {
                let place = Place { log_group: requested, ..Place::default() };
                return self.coverage.ledger.page(whole, document, Page { place, ..Page::default() });
            }
            for log_stream in asked {
                let place = self.place(&group, &log_stream);
                self.coverage.ledger.page(
                    Key::of_stream(&group, &log_stream),
                    document,
                    Page { place, ..Page::default() },
                );
            }
            return;
        }
        let read = self.read_of(document, &format!("{} {}", whole.parameters, asked.join(" ")), &events);
        // A query has a limit, and does not say that it was reached.
        let is_full = document.operation == Operation::GetQueryResults && events.len() >= PAGE_LIMIT;
        let mut of_stream = self.by_stream(events, document, requested.as_deref());
        // Of a group that was asked for as a whole, or was refused before, it counts that it was read.
        let is_wanted = asked.is_empty()
            && (requested.as_deref().is_some_and(|group| self.topology.is_chosen_group(group))
                || self.coverage.ledger.knows(&whole));
        for log_stream in asked {
            of_stream.entry((group.clone(), log_stream)).or_default();
        }
        let pattern = document.requested("filterPattern").filter(|pattern| !pattern.is_empty());
        let problem = pattern.map(|pattern| format!("only lines that match {pattern:?} were asked for"));
        // Which lines were asked for leaves no trace in a bare answer: it shows that its lines exist.
        let bare = self.is_bare(document).then(|| {
            let (choice, remedy) = match document.operation {
                Operation::GetQueryResults => ("the query", state_whole_query()),
                _ => ("--start-time, --filter-pattern", state_whole("filter-log-events")),
            };
            let gap = format!("only the lines in the answer are known: it does not include its request ({choice})");
            Bare { gap, remedy }
        });
        let read = Read { last: read.last && bare.is_none() && !is_full, ..read };
        if is_wanted {
            let now = self.current.observed_at;
            let page = Page {
                last: read.last,
                problem: problem.clone(),
                covered_from: read.from,
                covered_to: bare
                    .is_none()
                    .then(|| document.requested_at("endTime").map_or(now, |until| until.min(now))),
                place: Place { log_group: requested.clone(), ..Place::default() },
                bare: bare.clone(),
                ..Page::default()
            };
            self.coverage.ledger.page(whole, document, page);
        }
        for ((log_group, log_stream), events) in of_stream {
            let rows = events.len();
            self.lines(events, document, &log_group, &log_stream, read);
            // Of lines that a pattern chose, the others are not known.
            let adds = Read { last: read.last && problem.is_none(), ..read };
            let page = self.covered(document, &log_group, &log_stream, adds, None);
            let page = Page {
                rows,
                last: read.last,
                problem: problem.clone(),
                covered_to: page.covered_to.filter(|_| bare.is_none()),
                bare: bare.clone(),
                ..page
            };
            self.coverage.ledger.page(Key::of_stream(&log_group, &log_stream), document, page);
        }
    }

    /// The lines of a page of several streams, by group and stream.
    fn by_stream(
        &mut self,
        events: Vec<LogEvent>,
        document: &Document,
        requested: Option<&str>,
    ) -> BTreeMap<(String, String), Vec<LogEvent>> {
        let mut streams: Vec<((String, String), Vec<LogEvent>)> = Vec::new();
        // By its name: all events of a page whose request names no group may be of different ones.
        let mut places: HashMap<(Option<Name>, Name), usize> = HashMap::new();
        for event in events {
            let Some(log_stream) = event.log_stream.clone().filter(|name| !name.is_empty()) else {
                let remark = "an entry of events has no logStreamName; it was left out".to_owned();
                self.remarks.add(&document.origin, remark);
                continue;
            };
            let place = (event.log_group.clone(), log_stream);
            let at = match places.get(&place) {
                Some(at) => *at,
                None => {
                    let (named, log_stream) = &place;
                    // `@log` names no region: a group that was asked for is that one.
                    let is_asked = |named: &str| {
                        let name = named.split_once(':').map_or(named, |(_, name)| name);
                        requested.is_some_and(|requested| log_group_name(requested) == name)
                    };
                    let named = named.as_deref().filter(|named| !is_asked(named));
                    let named = named.map(|named| self.group_of_result(named));
                    let known = || requested.or_else(|| self.topology.group_of(log_stream)).map(str::to_owned);
                    let Some(log_group) = named.or_else(known) else {
                        let remark =
                            format!("the log group of stream {} is not known; its lines were left out", &**log_stream);
                        self.remarks.add(&document.origin, remark);
                        continue;
                    };
                    streams.push(((log_group, log_stream.as_str().to_owned()), Vec::new()));
                    places.insert(place, streams.len() - 1);
                    streams.len() - 1
                }
            };
            if let Some((_, events)) = streams.get_mut(at) {
                events.push(event);
            }
        }
        streams.into_iter().collect()
    }

    fn place(&self, log_group: &str, log_stream: &str) -> Place {
        let (container, task_id) = self.topology.writer_of(log_group, log_stream);
        Place { log_group: Some(log_group.to_owned()), log_stream: Some(log_stream.to_owned()), container, task_id }
    }

    /// How far a stream is known after a page of a read.
    fn covered(
        &mut self,
        document: &Document,
        log_group: &str,
        log_stream: &str,
        read: Read,
        bare: Option<Shown>,
    ) -> Page {
        let place = self.place(log_group, log_stream);
        let (now, grace_ms) = (self.current.observed_at, self.topology.about.ingestion_grace_ms);
        let stream = self.coverage.logs.read(log_group, log_stream, now);
        stream.until = document.requested_at("endTime");
        // What arrives while it is read may stand before the place that it has reached.
        let to = [Some(read.began), stream.until].into_iter().flatten().fold(now, Timestamp::min);
        // Once its task has stopped, nothing more can come.
        let task = place.task_id.as_ref().and_then(|id| self.topology.tasks.get(id));
        let ended = task.and_then(|task| task.stopped_at).is_some_and(|at| to >= at.plus_millis(grace_ms));
        let covered_from = stream.covered_from(&read).max(stream.kept_from);
        if read.last && bare.is_none() {
            stream.add(&read, grace_ms, ended);
        }
        let covered_to = (!(ended && read.last)).then_some(to);
        Page { last: read.last, covered_from, covered_to, place, ..Page::default() }
    }

    /// A row for each line.
    fn lines(&mut self, events: Vec<LogEvent>, document: &Document, log_group: &str, log_stream: &str, read: Read) {
        let place = self.place(log_group, log_stream);
        let stream = self.coverage.logs.read(log_group, log_stream, self.current.observed_at);
        let names = stream.names(log_group, log_stream, &place);
        let (mut newest, mut lag_ms) = (stream.newest, stream.lag_ms);
        for event in events {
            let place = self.output.lines + 1;
            let at = self.current;
            let Some(line) = rows::line(event, &document.origin, &names, read, place, at, &mut self.remarks) else {
                continue;
            };
            self.output.lines = place;
            newest = newest.max(Some(line.timestamp));
            lag_ms = lag_ms.max(line.ingestion_time.map_or(0, |ingested| ingested.millis_since(line.timestamp)));
            self.output.push(line);
        }
        let stream = self.coverage.logs.read(log_group, log_stream, self.current.observed_at);
        (stream.newest, stream.lag_ms) = (newest, lag_ms);
    }
}
