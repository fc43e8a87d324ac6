//! Arguments of `archive`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::{ArchiveArg, ConfigArg, LockArgs, PackArgs};
use crate::format::{RolesFormat, StatsFormat, TableFormat, TextFormat};
use crate::place::parse_bundle;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Archive {
    #[command(subcommand)]
    pub(crate) verb: ArchiveVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ArchiveVerb {
    /// Add a bundle, and verdicts about it; what the archive has already stays
    Add {
        /// The bundle
        #[arg(value_parser = parse_bundle)]
        bundle: PathBuf,
        /// Verdicts about it, as `--report json=FILE` writes them
        verdicts: Vec<PathBuf>,
        #[command(flatten)]
        archive: ArchiveArg,
        #[command(flatten)]
        lock: LockArgs,
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        pack: PackArgs,
    },
    /// List deployments, newest first
    List {
        #[command(flatten)]
        archive: ArchiveArg,
        #[command(flatten)]
        filter: FilterArgs,
        /// Write the result to this file [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// How the result is printed
        #[arg(long, value_enum, default_value_t = TableFormat::Terminal)]
        format: TableFormat,
    },
    /// Check every bundle and verdict against its digest, and the index against them
    Verify {
        #[command(flatten)]
        archive: ArchiveArg,
        /// Read only this many bundles
        #[arg(long, value_name = "N")]
        sample: Option<usize>,
        /// Chooses the sample
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// Keep the names of sound bundles in this file; a further run does not read them again
        #[arg(long, value_name = "FILE")]
        resume: Option<PathBuf>,
        /// How the result is printed
        #[arg(long, value_enum, default_value_t = TextFormat::Terminal)]
        format: TextFormat,
    },
    /// Say whether a deployment was good or bad, as it turned out afterwards: for backtest and mine
    Label {
        /// The bundle's digest, or its first digits
        digest: String,
        /// Whether the deployment succeeded
        #[arg(long, value_parser = ["good", "bad"])]
        truth: String,
        /// How that is known, e.g. the incident's number
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// Who says it [default: $GITLAB_USER_LOGIN, or else $USER]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        archive: ArchiveArg,
    },
    /// Make the index again, from the bundles and verdicts
    Index {
        #[command(flatten)]
        archive: ArchiveArg,
    },
    /// Write a bundle of the archive to a file
    Fetch {
        /// The bundle's digest, or its first digits
        digest: String,
        #[command(flatten)]
        archive: ArchiveArg,
        /// The file [default: DIGEST.tar]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Bring the compacted copy up to date: the tables of all bundles in few files, for other engines and `query --archive`
    #[command(
        after_help = "Example:\n  casefile archive compact --archive s3://evidence/casefile\n  duckdb -c \"SELECT service, count(*) FROM read_parquet('kept/tables/log_events/*/*.parquet') GROUP BY 1\"\n  casefile archive compact --archive s3://evidence/casefile --athena > tables.sql"
    )]
    Compact {
        #[command(flatten)]
        archive: ArchiveArg,
        /// Rewrite every month
        #[arg(long)]
        whole: bool,
        /// Write nothing: print the tables as Amazon Athena declares them
        #[arg(long, conflicts_with = "whole")]
        athena: bool,
    },
    /// Print the least IAM policies for those who work with an archive in S3
    Roles {
        #[command(flatten)]
        archive: ArchiveArg,
        /// The KMS key that verdicts are signed with
        #[arg(long, value_name = "ARN")]
        kms_key: Option<String>,
        /// The KMS key that waivers are signed with
        #[arg(long, value_name = "ARN")]
        waiver_kms_key: Option<String>,
        /// With the right to set a retention (`--lock` of `archive add` and `validate`)
        #[arg(long)]
        lock: bool,
        /// How they are printed
        #[arg(long, value_enum, default_value_t = RolesFormat::Json)]
        format: RolesFormat,
    },
    /// How many deployments were decided, how fast, and which checks fail and gaps recur
    Stats {
        #[command(flatten)]
        archive: ArchiveArg,
        #[command(flatten)]
        filter: FilterArgs,
        /// Write the result to this file [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// How the result is printed
        #[arg(long, value_enum, default_value_t = StatsFormat::Terminal)]
        format: StatsFormat,
    },
}

/// Which deployments of an archive.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// The service's name
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// The AWS region
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// From this day on (UTC), e.g. 2026-11-01
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) since: Option<String>,
    /// Up to this day (UTC)
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub(crate) until: Option<String>,
    /// The verdict: pass, fail, inconclusive, error, or none
    #[arg(long, value_parser = ["pass", "fail", "inconclusive", "error", "none"])]
    pub(crate) verdict: Option<String>,
    /// The release's name
    #[arg(long)]
    pub(crate) release: Option<String>,
}

impl FilterArgs {
    /// All deployments of a service.
    pub(crate) fn service(name: &str) -> Self {
        Self { service: Some(name.to_owned()), ..Self::default() }
    }
}

fn parse_date(text: &str) -> Result<String, String> {
    let date: Result<jiff::civil::Date, _> = text.parse();
    date.map(|date| date.to_string()).map_err(|_| format!("{text:?} is not a date such as 2026-11-01"))
}
