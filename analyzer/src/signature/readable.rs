//! A log event as a person reads it: out of a router's record, without terminal escapes.
//!
//! FireLens without `log_key` delivers a JSON record whose field `log` is the line. A log driver cuts a line that
//! is longer than its buffer; `parts.rs` puts it together again.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::escapes;

/// Docker cuts a line into parts of this many bytes.
pub(super) const PART_BYTES: usize = 16_384;
/// A character that was cut is replaced, each of its at most three bytes by three.
const CUT_BYTES: usize = 6;

/// A log event, out of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event<'a> {
    /// The line, or the lines, with terminal escapes.
    pub(super) text: Cow<'a, str>,
    /// The router's record that they were in.
    pub(super) record: Option<&'a str>,
    pub(super) part: Part,
}

/// Whether an event is a whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// As long as a part is: the line goes on, or just ends.
    Full,
    /// A part, as the router marks it.
    Named {
        id: String,
        ordinal: Option<u64>,
        last: bool,
    },
}

/// The keys of a router's record (Fluent Bit and Fluentd write the same).
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    container_id: Option<IgnoredAny>,
    container_name: Option<IgnoredAny>,
    ecs_task_arn: Option<IgnoredAny>,
    ecs_cluster: Option<IgnoredAny>,
    source: Option<IgnoredAny>,
    partial_message: Option<serde_json::Value>,
    partial_id: Option<serde_json::Value>,
    partial_ordinal: Option<serde_json::Value>,
    partial_last: Option<serde_json::Value>,
}

impl<'a> Record<'a> {
    fn of(message: &'a str) -> Option<Self> {
        let message = message.trim();
        if !(message.starts_with('{') && message.ends_with('}') && message.contains("\"log\"")) {
            return None;
        }
        let record: Self = serde_json::from_str(message).ok()?;
        let of_router = record.container_id.is_some()
            || record.container_name.is_some()
            || record.ecs_task_arn.is_some()
            || record.ecs_cluster.is_some()
            || record.source.is_some();
        of_router.then_some(record)
    }

    fn part(&self) -> Option<Part> {
        let text = |value: &Option<serde_json::Value>| match value {
            Some(serde_json::Value::String(text)) => Some(text.clone()),
            Some(serde_json::Value::Null) | None => None,
            Some(other) => Some(other.to_string()),
        };
        let yes = |value| text(value).as_deref() == Some("true");
        yes(&self.partial_message).then(|| Part::Named {
            id: text(&self.partial_id).unwrap_or_default(),
            ordinal: text(&self.partial_ordinal).and_then(|ordinal| ordinal.parse().ok()),
            last: yes(&self.partial_last),
        })
    }
}

impl<'a> Event<'a> {
    pub(super) fn of(message: &'a str) -> Self {
        let Some(record) = Record::of(message) else {
            return Self { text: Cow::Borrowed(message), record: None, part: part(message) };
        };
        let part = record.part().unwrap_or_else(|| part(&record.log));
        Self { text: record.log, record: Some(message), part }
    }
}

fn part(text: &str) -> Part {
    if text.len() < PART_BYTES || text.ends_with('\n') {
        return Part::Whole;
    }
    let cut = || text.len() <= PART_BYTES + CUT_BYTES && text.ends_with('\u{fffd}');
    if text.len() == PART_BYTES || cut() { Part::Full } else { Part::Whole }
}

/// Whether an event is neither in a record nor a part of a line, which most are not.
pub(super) fn is_plain(message: &str) -> bool {
    message.len() < PART_BYTES && message.as_bytes().first().is_some_and(|byte| !matches!(byte, b'{' | 0..=b' '))
}

/// A text as a person reads it: without terminal escapes, and without the end of its last line.
pub(super) fn readable(text: &str) -> Cow<'_, str> {
    fn end(text: &str) -> &str {
        match text.as_bytes().last() {
            Some(b'\n' | b'\r') => text.trim_end_matches(['\n', '\r']),
            _ => text,
        }
    }
    match escapes::strip(end(text)) {
        Cow::Borrowed(text) => Cow::Borrowed(end(text)),
        Cow::Owned(text) if end(&text).len() < text.len() => Cow::Owned(end(&text).to_owned()),
        owned => owned,
    }
}

/// The text of one event as a person reads it.
pub fn line(message: &str) -> String {
    readable(&Event::of(message).text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routers_record_is_its_line() {
        let record = r#"{"container_name":"app","log":"FAILED: \"x\"\n","source":"stderr"}"#;
        let event = Event::of(record);
        assert_eq!((event.text.as_ref(), event.record, event.part), ("FAILED: \"x\"\n", Some(record), Part::Whole));
        assert_eq!(line(record), "FAILED: \"x\"");
        assert_eq!(line(r#"{"log":"\u001b[31mFAILED\u001b[0m: x","ecs_cluster":"c"}"#), "FAILED: x");
    }

    #[test]
    fn another_object_stays_as_it_is() {
        for message in [
            r#"{"log":"x"}"#,
            r#"{"log":{"a":1},"source":"stdout"}"#,
            r#"{"message":"the \"log\"","source":"stdout"}"#,
            r#"{"log":"x","source":null}"#,
            r#"{"log":"x","source":"stdout""#,
        ] {
            assert_eq!(Event::of(message).record, None, "{message}");
            assert_eq!(line(message), message);
        }
    }

    #[test]
    fn a_part_is_known_by_its_length_or_by_its_record() {
        let of = |message: &str| Event::of(message).part;
        assert_eq!(of(&"x".repeat(16_383)), Part::Whole);
        assert_eq!(of(&"x".repeat(16_384)), Part::Full);
        assert_eq!(of(&"x".repeat(16_387)), Part::Whole);
        assert_eq!(of(&("x".repeat(16_383) + "\u{fffd}")), Part::Full);
        let record = |last| {
            format!(
                r#"{{"log":"x","source":"stdout","partial_message":"true","partial_id":"7","partial_ordinal":"2","partial_last":"{last}"}}"#
            )
        };
        for last in [true, false] {
            assert_eq!(of(&record(last)), Part::Named { id: "7".to_owned(), ordinal: Some(2), last });
        }
    }

    #[test]
    fn the_end_of_the_last_line_is_no_text() {
        for (text, read) in [("x\n", "x"), ("x\r\n", "x"), ("x\x1b[0m\n", "x"), ("x\n\x1b[0m", "x"), ("x\ny", "x\ny")] {
            assert_eq!(readable(text), read);
        }
    }
}
