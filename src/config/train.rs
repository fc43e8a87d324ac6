//! A policy file of several services (`--policy`).

use std::collections::BTreeMap;
use std::path::Path;

use casefile_gate::{Policy, Train};
use serde::Deserialize;
use toml::{Spanned, Table};

use super::{line_at, located};
use crate::error::Error;

/// The file: `[service.NAME]` has the keys of `[gate]`; `[defaults]` has those that a service does not name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: Table,
    #[serde(default)]
    service: BTreeMap<String, Spanned<Table>>,
}

/// Reads a policy file of several services.
pub(crate) fn read_train(path: &Path) -> Result<Train, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::usage(format!("the policy {} does not exist", path.display())),
        _ => Error::usage(format!("cannot read the policy {}: {source}", path.display())),
    })?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, name: &str) -> Result<Train, Error> {
    let file: File = toml::from_str(text).map_err(|error| located(text, name, &error))?;
    let mut policies = BTreeMap::new();
    for (service, table) in file.service {
        let start = table.span().start;
        let mut merged = file.defaults.clone();
        merged.extend(table.into_inner());
        let policy = Policy::deserialize(merged).map_err(|error| {
            let line = line_of(text, start, error.message());
            Error::usage(format!("{name}:{line}: service.{service}: {}", error.message()))
        })?;
        policies.insert(service, policy);
    }
    Train::new(policies).map_err(|error| Error::usage(format!("{name}: {}", error.problem())))
}

/// The line that an error is about: that of the key that it quotes, in the section that begins at `start`, or before it
/// in the defaults; else that of the section.
fn line_of(text: &str, start: usize, message: &str) -> usize {
    let key = message.split('`').nth(1).unwrap_or_default();
    let has_key = |line: &str| line.trim_start().split(['=', ' ', '.']).next() == Some(key);
    let section = line_at(text, start);
    let lines = || text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let in_section = lines().skip(section).take_while(|(_, line)| !line.trim_start().starts_with("[service."));
    let found = in_section.chain(lines()).find(|(_, line)| !key.is_empty() && has_key(line));
    found.map_or(section, |(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_every_service() {
        let text = "[defaults]\nwaves = [[\"a\"], [\"b\"]]\nsoak = \"1h\"\n[service.core]\n[service.web]\nsoak = \"2h\"\nneeds = [{ service = \"core\" }]\n";
        let train = parse(text, "train.toml").unwrap();
        let soaks: Vec<_> = train.policies().map(|(name, policy)| (name, policy.soak.unwrap().to_string())).collect();
        assert_eq!(soaks, [("core", "1h".to_owned()), ("web", "2h".to_owned())]);
    }

    #[test]
    fn an_error_names_its_line() {
        let cases = [
            (
                "[service.core]\nwaves = [[\"a\"]]\nsoack = \"1h\"\n",
                "train.toml:3: service.core: unknown field `soack`",
            ),
            (
                "[defaults]\nsoack = \"1h\"\n[service.core]\nwaves = [[\"a\"]]\n",
                "train.toml:2: service.core: unknown field `soack`",
            ),
            ("[service.core]\nsoak = \"1h\"\n", "train.toml:1: service.core: missing field `waves`"),
            ("[servise.core]\n", "train.toml:1: unknown field `servise`"),
            (
                "[service.core]\nwaves = [[\"a\"]]\nneeds = [{ service = \"x\" }]\n",
                "train.toml: service.core: needs x, which is no",
            ),
            ("", "train.toml: it has no service"),
        ];
        for (text, says) in cases {
            let error = parse(text, "train.toml").unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
