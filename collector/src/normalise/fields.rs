//! Reading the fields of an AWS answer: what is absent or null is `None`; what has an unexpected type is
//! `None` too, and reported.

use casefile_evidence::Timestamp;
use serde_json::{Map, Value};

use super::Remarks;

/// One JSON object of an answer.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    origin: &'a str,
    what: &'a str,
}

static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Map<String, Value>, origin: &'a str, what: &'a str) -> Self {
        Self { object, origin, what }
    }

    /// The object that a value is; what is none is reported.
    pub(super) fn of(value: &'a Value, origin: &'a str, what: &'a str, remarks: &mut Remarks) -> Option<Self> {
        if let Value::Object(object) = value {
            return Some(Self::new(object, origin, what));
        }
        Self::new(&EMPTY, origin, what).unexpected("[]", "an object", value, remarks);
        None
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn unexpected(&self, key: &str, wanted: &str, value: &Value, remarks: &mut Remarks) {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        remarks.add(self.origin, format!("{}.{key} is {found}, not {wanted}; it was left out", self.what));
    }

    pub(super) fn text(&self, key: &str, remarks: &mut Remarks) -> Option<String> {
        match self.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            other => {
                self.unexpected(key, "a text", other, remarks);
                None
            }
        }
    }

    /// A text whose key may be written in any case, as the options of Fluent Bit may.
    pub(super) fn text_of_any_case(&self, key: &str, remarks: &mut Remarks) -> Option<String> {
        let key = self.object.keys().find(|known| known.eq_ignore_ascii_case(key))?;
        self.text(key, remarks)
    }

    pub(super) fn int(&self, key: &str, remarks: &mut Remarks) -> Option<i64> {
        let value = self.get(key)?;
        let read = match value {
            Value::Number(number) => number.as_i64().or_else(|| {
                let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15)?;
                #[expect(clippy::cast_possible_truncation, reason = "a whole number within the exact range")]
                Some(float as i64)
            }),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if read.is_none() {
            self.unexpected(key, "a whole number", value, remarks);
        }
        read
    }

    pub(super) fn boolean(&self, key: &str, remarks: &mut Remarks) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(*value),
            other => {
                self.unexpected(key, "true or false", other, remarks);
                None
            }
        }
    }

    /// A time of the ECS API: epoch seconds on the wire, RFC 3339 as the CLI prints it.
    pub(super) fn time(&self, key: &str, remarks: &mut Remarks) -> Option<Timestamp> {
        let value = self.get(key)?;
        let read = match value {
            Value::Number(number) => number.as_f64().and_then(Timestamp::from_epoch_seconds),
            Value::String(text) => Timestamp::parse(text).ok(),
            _ => None,
        };
        if read.is_none() {
            self.unexpected(key, "a time (epoch seconds or RFC 3339)", value, remarks);
        }
        read
    }

    /// A time of the CloudWatch Logs API: epoch milliseconds.
    pub(super) fn millis(&self, key: &str, remarks: &mut Remarks) -> Option<Timestamp> {
        if let Some(Value::String(text)) = self.get(key)
            && let Ok(at) = Timestamp::parse(text)
        {
            return Some(at);
        }
        self.int(key, remarks).map(Timestamp)
    }

    /// A nested object; empty where absent.
    pub(super) fn object(&self, key: &'a str, remarks: &mut Remarks) -> Self {
        let object = match self.get(key) {
            Some(Value::Object(object)) => object,
            Some(other) => {
                self.unexpected(key, "an object", other, remarks);
                &EMPTY
            }
            None => &EMPTY,
        };
        Self { object, origin: self.origin, what: key }
    }

    /// The objects of a list; empty where absent.
    pub(super) fn list(&self, key: &'a str, remarks: &mut Remarks) -> Vec<Self> {
        let items = match self.get(key) {
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.unexpected(key, "a list", other, remarks);
                return Vec::new();
            }
            None => return Vec::new(),
        };
        items.iter().filter_map(|item| Self::of(item, self.origin, key, remarks)).collect()
    }

    /// The texts of a list; empty where absent.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let items = self.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// The object as canonical JSON, without the parts that are rows of their own.
    pub(super) fn raw(&self, without: &[&str]) -> String {
        let kept: Map<String, Value> = self
            .object
            .iter()
            .filter(|(key, _)| !without.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Value::Object(kept).to_string()
    }

    /// The identifier that a row cannot do without; reported where it is missing.
    pub(super) fn id(&self, key: &str, remarks: &mut Remarks) -> Option<String> {
        let id = self.text(key, remarks).filter(|id| !id.is_empty());
        if id.is_none() {
            remarks.add(self.origin, format!("an entry of {} has no {key}; it was left out", self.what));
        }
        id
    }
}

/// The last part of an ARN or a path: a task's id, a service's or a cluster's name.
pub fn short_name(arn: &str) -> &str {
    let tail = arn.rsplit('/').next().unwrap_or(arn);
    if tail.starts_with("arn:") { tail.rsplit(':').next().unwrap_or(tail) } else { tail }
}

/// The account that an ARN names: `arn:aws:ecs:REGION:ACCOUNT:...`.
pub fn account_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(3)
}
