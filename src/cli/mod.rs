//! Arguments as written. What they mean is decided in [`crate::settings`] and the verbs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Span;
use crate::destination::parse_bundle;
use crate::exit;

/// Decides whether a deployment to Amazon ECS really succeeded, and keeps the evidence.
#[derive(Debug, Parser)]
#[command(name = "casefile", version, about, after_help = exit::HELP, arg_required_else_help = true, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags that every verb takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The service's config [default: the one sealed into the bundle, else ./casefile.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A folder of check files to use instead of the built-in pack
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) queries: Option<PathBuf>,
    /// A folder of check files to add; a file replaces the built-in check with the same id
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) extra_queries: Option<PathBuf>,
    /// Where the result goes: the bundle (a folder, a .tar, s3://BUCKET/KEY) of collect, import, redact and validate; else the report [default: standard output]
    #[arg(short, long, global = true, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Terminal)]
    pub(crate) format: Format,
    /// Say more on standard error: -v the steps, -vv the AWS SDK's too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log format on standard error: text, or one JSON object per line
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, hide_short_help = true)]
    pub(crate) log_format: LogFormat,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Threads of the query engine; the verdict is the same with any number
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), hide_short_help = true)]
    pub(crate) threads: Option<u16>,
    /// Another clock, as ORIGIN@SPEED: for playing recorded rollouts faster than they were
    #[arg(long, global = true, value_name = "RFC3339@SPEED", hide = true)]
    pub(crate) clock: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Terminal,
    /// For programs: stable, canonical (RFC 8785)
    Json,
    /// For merge requests and tickets
    Markdown,
    /// For GitLab's test report
    Junit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Play a recorded incident as an AWS endpoint on this machine, and judge it
    #[command(
        after_help = "Example:\n  casefile demo                              # a rollout that ECS rolled back\n  casefile demo --list\n  casefile demo healthy-migration --speed 60"
    )]
    Demo(Demo),
    /// Collect evidence of a rollout until it has settled: AWS -> bundle
    #[command(
        after_help = "Example:\n  casefile collect --region ap-southeast-2 --cluster production --service bf-manage-core -o rollout.bundle\n  casefile collect --config casefile.toml --dry-run        # what it will ask, and the IAM policy for it"
    )]
    Collect(Collect),
    /// Make a bundle of a recording, or of a folder of plain AWS CLI outputs
    #[command(
        after_help = "Example:\n  aws ecs describe-services --cluster production --services bf-manage-core > incident/services.json\n  casefile import incident -o incident.bundle && casefile analyze incident.bundle"
    )]
    Import(Import),
    /// Seal what a killed collection left
    #[command(after_help = "Example:\n  casefile seal rollout.bundle.partial && casefile analyze rollout.bundle")]
    Seal {
        /// What it left: the bundle's path with .partial
        partial: PathBuf,
    },
    /// Apply more redaction rules; the new bundle records its parent's digest
    #[command(
        after_help = "Example:\n  casefile redact rollout.bundle --config casefile.toml -o shared.bundle\n\nThe rules are the standard ones and [[redact.rule]] of the config."
    )]
    Redact(BundleArg),
    /// Judge a bundle, offline; the result is always the same
    #[command(
        after_help = "Example:\n  casefile analyze rollout.bundle\n  casefile analyze rollout.bundle --format json | jq .verdict\n  casefile analyze rollout.bundle --config casefile.toml --report junit=report.xml"
    )]
    Analyze(Analyze),
    /// Collect, stop as early as possible, seal and judge: the pipeline step
    #[command(
        after_help = "Example:\n  terraform output -json > outputs.json\n  casefile validate --config casefile.toml --terraform-output outputs.json -o evidence/rollout.bundle \\\n    --report junit=evidence/report.xml --report json=evidence/verdict.json"
    )]
    Validate(Validate),
    /// Show the verdict as it stood at each moment: when was it decidable?
    #[command(after_help = "Example:\n  casefile replay rollout.bundle")]
    Replay(Replay),
    /// Query a bundle with SQL
    #[command(
        after_help = "Example:\n  casefile query rollout.bundle \"SELECT task_id, stop_code, stopped_reason FROM latest_tasks WHERE last_status = 'STOPPED'\"\n  casefile query --tables"
    )]
    Query(Query),
    /// Show what is in a bundle, and what is missing from it and why
    #[command(after_help = "Example:\n  casefile inspect rollout.bundle")]
    Inspect(BundleArg),
    /// Check that a bundle is what was sealed
    #[command(after_help = "Example:\n  casefile verify rollout.bundle || echo 'do not trust it'")]
    Verify(BundleArg),
    /// Judge every recorded case and compare with its expected result: the regression corpus
    #[command(
        after_help = "Example:\n  casefile test                              # the cases that casefile ships with\n  casefile test cases --queries my-checks --report junit=cases.xml\n  casefile test cases --accept               # take new results; look at them with git diff\n  casefile test --mutate                     # nothing that is taken away may turn into a pass"
    )]
    Test(Test),
    /// Write and understand checks
    Check(Check),
    /// Run the checks that come on standard input, for another process of this program
    #[command(hide = true)]
    Sandbox,
}

