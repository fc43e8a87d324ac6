//! Arguments of the verbs that make bundles.

use std::path::PathBuf;

use clap::Args;

use super::args::{
    AwsArgs, BundleOutput, ConfigArg, ExpectArgs, JudgeArgs, LockArgs, PaceArgs, ReportArgs, TargetArgs,
};
use crate::format::TextFormat;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The case
    #[arg(default_value = "circuit-breaker-rollback")]
    pub(crate) case: String,
    /// List the cases
    #[arg(long)]
    pub(crate) list: bool,
    /// Playback speed: 20 plays it 20 times as fast as it happened
    #[arg(long, default_value_t = 20.0, value_name = "FACTOR")]
    pub(crate) speed: f64,
    #[command(flatten)]
    pub(crate) output: BundleOutput,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Collect {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Collect nothing: print the calls that would be made, and the least IAM policy that allows them
    #[arg(long, conflicts_with = "record")]
    pub(crate) dry_run: bool,
    /// How the dry run is printed
    #[arg(long, value_enum, default_value_t = TextFormat::Terminal, requires = "dry_run")]
    pub(crate) format: TextFormat,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) output: BundleOutput,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The recording: its folder, or a folder of AWS CLI outputs
    pub(crate) dir: PathBuf,
    /// The service to judge, if the recording has several
    #[arg(long)]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) output: BundleOutput,
    #[command(flatten)]
    pub(crate) expect: ExpectArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Expect no rollout: judge the present state of the service, and what happened to it since, e.g. after a soak
    #[arg(long, conflicts_with_all = ["require_rollout", "started_after"])]
    pub(crate) recheck: bool,
    /// After a failure, do not wait for the last log lines of the tasks that died
    #[arg(long, help_heading = "Time")]
    pub(crate) no_grace: bool,
    #[command(flatten)]
    pub(crate) output: BundleOutput,
    /// Add the bundle and the verdict to this archive: a folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", env = "CASEFILE_ARCHIVE")]
    pub(crate) archive: Option<String>,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}
