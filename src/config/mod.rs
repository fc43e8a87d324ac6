//! `casefile.toml`: read strictly, so that a misspelt key is an error and never a setting that is ignored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use casefile_analyzer::{CheckSettings, Pack, RolloutSettings, Settings, Signature, SpecError};
use casefile_collector::aws::Quotas;
use casefile_collector::collect::LogBudget;
use casefile_collector::document::Operation;
use casefile_collector::normalise::{TaskChoice, TaskSelector};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::ExpectArgs;
use crate::error::Error;
use crate::expected;
use crate::redaction::RedactSection;

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

/// `[rollout]`: what a rollout may go through and still be a success.
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

/// `[collect]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectSection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) poll: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stable_for: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ingestion_grace: Option<Span>,
    /// The first death of a task is a failure, whatever becomes of the rollout.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fail_fast: bool,
    /// Log groups besides those that the task definitions name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) log_groups: Vec<String>,
    /// One-off tasks besides the service's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tasks: Vec<OneOffTasks>,
    /// The share of AWS's quotas that is used, above 0 and at most 1; the rest is left to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quota_share: Option<f64>,
    /// Quotas of the account that differ from AWS's own, in calls a second, by operation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) quotas: BTreeMap<String, f64>,
    /// No more log lines than this are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_lines: Option<u64>,
    /// No more bytes of log lines than this are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_log_bytes: Option<u64>,
}

/// `[[collect.tasks]]`: one-off tasks, by their family or by who started them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOffTasksAsWritten", into = "OneOffTasksAsWritten")]
pub(crate) struct OneOffTasks {
    pub(crate) selector: TaskSelector,
    since: Option<Span>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneOffTasksAsWritten {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_by: Option<String>,
    /// How long before the deployment's creation they may have been started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Span>,
}

impl TryFrom<OneOffTasksAsWritten> for OneOffTasks {
    type Error = String;

    fn try_from(written: OneOffTasksAsWritten) -> Result<Self, String> {
        let OneOffTasksAsWritten { family, started_by, since } = written;
        let selector = match (family, started_by) {
            (Some(family), None) if !family.trim().is_empty() => TaskSelector::family(family),
            (None, Some(started_by)) if !started_by.trim().is_empty() => TaskSelector::started_by(started_by),
            _ => return Err("collect.tasks names tasks by either family = \"...\" or started_by = \"...\"".to_owned()),
        };
        let selector = match since {
            Some(span) => selector.since_ms(i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX)),
            None => selector,
        };
        Ok(Self { selector, since })
    }
}

impl From<OneOffTasks> for OneOffTasksAsWritten {
    fn from(tasks: OneOffTasks) -> Self {
        let (family, started_by) = match tasks.selector.choice {
            TaskChoice::Family(family) => (Some(family), None),
            TaskChoice::StartedBy(started_by) => (None, Some(started_by)),
        };
        Self { family, started_by, since: tasks.since }
    }
}

impl CollectSection {
    /// How fast AWS may be asked.
    pub(crate) fn quotas(&self) -> Result<Quotas, Error> {
        let mut quotas = Quotas::default();
        if let Some(share) = self.quota_share {
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::usage(format!("[collect] quota_share = {share} is not above 0 and at most 1")));
            }
            quotas.share = share;
        }
        for (name, rate) in &self.quotas {
            let operation = Operation::by_name(name).ok_or_else(|| {
                let known: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
                Error::usage(format!(
                    "[collect.quotas] {name} is no operation that is asked; they are {}",
                    known.join(", ")
                ))
            })?;
            if !(*rate > 0.0 && rate.is_finite()) {
                return Err(Error::usage(format!("[collect.quotas] {name} = {rate}: write calls a second, above 0")));
            }
            quotas.own.insert(operation, *rate);
        }
        Ok(quotas)
    }

    pub(crate) fn budget(&self) -> LogBudget {
        LogBudget { lines: self.max_lines, bytes: self.max_log_bytes }
    }

    pub(crate) fn selectors(&self) -> Vec<TaskSelector> {
        self.tasks.iter().map(|tasks| tasks.selector.clone()).collect()
    }
}

/// No deployment is watched for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A length of time as people write it: `180s`, `2m`, `1m 30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
        match parsed {
            Some(span) if span > LONGEST => Err(format!("{text:?} is longer than a day")),
            Some(span) => Ok(Self(span)),
            None => Err(format!("{text:?} is not a length of time: write e.g. \"180s\" or \"3m\"")),
        }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (seconds, 0) => write!(f, "{seconds}s"),
            (0, millis) => write!(f, "{millis}ms"),
            (seconds, millis) => write!(f, "{seconds}s {millis}ms"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
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
}

impl Config {
    /// Reads a config file's text; `name` is what messages call it.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Error::usage(format!("{name}:{line}: {}", error.message()))
        })
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::usage(format!(
                "the config {} does not exist: give --config another file, or write it",
                path.display()
            )),
            _ => Error::usage(format!("cannot read the config {}: {source}", path.display())),
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// What the analyzer needs of it.
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
    /// Says of what is wrong with a setting in which file it stands, and on which line.
    pub(crate) fn locate(&self, errors: Vec<SpecError>) -> Vec<SpecError> {
        let Some(Origin::File(path)) = &self.origin else { return errors };
        let text = std::fs::read_to_string(path).unwrap_or_default();
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

    /// Checks the settings, before anything is done with them.
    pub(crate) fn check(&self, pack: &Pack) -> Result<(), Error> {
        self.config.settings().validate(pack).map_err(|errors| Error::Analyze(self.locate(errors).into()))?;
        // That of a bundle was checked when it was sealed.
        if self.origin == Some(Origin::Bundle) { Ok(()) } else { self.check_target() }
    }

    /// Checks `[target]`, as far as it does not depend on flags.
    pub(crate) fn check_target(&self) -> Result<(), Error> {
        let checked = expected::decide(&ExpectArgs::default(), None, &self.config).map(drop);
        match &self.origin {
            Some(Origin::File(path)) => {
                checked.map_err(|error| Error::usage(format!("{}: [target]: {error}", path.display())))
            }
            _ => checked,
        }
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

    /// For judging a bundle: what `--config` names, else the config that was sealed into it, so that the
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
