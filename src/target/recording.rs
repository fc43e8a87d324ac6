//! The config and the target of a recording: flags win over the recording, the recording over the config.

use std::path::Path;

use casefile_collector::normalise::About;
use casefile_collector::recording::RecordingInfo;

use super::{expected, ingestion_grace, is_of, millis, stable_for};
use crate::cli::ExpectArgs;
use crate::config::{Config, Loaded, Origin};
use crate::error::Error;

/// The config: what `--config` names, else the recording's own, else ./casefile.toml.
pub(crate) fn recording_config(dir: &Path, info: &RecordingInfo, flag: Option<&Path>) -> Result<Loaded, Error> {
    match (flag, &info.config) {
        (None, Some(named)) => {
            let path = dir.join(named);
            Ok(Loaded { config: Config::read(&path)?, origin: Some(Origin::File(path)) })
        }
        (flag, _) => Loaded::find(flag),
    }
}

/// The target of a recording, as the normaliser needs it.
pub(crate) fn recording_about(
    service: &Option<String>,
    expect: &ExpectArgs,
    info: &RecordingInfo,
    config: &Config,
) -> Result<About, Error> {
    let pick = |flag: &Option<String>, recorded: &Option<String>, set: &Option<String>| {
        flag.clone().or_else(|| recorded.clone()).or_else(|| set.clone())
    };
    let target = &config.target;
    let about = About {
        service: pick(service, &info.service, &target.service).unwrap_or_default(),
        cluster: pick(&None, &info.cluster, &target.cluster),
        region: pick(&None, &info.region, &target.region),
        account: pick(&None, &info.account, &target.account),
        expected: expected::of_recording(expect, info.expected(), config)?,
        ingestion_grace_ms: info.ingestion_grace_ms.unwrap_or_else(|| millis(ingestion_grace(None, config))),
        stable_for_ms: info.stable_for_ms.unwrap_or_else(|| millis(stable_for(None, config))),
        tasks: config.collect.selectors(),
        log_groups: config.collect.log_groups.clone(),
    };
    is_of(&about)?;
    Ok(about)
}
