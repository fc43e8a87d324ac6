//! Reads a page of log events without a JSON value for each of them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Answer, EVENTS, LogEvent, Names};

/// A page of log lines exactly as the API has it. Anything else is an error, and is read as any JSON is.
pub(super) struct Page(pub(super) Answer);

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfPage;
        impl<'de> Visitor<'de> for OfPage {
            type Value = Page;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a page of log events")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
                let mut answer = Answer::default();
                while let Some(key) = map.next_key::<String>()? {
                    if key == EVENTS {
                        answer.events = Some(map.next_value_seed(OfEvents)?);
                    } else {
                        answer.fields.insert(key, map.next_value()?);
                    }
                }
                Ok(Page(answer))
            }
        }
        deserializer.deserialize_map(OfPage)
    }
}

struct OfEvents;

impl<'de> DeserializeSeed<'de> for OfEvents {
    type Value = Vec<LogEvent>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OfEvents {
    type Value = Vec<LogEvent>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of log events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (mut events, mut names) = (Vec::new(), Names::default());
        while let Some(event) = list.next_element_seed(OfEvent(&mut names))? {
            events.push(event);
        }
        Ok(events)
    }
}

struct OfEvent<'s>(&'s mut Names);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    Timestamp,
    IngestionTime,
    Message,
    LogStreamName,
    EventId,
}

/// A text of the input, where it stands there as it is.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for OfEvent<'_> {
    type Value = LogEvent;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<LogEvent, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OfEvent<'_> {
    type Value = LogEvent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a log event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LogEvent, A::Error> {
        let mut event = LogEvent::default();
        while let Some(field) = map.next_key()? {
            let twice = match field {
                Field::Timestamp => event.timestamp.replace(map.next_value()?).is_some(),
                Field::IngestionTime => event.ingestion_time.replace(map.next_value()?).is_some(),
                Field::Message => event.message.replace(map.next_value()?).is_some(),
                Field::LogStreamName => {
                    let Text(name) = map.next_value()?;
                    event.log_stream.replace(self.0.name(&name)).is_some()
                }
                Field::EventId => event.event_id.replace(map.next_value()?).is_some(),
            };
            if twice {
                return Err(A::Error::custom("a field stands there twice"));
            }
        }
        Ok(event)
    }
}
