//! Decides the target and the times of a collection: flags win over Terraform's outputs, those
//! over the config.

mod ci;
mod expected;
mod pick;
mod recording;

use std::sync::Arc;
use std::time::Duration;

use casefile_analyzer::Pack;
use casefile_collector::clock::{Clock, ScaledClock, SystemClock};
use casefile_collector::collect::{Named, OVERTIME, Pace};
use casefile_collector::normalise::{About, TaskSelector};
use casefile_collector::terraform::Outputs;
use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Expected;
use casefile_fixtures::cases::ConfigFile;
pub(crate) use ci::{ci_identity, pipeline, release_in_ci, variable};
pub(crate) use expected::{has_begun, is_of};
use pick::pick;
pub(crate) use recording::{recording_about, recording_config};

use crate::cli::{ExpectArgs, PaceArgs, TargetArgs};
use crate::config::{Config, Loaded, Origin, TerraformSection};
use crate::error::Error;
use crate::span::Span;

/// The default timeout: behind a load balancer a healthy rolling update takes ten minutes.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);
const POLL: Duration = Duration::from_secs(5);
const STABLE_FOR: Duration = Duration::from_secs(30);
const INGESTION_GRACE: Duration = Duration::from_secs(10);

/// Times, decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) pace: Pace,
    pub(crate) stable_for: Duration,
    pub(crate) ingestion_grace: Duration,
}

impl Times {
    pub(crate) fn decide(args: &PaceArgs, config: &Config) -> Result<Self, Error> {
        let poll = args.poll.or(config.collect.poll).map_or(POLL, |span| span.0);
        if poll.is_zero() {
            return Err(Error::usage("--poll must be longer than nothing, e.g. 5s"));
        }
        Ok(Self {
            pace: Pace { timeout: timeout(args.timeout, config), poll, overtime: OVERTIME },
            stable_for: stable_for(args.stable_for, config),
            ingestion_grace: ingestion_grace(args.ingestion_grace, config),
        })
    }
}

/// How long a collection may take.
pub(crate) fn timeout(flag: Option<Span>, config: &Config) -> Duration {
    flag.or(config.collect.timeout).map_or(TIMEOUT, |span| span.0)
}

/// How long a log line may take to arrive.
pub(crate) fn ingestion_grace(flag: Option<Span>, config: &Config) -> Duration {
    flag.or(config.collect.ingestion_grace).map_or(INGESTION_GRACE, |span| span.0)
}

/// How long the service is watched after the rollout completed.
pub(crate) fn stable_for(flag: Option<Span>, config: &Config) -> Duration {
    flag.or(config.collect.stable_for).map_or(STABLE_FOR, |span| span.0)
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The target, decided. The region may still be left to AWS's own settings.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) named: Named,
    pub(crate) region: Option<String>,
    pub(crate) expected: Expected,
    /// A warning about outputs that the config names and that are ignored.
    pub(crate) unused: Option<String>,
    account: Option<String>,
    tasks: Vec<TaskSelector>,
    log_groups: Vec<String>,
}

impl Target {
    pub(crate) fn decide(args: &TargetArgs, config: &Config) -> Result<Self, Error> {
        let outputs = args.terraform_output.as_deref().map(Outputs::read).transpose()?;
        let names = &config.target.terraform;
        let is_named = *names != TerraformSection::default();
        if let Some(file) = args.terraform_output.as_deref().filter(|_| !is_named) {
            return Err(Error::usage(format!(
                "--terraform-output {} has no effect: name its outputs in [target.terraform] of the config, e.g. \
                 expect_task_definition = \"task_definition_arn\"",
                file.display()
            )));
        }
        let pick = |flag, output, set| pick(outputs.as_ref(), flag, output, set);
        let set = &config.target;
        let service = pick(&args.service, &names.service, &set.service)?.or_else(|| config.service.clone());
        let service = service.ok_or_else(|| Error::usage(missing("service")))?;
        let cluster =
            pick(&args.cluster, &names.cluster, &set.cluster)?.ok_or_else(|| Error::usage(missing("cluster")))?;
        Ok(Self {
            region: pick(&args.region, &names.region, &set.region)?,
            account: set.account.clone(),
            tasks: config.collect.selectors(),
            log_groups: config.collect.log_groups.clone(),
            expected: expected::decide(&args.expect, outputs.as_ref(), config)?,
            unused: outputs.is_none().then(|| expected::unused(&args.expect, config)).flatten(),
            named: Named { cluster, service },
        })
    }

    /// The target, as the normaliser needs it.
    pub(crate) fn about(&self, region: &str, times: &Times) -> About {
        About {
            service: self.named.service.clone(),
            cluster: Some(self.named.cluster.clone()),
            region: Some(region.to_owned()),
            account: self.account.clone(),
            expected: self.expected.clone(),
            ingestion_grace_ms: millis(times.ingestion_grace),
            stable_for_ms: millis(times.stable_for),
            tasks: self.tasks.clone(),
            log_groups: self.log_groups.clone(),
        }
    }
}

fn missing(what: &str) -> String {
    format!(
        "nothing says which {what}: give --{what}, `{what}` in [target] of casefile.toml, or the name of a Terraform \
         output in [target.terraform] together with --terraform-output"
    )
}

/// Checks a config, before anything is done with it. The `[target]` of a bundle was checked when it was sealed.
pub(crate) fn check(loaded: &Loaded, pack: &Pack) -> Result<(), Error> {
    loaded.config.settings().validate(pack).map_err(|errors| Error::Analyze(loaded.locate(errors).into()))?;
    if loaded.origin == Some(Origin::Bundle) { Ok(()) } else { check_target(loaded) }
}

/// Checks `[target]`, as far as it does not depend on flags.
pub(crate) fn check_target(loaded: &Loaded) -> Result<(), Error> {
    let checked = expected::decide(&ExpectArgs::default(), None, &loaded.config).map(drop);
    match &loaded.origin {
        Some(Origin::File(path) | Origin::Case(ConfigFile { path, .. })) => {
            checked.map_err(|error| Error::usage(format!("{}: [target]: {error}", path.display())))
        }
        _ => checked,
    }
}

/// The clock of the run.
pub(crate) fn clock(args: &PaceArgs) -> Result<Arc<dyn Clock>, Error> {
    clock_of(args.clock.as_deref())
}

/// The clock of `--clock`.
pub(crate) fn clock_of(text: Option<&str>) -> Result<Arc<dyn Clock>, Error> {
    let Some(text) = text else { return Ok(Arc::new(SystemClock)) };
    let parsed = text.split_once('@').and_then(|(origin, speed)| {
        Some((Timestamp::parse(origin).ok()?, speed.parse::<f64>().ok().filter(|speed| *speed > 0.0)?))
    });
    let (origin, speed) = parsed
        .ok_or_else(|| Error::usage(format!("--clock {text:?} is not ORIGIN@SPEED, e.g. 2026-11-23T07:43:00Z@60")))?;
    Ok(Arc::new(ScaledClock::new(origin, speed)))
}
