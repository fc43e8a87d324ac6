//! What a response holds, and its log lines in a compact form: a page has up to ten thousand of them.

mod page;

use casefile_evidence::Name;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Operation, results};
use page::Page;

/// The key of a page's log lines.
const EVENTS: &str = "events";

/// The body of a response.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Its fields, without its log lines.
    pub fields: Map<String, Value>,
    /// The log lines, where they are a list.
    pub events: Option<Vec<LogEvent>>,
    /// How the answer writes them.
    pub form: LinesForm,
}

/// How an answer writes its log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinesForm {
    /// `events` of GetLogEvents and FilterLogEvents: objects.
    #[default]
    Events,
    /// `results` of GetQueryResults: rows of fields and values.
    Results,
}

impl LinesForm {
    /// The form of an operation's log lines; `None` where it has none.
    pub const fn of(operation: Operation) -> Option<Self> {
        match operation {
            Operation::GetQueryResults => Some(Self::Results),
            _ if operation.is_of_lines() => Some(Self::Events),
            _ => None,
        }
    }

    /// The key of the log lines in an answer.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Events => EVENTS,
            Self::Results => results::RESULTS,
        }
    }
}

/// A log line: of `events` of GetLogEvents (`OutputLogEvent`) or FilterLogEvents (`FilteredLogEvent`), or of `results` of
/// GetQueryResults. A field that has the API's type is in the field of that name. Everything else is in `rest`, so that
/// nothing is lost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogEvent {
    /// `timestamp`: when it was written, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// `ingestionTime`: when it arrived, in milliseconds since 1970.
    pub ingestion_time: Option<i64>,
    /// `message`.
    pub message: Option<String>,
    /// `logStreamName`, which FilterLogEvents gives; `@logStream` of GetQueryResults.
    pub log_stream: Option<Name>,
    /// The log group (`@log`), which GetQueryResults gives.
    pub log_group: Option<Name>,
    /// `eventId`, which FilterLogEvents gives; `@ptr` of GetQueryResults.
    pub event_id: Option<Box<str>>,
    /// An object of what has another name or type; or, where the event is none, the event.
    pub rest: Option<Box<Value>>,
    /// Equal for equal lines of a collection, from before redaction. It is no part of the answer.
    pub hash: i64,
}

impl Answer {
    /// A response of this operation.
    pub fn new(operation: Operation, mut fields: Map<String, Value>) -> Self {
        let Some(form) = LinesForm::of(operation) else { return fields.into() };
        let events = match fields.get_mut(form.key()) {
            Some(Value::Array(events)) => Some(std::mem::take(events)),
            _ => None,
        };
        let events = events.map(|events| {
            fields.remove(form.key());
            let mut names = Names::default();
            let new = |event| match form {
                LinesForm::Events => LogEvent::new(event, &mut names),
                LinesForm::Results => results::line(event, &mut names),
            };
            events.into_iter().map(new).collect()
        });
        Self { fields, events, form }
    }

    /// Reads a response of this operation.
    ///
    /// # Errors
    /// Where it is no JSON object.
    pub fn from_slice(operation: Operation, bytes: &[u8]) -> serde_json::Result<Self> {
        if LinesForm::of(operation) == Some(LinesForm::Events)
            && let Ok(Page(answer)) = serde_json::from_slice(bytes)
        {
            return Ok(answer);
        }
        Ok(Self::new(operation, serde_json::from_slice(bytes)?))
    }

    /// Whether the answer says that more follows: by AWS's `nextToken`, or by `NextToken`, which the AWS CLI prints
    /// where `--max-items` cut its output; or by the status of a query. The two tokens of GetLogEvents are in every answer
    /// and do not say it.
    pub fn has_more(&self) -> bool {
        if self.form == LinesForm::Results {
            return !results::is_complete(&self.fields);
        }
        ["nextToken", "NextToken"].iter().any(|key| self.fields.get(*key).is_some_and(|token| !token.is_null()))
    }

    /// The response as it came.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut object = self.fields.clone();
        if let Some(events) = &self.events {
            let lines = events.iter().map(|event| event.in_form(self.form)).collect();
            object.insert(self.form.key().to_owned(), lines);
        }
        object
    }
}

impl LogEvent {
    fn in_form(&self, form: LinesForm) -> Value {
        match form {
            LinesForm::Events => self.to_json(),
            LinesForm::Results => results::row(self),
        }
    }

    fn new(event: Value, names: &mut Names) -> Self {
        let mut new = Self::default();
        let Value::Object(mut fields) = event else { return Self { rest: Some(Box::new(event)), ..new } };
        fields.retain(|key, value| match (key.as_str(), value) {
            ("timestamp", Value::Number(number)) if number.is_i64() => {
                new.timestamp = number.as_i64();
                false
            }
            ("ingestionTime", Value::Number(number)) if number.is_i64() => {
                new.ingestion_time = number.as_i64();
                false
            }
            ("message", Value::String(text)) => {
                new.message = Some(std::mem::take(text));
                false
            }
            ("logStreamName", Value::String(text)) => {
                new.log_stream = Some(names.name(text));
                false
            }
            ("eventId", Value::String(text)) => {
                new.event_id = Some(std::mem::take(text).into());
                false
            }
            _ => true,
        });
        new.rest = (!fields.is_empty()).then(|| Box::new(Value::Object(fields)));
        new
    }

