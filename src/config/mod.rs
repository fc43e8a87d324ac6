//! `casefile.toml`: read strictly, so that a misspelt key is an error and never a setting that is ignored.

mod collect;
mod redact;
mod train;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use casefile_analyzer::{CheckSettings, RolloutSettings, Settings, Signature, SpecError};
use casefile_fixtures::cases;
use casefile_gate::Policy;
pub(crate) use collect::CollectSection;
use redact::RedactSection;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
pub(crate) use train::read_train;

use crate::error::Error;

/// The file that is read where no `--config` names one.
pub(crate) const DEFAULT_FILE: &str = "casefile.toml";

/// The whole config, as written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) runbook: Option<String>,
    #[serde(default)]
    pub(crate) target: TargetSection,
    #[serde(default)]
    pub(crate) collect: CollectSection,
    #[serde(default, skip_serializing_if = "RedactSection::is_empty")]
    pub(crate) redact: RedactSection,
    #[serde(default, skip_serializing_if = "RolloutSection::is_default")]
    pub(crate) rollout: RolloutSection,
    #[serde(default)]
    pub(crate) signature: Vec<Signature>,
    #[serde(default)]
    pub(crate) checks: BTreeMap<String, CheckSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gate: Option<Policy>,
}

/// `[target]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetSection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect_task_definition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect_service_deployment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect_deployment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "a_moment")]
    pub(crate) started_after: Option<String>,
    /// It is a failure that nothing was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) require_rollout: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) expect_image_digest: Vec<String>,
    #[serde(default)]
    pub(crate) terraform: TerraformSection,
}

/// A moment as TOML may have it: a text, a time of its own, or seconds since 1970.
fn a_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "started_after is a time: write e.g. 2026-11-23T07:43:00Z, or seconds since 1970")]
    enum Moment {
        Text(String),
        Seconds(i64),
        Time(toml::value::Datetime),
    }
    Ok(Some(match Moment::deserialize(deserializer)? {
        Moment::Text(text) => text,
        Moment::Seconds(seconds) => seconds.to_string(),
        Moment::Time(time) => time.to_string(),
    }))
}

/// `[target.terraform]`: names of `terraform output` values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TerraformSection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect_task_definition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect_service_deployment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect_deployment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect_image_digest: Option<String>,
}

/// `[rollout]`: the trouble that a successful rollout may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolloutSection {
    /// How many tasks may die by their own fault before the rollout completes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tolerated_deaths: Option<u32>,
}

impl RolloutSection {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An error in a TOML file, with its line.
fn located(text: &str, name: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map_or(1, |span| line_at(text, span.start));
    let problem = SpecError::new(name, error.message(), "").at(u64::try_from(line).unwrap_or(1));
    Error::Analyze(vec![problem].into())
}

/// The number of the line that a byte is in.
fn line_at(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

/// A config and where it came from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// `None` where there is no config at all.
    pub(crate) origin: Option<Origin>,
}

/// Where a config came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file.
    File(PathBuf),
    /// The bundle that it was sealed into.
    Bundle,
    /// A case of the corpus in this program.
    Case(cases::ConfigFile),
}

impl Config {
    /// Reads a config file's text; messages use `name`.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|error| located(text, name, &error))?;
        if let Some(policy) = &config.gate {
            policy.validate().map_err(|error| Error::usage(format!("{name}: [gate]: {}", error.problem())))?;
        }
        Ok(config)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                Error::usage(format!("the config {} does not exist: check its path, or write the file", path.display()))
            }
            _ => Error::usage(format!("cannot read the config {}: {source}", path.display())),
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// The settings of the analyzer.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            service: self.service.clone(),
            owner: self.owner.clone(),
            runbook: self.runbook.clone(),
            rollout: RolloutSettings {
                tolerated_deaths: self.rollout.tolerated_deaths,
                fail_fast: self.collect.fail_fast,
            },
            signature: self.signature.clone(),
            checks: self.checks.clone(),
        }
    }

    /// As it is sealed into a bundle.
    pub(crate) fn to_value(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(Error::internal)
    }
}

impl Loaded {
    /// Adds the file and the line to errors of settings.
    pub(crate) fn locate(&self, errors: Vec<SpecError>) -> Vec<SpecError> {
        let (path, text) = match &self.origin {
            Some(Origin::File(path)) => (path, std::fs::read_to_string(path).unwrap_or_default()),
            Some(Origin::Case(file)) => (&file.path, file.text.clone()),
            Some(Origin::Bundle) | None => return errors,
        };
        let located = errors.into_iter().map(|mut error| {
            if error.file == DEFAULT_FILE {
                error.file = path.display().to_string();
                // The problem quotes the id of the signature or check that it is about.
                let id = error.problem.split('"').nth(1).map(|id| format!("\"{id}\""));
                let line = id.and_then(|id| text.lines().position(|line| line.contains(&id)));
                error.line = error.line.or(line.map(|line| line as u64 + 1));
            }
            error
        });
        located.collect()
    }

