//! A regular expression made of a template, and the `[[signature]]` block that has it.

use memchr::memmem::Finder;
use regex_automata::meta::Regex;

use crate::WILDCARD;

/// A pattern with fewer letters and digits says too little.
const FEWEST: usize = 5;
/// The longest pattern, in bytes.
const LONGEST: usize = 200;

/// A pattern, compiled.
pub(crate) struct Pattern {
    pub(crate) text: String,
    regex: Regex,
    // The longest constant: most lines do not have it, and a search for it is several times faster.
    constant: Finder<'static>,
}

impl Pattern {
    pub(crate) fn is_match(&self, line: &str) -> bool {
        self.constant.find(line.as_bytes()).is_some() && self.regex.is_match(line)
    }
}

/// Makes the narrowest expression of a template that matches all of its examples. `None` if there is none.
pub(crate) fn pattern(template: &str, examples: &[&str]) -> Option<Pattern> {
    [r"\S+", ".*?"].into_iter().find_map(|wildcard| {
        let (text, constant) = write(template, wildcard);
        if constant.is_empty()
            || text.replace(r"\s", "").replace(r"\S", "").chars().filter(|c| c.is_alphanumeric()).count() < FEWEST
        {
            return None;
        }
        let constant = Finder::new(constant).into_owned();
        let found = Pattern { regex: Regex::new(&text).ok()?, text, constant };
        examples.iter().all(|example| found.is_match(example)).then_some(found)
    })
}

/// Constants escaped, wildcards replaced; it begins and ends with a constant. With the longest constant.
fn write<'a>(template: &'a str, wildcard: &str) -> (String, &'a str) {
    let mut tokens: Vec<&str> = template.split(' ').collect();
    // A wildcard at an end matches anything, and so says nothing.
    let is_open = |token: &&str| !token.replace(WILDCARD, "").contains(|c: char| c.is_alphanumeric());
    while tokens.last().is_some_and(is_open) {
        tokens.pop();
    }
    let open = tokens.iter().take_while(|token| is_open(token)).count();
    let mut text = String::new();
    let mut constant = "";
    for token in &tokens[open..] {
        let written = token.split(WILDCARD).map(escape).collect::<Vec<_>>().join(wildcard);
        if text.len() + written.len() + 3 > LONGEST {
            break;
        }
        if !text.is_empty() {
            text.push_str(r"\s+");
        }
        text.push_str(&written);
        constant = token.split(WILDCARD).fold(constant, |best, part| if part.len() > best.len() { part } else { best });
    }
    // A first token of more than the limit.
    if text.is_empty() {
        let token = tokens.get(open).copied().unwrap_or_default();
        let part = token.split(WILDCARD).max_by_key(|part| part.len()).unwrap_or_default();
        constant = crate::mask::cut(part, LONGEST / 2);
        text = escape(constant);
    }
    loop {
        let short =
            text.strip_suffix(wildcard).or_else(|| text.strip_suffix(r"\s+")).or_else(|| text.strip_prefix(wildcard));
        match short {
            Some(short) => text = short.to_owned(),
            None => return (text, constant),
        }
    }
}

/// `regex::escape` escapes more than must be: `-`, `#`, `&` and `~` are special only in a class.
fn escape(constant: &str) -> String {
    let mut text = String::new();
    for letter in constant.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// An id of a signature: the words of a template, joined by `-`.
pub(crate) fn slug(template: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in template.replace(WILDCARD, " ").split(|c: char| !c.is_ascii_alphanumeric()) {
        let word = word.to_ascii_lowercase();
        let level = matches!(word.as_str(), "info" | "error" | "warning" | "warn" | "debug" | "critical" | "fatal");
        if word.len() > 1 && !level && !words.contains(&word) {
            words.push(word);
        }
    }
    words.truncate(6);
    if words.is_empty() { "mined.line".to_owned() } else { format!("mined.{}", words.join("-")) }
}

/// The constant text of a template, short, for a title.
pub(crate) fn headline(template: &str) -> String {
    let text = template.trim_start_matches(WILDCARD).trim().replace(WILDCARD, "…");
    let short: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if short.len() < text.len() { format!("{}…", short.trim_end()) } else { short }
}

/// A TOML string: literal where it can be.
pub(crate) fn toml_string(text: &str) -> String {
    if !text.contains(|c: char| c == '\'' || c.is_control()) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_examples() {
        let template = "<*> ERROR [app] connection to <*>, port <*> failed (x) <*>";
        let example = "2026-11-23 01:02:03,1 ERROR  [app] connection to db, port 5 failed (x) 7";
        let text = pattern(template, &[example]).unwrap().text;
        assert_eq!(text, r"ERROR\s+\[app\]\s+connection\s+to\s+\S+,\s+port\s+\S+\s+failed\s+\(x\)");
        let wide = pattern("at <*> done", &["at Mon Nov 23 done"]).unwrap().text;
        assert_eq!(wide, r"at\s+.*?\s+done");
        assert!(pattern("<*>", &["12"]).is_none());
        assert!(pattern("gone", &["here"]).is_none());
        let long = format!("{} end", "word<*> ".repeat(100).trim_end());
        assert!(write(&long, ".*?").0.len() <= LONGEST);
        assert!(pattern("P<*>", &["P1"]).is_none(), "one letter says too little");
    }

    #[test]
    fn a_string_of_toml_is_read_as_it_was() {
        for text in ["plain", "it's", "a\\d", "tab\tquote\"'", "é"] {
            let table: toml::Table = format!("k = {}", toml_string(text)).parse().unwrap();
            assert_eq!(table["k"].as_str(), Some(text));
        }
    }
}
