//! Arguments that several verbs take.

use std::path::PathBuf;

use casefile_collector::aws::{ConnectOptions, Lock, LockMode};
use clap::{Args, ValueEnum};

use crate::format::Format;
use crate::place::parse_bundle;
use crate::span::Span;

/// The service's config.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArg {
    /// The service's config [default: of a bundle or recording the one sealed into it, else ./casefile.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Which checks judge.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PackArgs {
    /// A folder of check files to use instead of the built-in checks
    #[arg(long, value_name = "DIR")]
    pub(crate) queries: Option<PathBuf>,
    /// A folder of check files to add; a file replaces the built-in check with the same id
    #[arg(long, value_name = "DIR")]
    pub(crate) extra_queries: Option<PathBuf>,
}

/// The query engine.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EngineArgs {
    /// Threads of the query engine; the result is the same with any number [default: the processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), hide_short_help = true)]
    pub(crate) threads: Option<u16>,
}

/// The rules of the verdict: config, checks, engine.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct JudgeArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) pack: PackArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// The archive.
#[derive(Debug, Clone, Args)]
pub(crate) struct ArchiveArg {
    /// The archive: a folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", env = "CASEFILE_ARCHIVE")]
    pub(crate) archive: String,
}

/// The retention of what is added to an archive in S3.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct LockArgs {
    /// S3 Object Lock: who can lift the retention; the bucket must have Object Lock. Not needed where the bucket has a
    /// default retention
    #[arg(long, value_enum, value_name = "MODE", requires = "lock_days")]
    pub(crate) lock: Option<LockModeArg>,
    /// How many days the retention holds
    #[arg(long, value_name = "N", requires = "lock", value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) lock_days: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LockModeArg {
    /// Who has s3:BypassGovernanceRetention
    Governance,
    /// Nobody
    Compliance,
}

impl LockArgs {
    pub(crate) fn lock(self) -> Option<Lock> {
        let mode = match self.lock? {
            LockModeArg::Governance => LockMode::Governance,
            LockModeArg::Compliance => LockMode::Compliance,
        };
        Some(Lock { mode, days: self.lock_days? })
    }
}

/// An archive that a bundle may be in.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FromArchive {
    /// The archive: a folder, or s3://BUCKET/PREFIX. What it has is named by the first digits of its digest
    #[arg(long, value_name = "PLACE", env = "CASEFILE_ARCHIVE")]
    pub(crate) archive: Option<String>,
}

/// The bundle that a verb reads.
#[derive(Debug, Clone, Args)]
pub(crate) struct BundleArg {
    /// The bundle: its path; archive://PLACE#DIGEST; or, with --archive, the first digits of its digest
    #[arg(id = "bundle", value_name = "BUNDLE", value_parser = parse_bundle)]
    pub(crate) named: PathBuf,
    #[command(flatten)]
    pub(crate) from: FromArchive,
}

/// Where a bundle goes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BundleOutput {
    /// Where the bundle goes: a folder, a .tar file, or s3://BUCKET/KEY
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
}

/// Which service, and which release of it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetArgs {
    /// The service's name or ARN
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// The cluster's name or ARN
    #[arg(long)]
    pub(crate) cluster: Option<String>,
    /// The AWS region
    #[arg(long)]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) expect: ExpectArgs,
    /// The output of `terraform output -json`; [target.terraform] of the config names the values
    #[arg(long, value_name = "FILE")]
    pub(crate) terraform_output: Option<PathBuf>,
}

/// Which release is expected.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ExpectArgs {
    /// The task definition that was just applied: an ARN, or family:revision
    #[arg(long, value_name = "ARN")]
    pub(crate) expect_task_definition: Option<String>,
    /// The service deployment to judge, where several have the same task definition
    #[arg(long, value_name = "ARN")]
    pub(crate) expect_service_deployment: Option<String>,
    /// The deployment to judge, as UpdateService answers with it: ecs-svc/N
    #[arg(long, value_name = "ID", conflicts_with = "expect_service_deployment")]
    pub(crate) expect_deployment: Option<String>,
    /// When the apply began (RFC 3339 or seconds since 1970): if the newest rollout was complete by then, nothing was
    /// deployed
    #[arg(long, value_name = "TIME")]
    pub(crate) started_after: Option<String>,
    /// Fail when nothing was deployed
    #[arg(long)]
    pub(crate) require_rollout: bool,
    /// The release's name, the same in every region [default when a job of GitLab CI or GitHub Actions collects: the
    /// tag, else the commit]
    #[arg(long, value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// The image digest that the container must run, or one of the essential containers; may be given several times
    #[arg(long, value_name = "[CONTAINER=]sha256:...")]
    pub(crate) expect_image_digest: Vec<String>,
}

/// How AWS is reached.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct ConnectArgs {
    /// The AWS profile, as in the AWS CLI
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// Endpoint to use instead of AWS's own, for every AWS service
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
}

impl ConnectArgs {
    /// How to connect, to be completed.
    pub(crate) fn options(&self, region: Option<String>) -> ConnectOptions {
        ConnectOptions {
            region,
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            ..ConnectOptions::default()
        }
    }
}

/// What is asked of AWS, and what is kept of it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Keep the AWS documents, redacted, as a recording that `import` reads
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Write for the log of a GitLab job: sections that fold, and the verdict last
    #[arg(long)]
    pub(crate) gitlab: bool,
}

/// How long, and how often.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Time")]
pub(crate) struct PaceArgs {
    /// The most that the collection may take; it ends as soon as nothing can change [default: 15m]
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<Span>,
    /// How often AWS is asked [default: 5s]
    #[arg(long, value_name = "TIME")]
    pub(crate) poll: Option<Span>,
    /// How long the service is watched after the rollout completed [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) stable_for: Option<Span>,
    /// How long a log line may take to arrive [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub(crate) ingestion_grace: Option<Span>,
    /// Another clock, as ORIGIN@SPEED: for playing rollouts faster than they were
    #[arg(long, value_name = "RFC3339@SPEED", hide = true)]
    pub(crate) clock: Option<String>,
}

/// The formats of a verdict.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub(crate) format: Format,
    /// Write a further report; may be given several times
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = parse_report)]
    pub(crate) reports: Vec<(Format, PathBuf)>,
}

fn parse_report(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').ok_or("write FORMAT=FILE, e.g. junit=report.xml")?;
    let format = Format::from_str(format, true).map_err(|_| {
        format!("{format:?} is no format: terminal, json, markdown, junit, html, annotations or dotenv")
    })?;
    if path.is_empty() {
        Err("the file is missing, e.g. junit=report.xml".to_owned())
    } else {
        Ok((format, path.into()))
    }
}