    /// The config that `--config` names, else ./casefile.toml where it exists, else an empty one.
    pub(crate) fn find(flag: Option<&Path>) -> Result<Self, Error> {
        let default = Path::new(DEFAULT_FILE);
        let path = match flag {
            Some(path) => path,
            None if default.exists() => default,
            None => return Ok(Self::default()),
        };
        Ok(Self { config: Config::read(path)?, origin: Some(Origin::File(path.to_owned())) })
    }

    /// For judging a case of the corpus in this program: `--config`, else the config that the case names.
    pub(crate) fn for_case(flag: Option<&Path>, case: &cases::Case) -> Result<Self, Error> {
        match (flag, case.config()) {
            (None, Some(file)) => {
                let config = Config::parse(&file.text, &file.path.display().to_string())?;
                Ok(Self { config, origin: Some(Origin::Case(file)) })
            }
            (flag, _) => Self::find(flag),
        }
    }

    /// For judging a bundle: `--config`, else the config that was sealed into it, so that the
    /// verdict does not depend on where it is asked for; only a bundle without one takes ./casefile.toml.
    pub(crate) fn for_bundle(flag: Option<&Path>, sealed: Option<&Value>) -> Result<Self, Error> {
        match (flag, sealed) {
            (None, Some(sealed)) => {
                let config = serde_json::from_value(sealed.clone())
                    .map_err(|error| Error::usage(format!("the config sealed into the bundle cannot be read by this casefile ({error}): give one with --config")))?;
                Ok(Self { config, origin: Some(Origin::Bundle) })
            }
            _ => Self::find(flag),
        }
    }

    pub(crate) fn sealed_value(&self) -> Result<Option<Value>, Error> {
        self.origin.as_ref().map(|_| self.config.to_value()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let error = Config::parse("service = \"a\"\n\n[collect]\ntimeuot = \"3m\"\n", "casefile.toml").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("casefile.toml:4: "), "{text}");
        assert!(text.contains("timeuot"), "{text}");
        assert_eq!(error.exit() as u8, 2);
    }

    #[test]
    fn a_moment_may_be_written_as_toml_has_it() {
        let of = |text: &str| Config::parse(&format!("[target]\nstarted_after = {text}\n"), "casefile.toml");
        for (text, read) in [
            ("\"2026-11-23T07:43:00Z\"", "2026-11-23T07:43:00Z"),
            ("2026-11-23T07:43:00Z", "2026-11-23T07:43:00Z"),
            ("1795419780", "1795419780"),
        ] {
            assert_eq!(of(text).unwrap().target.started_after.as_deref(), Some(read));
        }
        assert!(of("true").unwrap_err().to_string().contains("started_after is a time"));
    }

    #[test]
    fn one_off_tasks_are_named_one_way() {
        let text = "[collect]\nlog_groups = [\"/ecs/extra\"]\ntasks = [{ family = \"migrate\", since = \"20m\" }, { started_by = \"ci\" }]\n";
        let config = Config::parse(text, "casefile.toml").unwrap();
        let selectors: Vec<String> = config.collect.selectors().iter().map(ToString::to_string).collect();
        assert_eq!(selectors, ["family migrate", "startedBy ci"]);
        assert_eq!(config.collect.selectors()[0].since_ms, 20 * 60 * 1000);
        let sealed = config.to_value().unwrap();
        assert_eq!(Loaded::for_bundle(None, Some(&sealed)).unwrap().config, config);
        for wrong in ["{}", "{ family = \"a\", started_by = \"b\" }", "{ family = \"\" }"] {
            let error = Config::parse(&format!("[collect]\ntasks = [{wrong}]\n"), "casefile.toml").unwrap_err();
            assert!(error.to_string().starts_with("casefile.toml:2: collect.tasks names"), "{error}");
        }
    }

    #[test]
    fn what_is_sealed_is_read_back() {
        let text = "service = \"a\"\n[collect]\ntimeout = \"2m 30s\"\npoll = \"250ms\"\n[checks.\"rollout.completed\"]\nlevel = \"advise\"\n";
        let config = Config::parse(text, "casefile.toml").unwrap();
        let sealed = config.to_value().unwrap();
        assert_eq!(sealed["collect"]["timeout"], "150s");
        let loaded = Loaded::for_bundle(None, Some(&sealed)).unwrap();
        assert_eq!((loaded.config, loaded.origin), (config, Some(Origin::Bundle)));
    }
}
