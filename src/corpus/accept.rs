//! Taking new results into a case, after a person has looked at them.

use std::fmt::Write as _;

use casefile_fixtures::cases::CASE_FILE;
use toml_edit::{DocumentMut, Item, Value};

use super::{Outcome, word};
use crate::error::Error;

/// Writes the present result of a case into its `case.toml`: the verdict, the decision, and the outcomes of the checks that it
/// names already. Comments, order and `[forbidden]` stay.
pub(crate) fn accept(outcome: &Outcome) -> Result<(), Error> {
    let Some(folder) = &outcome.case.folder else {
        return Err(Error::usage(format!(
            "{} is part of this program: name the folder of its cases",
            outcome.case.name
        )));
    };
    let file = folder.join(CASE_FILE);
    let text = match &outcome.case.toml {
        Some(_) => std::fs::read_to_string(&file).map_err(Error::io("read", &file))?,
        None => describe(outcome),
    };
    let mut document: DocumentMut =
        text.parse().map_err(|error| Error::usage(format!("{}: {error}", file.display())))?;
    let verdict = &outcome.verdict;
    set(&mut document["verdict"], word(&verdict.verdict));
    set(&mut document["decision"], word(&verdict.decision.action));
    if let Some(named) = document.get_mut("outcomes").and_then(|outcomes| outcomes.as_table_like_mut()) {
        for check in &verdict.checks {
            if let Some(item) = named.get_mut(&check.id) {
                set(item, word(&check.outcome));
            }
        }
    }
    std::fs::write(&file, document.to_string()).map_err(Error::io("write", &file))
}

/// Another text in the same place; a comment beside it stays.
fn set(item: &mut Item, text: String) {
    let mut value = Value::from(text);
    if let Some(old) = item.as_value() {
        *value.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(value);
}

/// A `case.toml` for a case that has none.
fn describe(outcome: &Outcome) -> String {
    let verdict = &outcome.verdict;
    let mut text = format!(
        "title = {:?}\nsummary = \"what happened, for a reader in a year\"\nverdict = \"\"\ndecision = \"\"\n",
        outcome.case.name.replace(['-', '_'], " ")
    );
    let named: Vec<_> = verdict
        .checks
        .iter()
        .filter(|check| check.level == casefile_analyzer::Level::Block)
        .filter(|check| check.outcome == casefile_analyzer::Outcome::Fail)
        .collect();
    if !named.is_empty() {
        text.push_str("\n[outcomes]                               # what single checks must give\n");
    }
    for check in named {
        let _ = writeln!(text, "{:?} = \"fail\"", check.id);
    }
    text
}
