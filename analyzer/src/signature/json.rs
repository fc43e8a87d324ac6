//! Fields of structured log lines: a JSON object a line, as OpenTelemetry's log exporters and most
//! structured loggers write them.

use regex_automata::meta::Regex;
use serde_json::Value;

use super::expression::{Ends, compile, told};

/// A field, and the pattern of its text.
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
        let compiled = compile(&[regex], Ends::OfLines).map_err(|error| told(&error))?;
        Ok(Self { path: path.to_owned(), text: regex.to_owned(), regex: compiled })
    }

    /// The expression.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the first of these objects that has the field has a text that matches.
    fn matches<'a>(&self, mut objects: impl Iterator<Item = &'a Value>) -> bool {
        match objects.find_map(|object| find(object, &self.path)) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => self.regex.is_match(text),
            Some(other) => self.regex.is_match(&other.to_string()),
        }
    }
}

/// The signatures of which the objects in a text have every field, into `hits`. A text is one object, or has
/// one in some of its lines; a missing field is looked up in the router's record that held the text.
pub(super) fn hits(signatures: &[(usize, Vec<FieldPattern>)], text: &str, record: Option<&str>, hits: &mut Vec<usize>) {
    let mut objects: Vec<Value> = parse(text).into_iter().collect();
    if objects.is_empty() && text.contains('\n') {
        objects.extend(text.lines().filter_map(parse));
    }
    let record = record.and_then(parse);
    let fits = |fields: &[FieldPattern]| {
        let all = |object: Option<&Value>| fields.iter().all(|field| field.matches(object.into_iter().chain(&record)));
        if objects.is_empty() { record.is_some() && all(None) } else { objects.iter().any(|object| all(Some(object))) }
    };
    hits.extend(signatures.iter().filter(|(_, fields)| fits(fields)).map(|(place, _)| *place));
}

/// A line as a JSON object; `None` for every other line.
fn parse(line: &str) -> Option<Value> {
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
        parse(line).is_some_and(|line| FieldPattern::new(path, regex).unwrap().matches([line].iter()))
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

    #[test]
    fn fields_are_in_a_line_else_in_the_record_of_the_router() {
        let of = |path: &str, text: &str, record: Option<&str>| {
            let mut found = Vec::new();
            let fields = [("level", "^ERROR$"), (path, "^app$")];
            let fields = fields.map(|(path, regex)| FieldPattern::new(path, regex).unwrap()).to_vec();
            hits(&[(7, fields)], text, record, &mut found);
            found == [7]
        };
        let (line, record) = (r#"{"level":"ERROR","logger":"app"}"#, r#"{"log":"...","level":"INFO","source":"app"}"#);
        assert!(of("logger", line, None) && of("source", line, Some(record)));
        assert!(of("logger", &format!("Traceback\n{line}\nmore"), None), "each line of an event");
        assert!(!of("source", "no object", Some(record)), "the record's own level");
        assert!(!of("logger", r#"{"level":"ERROR"}"#, None));
    }
}
