//! Fields of structured log lines: a JSON object a line, as OpenTelemetry's log exporters and most
//! structured loggers write them.

use regex_automata::meta::Regex;
use serde_json::Value;

use super::matcher;

/// A field, and what its text must match.
#[derive(Debug, Clone)]
pub(crate) struct FieldPattern {
    path: String,
    text: String,
    regex: Regex,
}

impl PartialEq for FieldPattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.text) == (&other.path, &other.text)
    }
}

impl Eq for FieldPattern {}

impl FieldPattern {
    /// `Err` says why the expression cannot be used.
    pub(crate) fn new(path: &str, regex: &str) -> Result<Self, String> {
        let compiled = matcher::compile(&[regex]).map_err(|error| matcher::told(&error))?;
        Ok(Self { path: path.to_owned(), text: regex.to_owned(), regex: compiled })
    }

    /// Whether a line has the field, and its text matches.
    pub(crate) fn matches(&self, line: &Value) -> bool {
        match find(line, &self.path) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => self.regex.is_match(text),
            Some(other) => self.regex.is_match(&other.to_string()),
        }
    }
}

/// A line as a JSON object; `None` for every other line.
pub(crate) fn parse(line: &str) -> Option<Value> {
    let line = line.trim();
    if !(line.starts_with('{') && line.ends_with('}')) {
        return None;
    }
    serde_json::from_str::<Value>(line).ok().filter(Value::is_object)
}

/// A field by its own name, dots and all, else by the names of the objects that it is in.
fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let (head, tail) = (&path[..dot], &path[dot + 1..]);
        find(object.get(head)?, tail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(path: &str, regex: &str, line: &str) -> bool {
        parse(line).is_some_and(|line| FieldPattern::new(path, regex).unwrap().matches(&line))
    }

    #[test]
    fn a_field_is_found_by_its_name_or_its_path() {
        let line =
            r#"{"severity_text":"ERROR","body":"boom","attributes":{"http.route":"/x","n":{"code":503}},"ok":null}"#;
        assert!(matches("severity_text", "^ERROR$", line));
        assert!(matches("attributes.http.route", "^/x$", line), "a name with a dot within an object");
        assert!(matches("attributes.n.code", "^503$", line), "a number by its text");
        assert!(!matches("ok", ".", line), "null is no text");
        assert!(!matches("attributes.missing", ".", line));
        assert!(!matches("severity_text", "^WARN$", line));
    }

    #[test]
    fn what_is_no_object_is_no_match() {
        for line in ["ERROR", "[1]", "{\"a\":", "\"{}\"", "{not json}", ""] {
            assert_eq!(parse(line), None, "{line}");
        }
        assert!(parse("  {\"a\": 1}\n").is_some());
    }

    #[test]
    fn a_wrong_expression_says_why() {
        assert!(FieldPattern::new("body", "(").unwrap_err().contains("unclosed group"));
    }
}