#[derive(Debug, Args)]
pub(crate) struct BundleArg {
    /// The bundle
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: PathBuf,
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
    /// What `terraform output -json` printed; the config's [target.terraform] names the values
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
    /// When the apply began (RFC 3339 or seconds since 1970): if the newest rollout was complete by then, nothing was deployed
    #[arg(long, value_name = "TIME")]
    pub(crate) started_after: Option<String>,
    /// Fail when nothing was deployed
    #[arg(long)]
    pub(crate) require_rollout: bool,
    /// The release's name, the same in every region [default when GitLab CI collects: CI_COMMIT_TAG, else CI_COMMIT_SHA]
    #[arg(long, value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// The image digest that the container must run, or one of the essential containers; may be given several times
    #[arg(long, value_name = "[CONTAINER=]sha256:...")]
    pub(crate) expect_image_digest: Vec<String>,
}

/// How AWS is reached.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsArgs {
    /// The AWS profile, as in the AWS CLI
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// Endpoint to use instead of AWS's own, for every AWS service
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Keep the AWS documents, redacted, as a recording that `import` reads
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Fold the collection in the job's log, as GitLab's sections do
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
}

/// Reports besides the one on standard output.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReportArgs {
    /// Write a further report; may be given several times
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = parse_report)]
    pub(crate) reports: Vec<(Format, PathBuf)>,
}

fn parse_report(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, path) = text.split_once('=').ok_or("write FORMAT=FILE, e.g. junit=report.xml")?;
    let format = Format::from_str(format, true)
        .map_err(|_| format!("{format:?} is no format: terminal, json, markdown or junit"))?;
    if path.is_empty() {
        Err("the file is missing, e.g. junit=report.xml".to_owned())
    } else {
        Ok((format, path.into()))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The recorded incident
    #[arg(default_value = "circuit-breaker-rollback")]
    pub(crate) case: String,
    /// List the recorded incidents
    #[arg(long)]
    pub(crate) list: bool,
    /// Playback speed: 20 plays it 20 times as fast as it happened
    #[arg(long, default_value_t = 20.0, value_name = "FACTOR")]
    pub(crate) speed: f64,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
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
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The recording: its folder, or a folder of AWS CLI outputs
    pub(crate) dir: PathBuf,
    /// The service to judge, if the recording has several
    #[arg(long)]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) expect: ExpectArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Analyze {
    /// The bundle
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: PathBuf,
    /// Judge what was known at this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// After a failure, do not wait for the last log lines of the tasks that died
    #[arg(long, help_heading = "Time")]
    pub(crate) no_grace: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The bundle
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The bundle
    #[arg(required_unless_present = "tables", value_parser = parse_bundle)]
    pub(crate) bundle: Option<PathBuf>,
    /// One SELECT; read from standard input where left out
    #[arg(conflicts_with = "tables")]
    pub(crate) sql: Option<String>,
    /// List the tables and their columns
    #[arg(long)]
    pub(crate) tables: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// A folder of cases, or one case [default: the cases that casefile ships with]
    pub(crate) dir: Option<PathBuf>,
    /// Only cases whose name contains this; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Write what the cases give now into their case.toml, for review
    #[arg(long, requires = "dir", conflicts_with = "mutate")]
    pub(crate) accept: bool,
    /// Change the evidence of every case, in many ways: where some is lost, no check may be wrong about what is left, and no verdict may turn into pass; where benign noise is added to a case that passes, it still passes
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub(crate) mutate: Option<Mutations>,
    /// Seed of the random part of --mutate
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Do not require a passing and a failing case for every blocking check: for a service's own folder of cases
    #[arg(long)]
    pub(crate) partial: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// What `--mutate` tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mutations {
    /// Evidence is lost
    Losses,
    /// Benign noise is added to every case that passes
    Gains,
    /// Both
    All,
}

impl Mutations {
    pub(crate) fn losses(self) -> bool {
        self != Self::Gains
    }

    pub(crate) fn gains(self) -> bool {
        self != Self::Losses
    }
}

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Check {
    #[command(subcommand)]
    pub(crate) verb: CheckVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckVerb {
    /// Check the checks and the config, without any bundle
    #[command(after_help = "Example:\n  casefile check lint --queries my-checks --config casefile.toml")]
    Lint,
    /// Create a working check file, to be edited
    #[command(
        after_help = "Example:\n  casefile check new events.bus-connected --extra-queries checks\n  casefile check lint --extra-queries checks"
    )]
    New {
        /// The check's id, <area>.<name>, e.g. events.bus-connected
        id: String,
    },
    /// Explain a check: what it judges, on what evidence, and which log lines almost match
    #[command(
        after_help = "Example:\n  casefile check explain rollout.completed\n  casefile check explain migration.confirmed rollout.bundle"
    )]
    Explain {
        /// The check's or the signature's id; all of them are listed where left out
        id: Option<String>,
        /// A bundle: the check is evaluated over it
        #[arg(value_parser = parse_bundle)]
        bundle: Option<PathBuf>,
    },
}
