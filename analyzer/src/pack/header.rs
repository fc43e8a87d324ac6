//! The header of a check: TOML in the file's leading comment lines, so that the file runs in any SQL tool.

use casefile_evidence::tables;
use serde::{Deserialize, Serialize};

use crate::did_you_mean::closest;
use crate::error::SpecError;
use crate::terms::{Conclusive, Level, Owner};

/// The header of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its id: lower-case words, joined by `-` and `.`, e.g. `rollout.task-out-of-memory`.
    pub id: String,
    /// The statement that holds if it passes.
    pub title: String,
    /// Whether it decides.
    pub level: Level,
    /// Who takes over when it fails.
    pub owner: Owner,
    /// The tables that it judges from. If their sources have gaps, `conclusive` decides which rows stand.
    pub requires: Vec<String>,
    /// The status that one row proves even if evidence is missing.
    pub conclusive: Conclusive,
    /// Advice if it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

const SHAPE: &str = "a check begins with `-- id = \"...\"`, then title, level, owner, requires, conclusive and advice, each as TOML in a comment line";

impl Header {
    /// Reads the leading comment lines of a check. Lines of the TOML are lines of the file.
    pub(crate) fn parse(file: &str, content: &str) -> Result<Self, SpecError> {
        let mut toml = String::new();
        for line in content.lines() {
            let line = line.trim();
            // A blank line ends the header; blank lines before it only count.
            let Some(text) = line.strip_prefix("--").or((line.is_empty() && toml.trim().is_empty()).then_some(""))
            else {
                break;
            };
            toml.push_str(text);
            toml.push('\n');
        }
        if toml.trim().is_empty() {
            return Err(SpecError::new(file, "there is no header", SHAPE).at(1));
        }
        let header: Self = toml::from_str(&toml).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(&toml, span.start));
            let problem = error.message().replace('`', "").replace('\n', ", ");
            SpecError::new(file, format!("the header is wrong: {problem}"), SHAPE).at(line)
        })?;
        header.validate(file, &toml)?;
        Ok(header)
    }

    fn validate(&self, file: &str, toml: &str) -> Result<(), SpecError> {
        let wrong = |key: &str, problem: String, remedy: String| {
            Err(SpecError::new(file, problem, remedy).at(line_of_key(toml, key)))
        };
        if !is_id(&self.id) {
            let problem = format!("id {:?} is not an id", self.id);
            return wrong(
                "id",
                problem,
                "use lower-case words, digits, '-' and '.', such as rollout.completed".to_owned(),
            );
        }
        if self.title.trim().is_empty() {
            return wrong(
                "title",
                "title is empty".to_owned(),
                "write the statement that holds if the check passes".to_owned(),
            );
        }
        let known: Vec<&str> = tables::all().iter().map(|table| table.info.name).collect();
        if self.requires.is_empty() {
            return wrong(
                "requires",
                "requires is empty".to_owned(),
                "name the tables that the check judges from".to_owned(),
            );
        }
        for table in &self.requires {
            if !known.contains(&table.as_str()) {
                let problem = format!("requires names {table:?}, which is no table of the bundle");
                return wrong("requires", problem, closest(table, known));
            }
        }
        Ok(())
    }
}

/// Whether the text is an id of a check or a signature.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.split(['.', '-']).all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        })
}

fn line_of(text: &str, at: usize) -> u64 {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() as u64
}

fn line_of_key(toml: &str, key: &str) -> u64 {
    let found = toml
        .lines()
        .position(|line| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')));
    found.map_or(1, |line| line as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-- # Why this check exists, in prose.
-- id = \"rollout.task-out-of-memory\"
-- title = \"No container was killed for lack of memory\"
-- level = \"block\"                # block | advise
-- owner = \"service\"
-- requires = [\"containers\"]
-- conclusive = \"fail\"
-- advice = \"Raise the task's memory.\"

SELECT 1 -- not = part of the header
";

    #[test]
    fn reads_the_header_that_the_design_shows() {
        let header = Header::parse("a.sql", GOOD).unwrap();
        assert_eq!(header.id, "rollout.task-out-of-memory");
        assert_eq!((header.level, header.owner, header.conclusive), (Level::Block, Owner::Service, Conclusive::Fail));
        assert_eq!(header.requires, ["containers"]);
        assert_eq!(header.advice.as_deref(), Some("Raise the task's memory."));
    }

    #[test]
    fn every_mistake_names_its_line_and_what_to_do() {
        let mistakes = [
            ("-- owner", "-- onwer"),
            ("\"service\"", "\"servise\""),
            ("\"block\" ", "\"warn\" "),
            ("[\"containers\"]", "[\"container\"]"),
            ("[\"containers\"]", "[]"),
            ("[\"containers\"]", "\"containers\""),
            ("-- conclusive = \"fail\"\n", ""),
            ("\"rollout.task-out-of-memory\"", "\"Rollout Task\""),
            ("\"No container was killed for lack of memory\"", "\" \""),
            ("-- advice = ", "-- Advice: "),
            (GOOD, "SELECT 1"),
        ];
        let errors: Vec<String> = mistakes
            .iter()
            .map(|(from, to)| {
                assert!(GOOD.contains(from), "{from}");
                Header::parse("a.sql", &GOOD.replacen(from, to, 1)).unwrap_err().to_string()
            })
            .collect();
        insta::assert_snapshot!(errors.join("\n"));
    }
}
