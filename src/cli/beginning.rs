//! Arguments of the verbs that come before the first deployment.

use std::path::PathBuf;

use clap::Args;

use super::args::{ConfigArg, ConnectArgs, TargetArgs};
use crate::format::TableFormat;
use crate::place::parse_bundle;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The service's name or ARN [default: the only one of the cluster]
    #[arg(long, help_heading = "Target")]
    pub(crate) service: Option<String>,
    /// The cluster's name or ARN [default: the only one of the region]
    #[arg(long, help_heading = "Target")]
    pub(crate) cluster: Option<String>,
    /// The AWS region
    #[arg(long, help_heading = "Target")]
    pub(crate) region: Option<String>,
    /// The output of `terraform output -json`: the target is taken from its names and ARNs
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub(crate) terraform_output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Read the service and its logs from this bundle instead of AWS
    #[arg(long, value_name = "BUNDLE", value_parser = parse_bundle, conflicts_with_all = ["service", "cluster", "region", "profile", "endpoint_url"])]
    pub(crate) from: Option<PathBuf>,
    /// Propose this framework's signatures for the first essential container, even if its logs do not show it; may be given
    /// several times
    #[arg(long, value_name = "NAME")]
    pub(crate) framework: Vec<String>,
    /// List the frameworks and their signatures
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
    /// Write the config to this file; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "casefile.toml")]
    pub(crate) output: PathBuf,
    /// Another clock, as ORIGIN@SPEED: for played rollouts
    #[arg(long, value_name = "RFC3339@SPEED", hide = true)]
    pub(crate) clock: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// Also check that bundles can be added to this archive: a folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", env = "CASEFILE_ARCHIVE")]
    pub(crate) archive: Option<String>,
    /// Also check that a bundle can be written here
    #[arg(long, value_name = "PATH")]
    pub(crate) bundle: Option<PathBuf>,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TableFormat::Terminal)]
    pub(crate) format: TableFormat,
    /// Another clock, as ORIGIN@SPEED: for played rollouts
    #[arg(long, value_name = "RFC3339@SPEED", hide = true)]
    pub(crate) clock: Option<String>,
}