    /// The event as it came.
    pub fn to_json(&self) -> Value {
        let Self { timestamp, ingestion_time, message, log_stream, event_id, rest, log_group: _, hash: _ } = self;
        let mut fields = match rest.as_deref() {
            None => Map::new(),
            Some(Value::Object(fields)) => fields.clone(),
            Some(other) => return other.clone(),
        };
        let texts = [
            ("message", message.as_deref()),
            ("logStreamName", log_stream.as_deref()),
            ("eventId", event_id.as_deref()),
        ];
        for (key, text) in texts {
            fields.extend(text.map(|text| (key.to_owned(), Value::from(text))));
        }
        for (key, at) in [("timestamp", timestamp), ("ingestionTime", ingestion_time)] {
            fields.extend(at.map(|at| (key.to_owned(), Value::from(at))));
        }
        Value::Object(fields)
    }
}

impl From<Map<String, Value>> for Answer {
    /// A response without log lines.
    fn from(fields: Map<String, Value>) -> Self {
        Self { fields, ..Self::default() }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(events) = &self.events {
            match self.form {
                LinesForm::Events => map.serialize_entry(EVENTS, events)?,
                LinesForm::Results => {
                    let rows: Vec<Value> = events.iter().map(results::row).collect();
                    map.serialize_entry(results::RESULTS, &rows)?;
                }
            }
        }
        for (key, value) in &self.fields {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Serialize for LogEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { timestamp, ingestion_time, message, log_stream, event_id, rest: None, log_group: _, hash: _ } = self
        else {
            return self.to_json().serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        let texts = [
            ("eventId", event_id.as_deref()),
            ("logStreamName", log_stream.as_deref()),
            ("message", message.as_deref()),
        ];
        for (key, text) in texts {
            text.map_or(Ok(()), |text| map.serialize_entry(key, text))?;
        }
        for (key, at) in [("ingestionTime", ingestion_time), ("timestamp", timestamp)] {
            at.map_or(Ok(()), |at| map.serialize_entry(key, &at))?;
        }
        map.end()
    }
}

/// The streams (and groups) of a page: their names are held once.
#[derive(Default)]
pub(super) struct Names(Vec<Name>);

impl Names {
    /// More streams than FilterLogEvents takes are not of one page.
    const MOST: usize = 128;

    pub(super) fn name(&mut self, text: &str) -> Name {
        // Where lines of many streams take turns, theirs are near; a name differs at its end.
        let same = |name: &&Name| name.len() == text.len() && name.bytes().rev().eq(text.bytes().rev());
        if let Some(name) = self.0.iter().find(same) {
            return name.clone();
        }
        let name = Name::from(text);
        if self.0.len() < Self::MOST {
            self.0.push(name.clone());
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn field() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            // serde_json may read a fraction back with another last digit.
            (-1e12..1e12).prop_map(|number: f64| Value::from(number.trunc())),
            ".{0,12}".prop_map(Value::from),
            Just(json!([])),
            Just(json!({"a": "b"})),
        ]
    }

    fn event() -> impl Strategy<Value = Value> {
        let keys = prop_oneof!["timestamp", "ingestionTime", "message", "logStreamName", "eventId", "[a-z]{1,3}"];
        let usual = (any::<i64>(), any::<i64>(), ".{0,30}", "[ab]{1,3}", "[0-9]{0,5}").prop_map(
            |(timestamp, arrival, message, stream, id)| {
                json!({
                    "timestamp": timestamp, "ingestionTime": arrival, "message": message, "logStreamName": stream,
                    "eventId": id,
                })
            },
        );
        let odd = proptest::collection::btree_map(keys, field(), 0..6)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()));
        prop_oneof![3 => usual, 2 => odd, 1 => field()]
    }

    fn page() -> impl Strategy<Value = Map<String, Value>> {
        let events = prop_oneof![
            4 => proptest::collection::vec(event(), 0..5).prop_map(Value::from),
            1 => field(),
        ];
        (events, field(), any::<bool>()).prop_map(|(events, token, has)| {
            let events = has.then(|| (EVENTS.to_owned(), events));
            events.into_iter().chain([("nextToken".to_owned(), token)]).collect()
        })
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_both_ways_to_read_agree(page in page()) {
            for operation in [Operation::GetLogEvents, Operation::FilterLogEvents, Operation::ListTasks] {
                let answer = Answer::new(operation, page.clone());
                prop_assert_eq!(&answer.to_json(), &page);
                prop_assert_eq!(serde_json::to_value(&answer).unwrap(), Value::Object(page.clone()));
                let text = serde_json::to_vec(&page).unwrap();
                prop_assert_eq!(&Answer::from_slice(operation, &text).unwrap(), &answer);
            }
        }
    }

    #[test]
    fn usual_pages_are_read_without_a_detour() {
        let page = json!({
            "events": [
                {"logStreamName": "a", "timestamp": 1, "message": "x\ny", "ingestionTime": 2, "eventId": "3"},
                {"timestamp": 1, "message": "", "ingestionTime": 2},
            ],
            "searchedLogStreams": [],
        });
        let Page(answer) = serde_json::from_str(&page.to_string()).unwrap();
        assert_eq!(answer, Answer::new(Operation::FilterLogEvents, page.as_object().unwrap().clone()));
        for odd in ["{\"events\": [1]}", "{\"events\": [{\"timestamp\": null}]}", "{\"events\": [{\"x\": 1}]}"] {
            assert!(serde_json::from_str::<Page>(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn names_of_streams_are_held_once() {
        let event = |stream: &str| json!({"logStreamName": stream, "message": ""});
        let page = json!({"events": [event("a"), event("b"), event("a")]});
        let answer = Answer::from_slice(Operation::FilterLogEvents, page.to_string().as_bytes()).unwrap();
        let names: Vec<*const u8> =
            answer.events.unwrap().iter().map(|event| event.log_stream.as_ref().unwrap().as_ptr()).collect();
        assert_eq!(names[0], names[2]);
        assert_ne!(names[0], names[1]);
    }
}
