//! The values that `terraform output -json` prints, as names of the target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::recording::decode;

/// What is wrong with a file of Terraform outputs, or with what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum TerraformError {
    /// The file cannot be read.
    #[error(
        "cannot read the terraform outputs {file}: {source}; write them with `terraform output -json > {file}`",
        file = file.display()
    )]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what `terraform output -json` prints.
    #[error(
        "{file} is not what `terraform output -json` prints: {problem}; write it with `terraform output -json > {file}`",
        file = file.display()
    )]
    Shape {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// The output that is asked for does not exist.
    #[error("{file} has no output `{name}`; {known}", file = file.display(), known = known(names))]
    Missing {
        /// The file.
        file: PathBuf,
        /// The output that was asked for.
        name: String,
        /// The outputs that exist.
        names: Vec<String>,
    },
    /// The output that is asked for is not a string.
    #[error(
        "the output `{name}` of {file} is {kind}, and a string is needed: name an output that is one, e.g. an \
         attribute of it",
        file = file.display()
    )]
    NotAString {
        /// The file.
        file: PathBuf,
        /// The output that was asked for.
        name: String,
        /// What it is, e.g. `a list`.
        kind: &'static str,
    },
}

fn known(names: &[String]) -> String {
    if names.is_empty() {
        "it has no outputs at all: declare them in the root module and apply it".to_owned()
    } else {
        format!("it has {}: use one of them, or declare the output in the root module and apply it", names.join(", "))
    }
}

#[derive(Deserialize)]
struct Output {
    value: Value,
}

/// The outputs of a root module.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    file: PathBuf,
    values: BTreeMap<String, Value>,
}

impl Outputs {
    /// Reads a file that `terraform output -json` wrote.
    ///
    /// # Errors
    /// [`TerraformError::Read`] and [`TerraformError::Shape`].
    pub fn read(file: &Path) -> Result<Self, TerraformError> {
        let text = std::fs::read(file).map_err(|source| TerraformError::Read { file: file.to_path_buf(), source })?;
        Self::parse(&text, file)
    }

    /// Reads what `terraform output -json` printed; `file` is for messages.
    ///
    /// # Errors
    /// [`TerraformError::Shape`].
    pub fn parse(text: &[u8], file: &Path) -> Result<Self, TerraformError> {
        let shape = |problem: String| TerraformError::Shape { file: file.to_path_buf(), problem };
        let text = decode(text).map_err(shape)?;
        let outputs: BTreeMap<String, Output> =
            serde_json::from_str(&text).map_err(|error| shape(error.to_string()))?;
        let values = outputs.into_iter().map(|(name, output)| (name, output.value)).collect();
        Ok(Self { file: file.to_path_buf(), values })
    }

    /// The outputs that are strings, by name.
    pub fn strings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// The value of an output that is a string, or a number (`time_static.apply.unix`).
    ///
    /// # Errors
    /// [`TerraformError::Missing`] and [`TerraformError::NotAString`].
    pub fn get(&self, name: &str) -> Result<String, TerraformError> {
        let (file, name) = (|| self.file.clone(), || name.to_owned());
        let kind = match self.values.get(&name()) {
            Some(Value::String(value)) => return Ok(value.clone()),
            Some(Value::Number(value)) => return Ok(value.to_string()),
            None => {
                let names = self.values.keys().cloned().collect();
                return Err(TerraformError::Missing { file: file(), name: name(), names });
            }
            Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Array(_)) => "a list",
            Some(Value::Object(_)) => "an object",
        };
        Err(TerraformError::NotAString { file: file(), name: name(), kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{
        "ecs_cluster_name": {"sensitive": false, "type": "string", "value": "production"},
        "apply_began": {"sensitive": false, "type": "number", "value": 1801612800},
        "subnets": {"sensitive": false, "type": ["list", "string"], "value": ["subnet-1"]}
    }"#;

    fn parse(text: &str) -> Result<Outputs, TerraformError> {
        Outputs::parse(text.as_bytes(), Path::new("outputs.json"))
    }

    #[test]
    fn strings_and_numbers_are_found_by_name() -> Result<(), TerraformError> {
        let outputs = parse(PRINTED)?;
        assert_eq!(outputs.get("ecs_cluster_name")?, "production");
        assert_eq!(outputs.get("apply_began")?, "1801612800");
        Ok(())
    }

    #[test]
    fn errors_say_what_to_do() -> Result<(), TerraformError> {
        let outputs = parse(PRINTED)?;
        let said = |result: Result<String, TerraformError>| result.map_err(|error| error.to_string());
        insta::assert_debug_snapshot!(said(outputs.get("cluster")), @r#"
        Err(
            "outputs.json has no output `cluster`; it has apply_began, ecs_cluster_name, subnets: use one of them, or declare the output in the root module and apply it",
        )
        "#);
        insta::assert_debug_snapshot!(said(outputs.get("subnets")), @r#"
        Err(
            "the output `subnets` of outputs.json is a list, and a string is needed: name an output that is one, e.g. an attribute of it",
        )
        "#);
        insta::assert_debug_snapshot!(said(parse("{}")?.get("cluster")), @r#"
        Err(
            "outputs.json has no output `cluster`; it has no outputs at all: declare them in the root module and apply it",
        )
        "#);
        insta::assert_debug_snapshot!(parse(r#"{"cluster": "production"}"#).map_err(|error| error.to_string()), @r#"
        Err(
            "outputs.json is not what `terraform output -json` prints: invalid type: string \"production\", expected struct Output at line 1 column 24; write it with `terraform output -json > outputs.json`",
        )
        "#);
        let missing = said(Outputs::read(Path::new("no-such-outputs.json")).map(|_| String::new())).unwrap_err();
        assert!(missing.contains("no-such-outputs.json") && missing.contains("terraform output -json"), "{missing}");
        Ok(())
    }
}
