//! Regular expressions of untrusted authors, within bounds.

use regex_automata::MatchKind;
use regex_automata::meta::{BuildError, Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;

/// Limits on the compiled size of untrusted patterns, all together.
const AUTOMATON_BYTES: usize = 16 << 20;

/// The meaning of `^` and `$`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The ends of the text: enough for a text of one line, and faster.
    OfText,
    /// The ends of each line in the text.
    OfLines,
}

/// One matcher for several expressions, within the bounds of untrusted ones.
pub(crate) fn compile(patterns: &[&str], ends: Ends) -> Result<Regex, Box<BuildError>> {
    let config = Config::new()
        .match_kind(MatchKind::All)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(AUTOMATON_BYTES))
        .onepass(false)
        .backtrack(false)
        .hybrid_cache_capacity(AUTOMATON_BYTES);
    let lines = ends == Ends::OfLines;
    let syntax = syntax::Config::new().multi_line(lines).crlf(lines);
    Regex::builder().configure(config).syntax(syntax).build_many(patterns).map_err(Box::new)
}

/// The problem of an expression, for its author.
pub(super) fn told(error: &BuildError) -> String {
    match error.syntax_error() {
        Some(syntax) => syntax.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        None => "it is too large".to_owned(),
    }
}

/// Whether a pattern can be used, and why not.
pub(crate) fn probe(pattern: &str) -> Result<(), String> {
    let regex = compile(&[pattern], Ends::OfLines).map_err(|error| told(&error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_would_eat_the_memory_is_refused() {
        insta::assert_snapshot!(probe(r"(\w{1000}){1000}").unwrap_err());
        insta::assert_snapshot!(probe("Running (upgrade").unwrap_err());
        assert_eq!(probe(r"Running upgrade \S* -> \w+"), Ok(()));
    }

    #[test]
    fn the_ends_of_a_line_are_ends() {
        let matches = |pattern: &str, text: &str| compile(&[pattern], Ends::OfLines).unwrap().is_match(text);
        assert!(matches("^b$", "a\nb\nc") && matches("^b$", "a\r\nb\r\nc") && matches("c$", "a\nc"));
        assert!(!matches("a.b", "a\nb") && !matches("^b", "ab"));
    }
}
