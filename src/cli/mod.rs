//! Arguments as written. `target` and the verbs interpret them.

mod archive;
mod args;
mod beginning;
#[cfg(feature = "cluster")]
mod cluster;
mod collecting;
mod corpus;
mod gate;
mod reading;
mod tuning;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use archive::{Archive, ArchiveVerb, FilterArgs};
pub(crate) use args::{
    ArchiveArg, AwsArgs, ConfigArg, ConnectArgs, EngineArgs, ExpectArgs, FromArchive, JudgeArgs, PaceArgs, PackArgs,
    ReportArgs, TargetArgs,
};

pub(crate) use beginning::{Doctor, Init};
#[cfg(feature = "cluster")]
pub(crate) use cluster::{Cluster, Executor, Scheduler};
pub(crate) use collecting::{Collect, Demo, Import, Validate};
pub(crate) use corpus::{Check, CheckVerb, Lint, Mutations, Test};
pub(crate) use gate::{
    Ask, ByArg, Gate, GateVerb, Plan as GatePlan, PolicyArg, Status as GateStatus, Stop as GateStop, Waive, Which,
};
pub(crate) use reading::{
    Analyze, Attest, Diff, Inspect, Query, Redact, Replay, Report, Reproduce, Site, Statements, Verify,
};

pub(crate) use tuning::{Backtest, Mine};

use crate::exit;
use crate::format::{Color, LogFormat};

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
    /// Say more on standard error: -v the steps, -vv the AWS SDK's too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Log format on standard error: text, or one JSON object per line
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, hide_short_help = true)]
    pub(crate) log_format: LogFormat,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Play one of the cases as an AWS endpoint on this machine, and judge it
    #[command(
        after_help = "Example:\n  casefile demo                              # a rollout that ECS rolled back\n  casefile demo --list\n  casefile demo healthy-migration --speed 60"
    )]
    Demo(Demo),
    /// Collect evidence of a rollout until it has settled: AWS -> bundle
    #[command(
        after_help = "Example:\n  casefile collect --region ap-southeast-2 --cluster production --service bf-manage-core -o rollout.bundle\n  casefile collect --config casefile.toml --dry-run        # the calls, and the IAM policy for them"
    )]
    Collect(Collect),
    /// Make a bundle of a recording, or of a folder of plain AWS CLI outputs
    #[command(
        after_help = "Example:\n  aws ecs describe-services --cluster production --services bf-manage-core > incident/services.json\n  casefile import incident -o incident.bundle && casefile analyze incident.bundle"
    )]
    Import(Import),
    /// Seal the partial bundle of a killed collection
    #[command(after_help = "Example:\n  casefile seal rollout.bundle.partial && casefile analyze rollout.bundle")]
    Seal {
        /// The partial bundle: its path ends in .partial
        partial: PathBuf,
    },
    /// Apply more redaction rules; the new bundle records its parent's digest
    #[command(
        after_help = "Example:\n  casefile redact rollout.bundle --config casefile.toml -o shared.bundle\n\nThe rules are the standard ones and [[redact.rule]] of the config."
    )]
    Redact(Redact),
    /// Judge a bundle, offline; the result is always the same
    #[command(
        after_help = "Example:\n  casefile analyze rollout.bundle\n  casefile analyze rollout.bundle --format json | jq .verdict\n  casefile analyze rollout.bundle --config casefile.toml --report junit=report.xml"
    )]
    Analyze(Analyze),
    /// Write the report of a bundle as one HTML file: the cause, the rollout as a timeline, the checks
    #[command(after_help = "Example:\n  casefile report rollout.bundle -o report.html")]
    Report(Report),
    /// Collect, stop as early as possible, seal and judge: the pipeline step
    #[command(
        after_help = "Example:\n  terraform output -json > outputs.json\n  casefile validate --config casefile.toml --terraform-output outputs.json -o evidence/rollout.bundle \\\n    --report junit=evidence/report.xml --report json=evidence/verdict.json"
    )]
    Validate(Validate),
    /// Write a first casefile.toml: the target, and signatures of the frameworks that the service's logs show
    #[command(
        after_help = "Example:\n  casefile init --region ap-southeast-2 --cluster production --service bf-manage-core\n  casefile init --terraform-output outputs.json\n  casefile init --from rollout.bundle\n  casefile init --list\n\nThe result is a proposal: review and edit it. Existing files are never overwritten."
    )]
    Init(Init),
    /// Before the first deployment: check credentials, permissions, names, log groups, clock and archive
    #[command(
        after_help = "Example:\n  casefile doctor\n  casefile doctor --terraform-output outputs.json --archive s3://evidence/casefile\n\nChanges nothing in AWS. Exit codes: 0 ready to collect, 3 a problem was found, 4 something could not be checked."
    )]
    Doctor(Doctor),
    /// Show the verdict as it stood at each moment: when was it decidable?
    #[command(after_help = "Example:\n  casefile replay rollout.bundle")]
    Replay(Replay),
    /// Query a bundle with SQL
    #[command(
        after_help = "Example:\n  casefile query rollout.bundle \"SELECT task_id, stop_code, stopped_reason FROM latest_tasks WHERE last_status = 'STOPPED'\"\n  casefile query --archive s3://evidence/casefile \"SELECT service, verdict, count(*) FROM index GROUP BY 1, 2 ORDER BY 1, 2\"\n  casefile query --tables"
    )]
    Query(Query),
    /// Show the contents of a bundle, and its gaps
    #[command(after_help = "Example:\n  casefile inspect rollout.bundle")]
    Inspect(Inspect),
    /// Check that a bundle was not changed after it was sealed, or who signed a verdict
    #[command(
        after_help = "Example:\n  casefile verify rollout.bundle || echo 'do not trust it'\n  casefile verify rollout.bundle --verdict verdict.json --attestation verdict.intoto.json --key casefile.pub"
    )]
    Verify(Verify),
    /// Judge every case of a folder, and compare each with its expected result
    #[command(
        after_help = "Example:\n  casefile test                              # the cases that casefile ships with\n  casefile test cases --queries my-checks --report junit=cases.xml\n  casefile test cases --accept               # take new results; look at them with git diff\n  casefile test --mutate                     # nothing that is taken away may turn into a pass"
    )]
    Test(Test),
    /// Try other rules on the deployments of an archive: which verdicts do they turn?
    #[command(
        after_help = "Example:\n  casefile backtest --archive s3://evidence/casefile --config casefile.toml\n  casefile backtest --archive s3://evidence/casefile --config casefile.toml --base main/casefile.toml --format markdown\n  casefile archive label 4e3b1dd2 --truth bad --why 'incident 4711' --archive s3://evidence/casefile\n\nExit codes: 0 no verdict turns, 3 some do (0 with --allow-flips)."
    )]
    Backtest(Backtest),
    /// Propose signatures: log lines that failed deployments of an archive have and good ones have not, and the reverse
    #[command(
        after_help = "Example:\n  casefile mine --archive s3://evidence/casefile --service bf-manage-core\n  casefile mine --archive s3://evidence/casefile --service bf-manage-core --format toml >> casefile.toml\n\nA deployment is good or bad as its label says (casefile archive label), else as its verdict does.\nThe result is a proposal: review it, and try it with casefile backtest."
    )]
    Mine(Mine),
    /// Write and understand checks
    Check(Check),
    /// Judge again as a verdict was judged, or decide again as the gate did, and compare
    #[command(
        after_help = "Example:\n  casefile reproduce verdict.json --bundle rollout.bundle\n  casefile reproduce 484b8301 --archive s3://evidence/casefile"
    )]
    Reproduce(Reproduce),
    /// Compare two verdicts: which outcomes differ, and why; or two bundles: what differs in the evidence
    #[command(
        after_help = "Example:\n  casefile diff before.json after.json\n  casefile diff healthy.bundle failed.bundle"
    )]
    Diff(Diff),
    /// Sign a verdict, a decision or a waiver, so that others can check who judged
    #[command(
        after_help = "Example:\n  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out casefile.key\n  openssl pkey -in casefile.key -pubout -out casefile.pub\n  casefile attest verdict.json --key casefile.key\n  casefile attest verdict.json --key kms:arn:aws:kms:eu-west-1:111122223333:key/4711 --archive s3://evidence/casefile"
    )]
    Attest(Attest),
    /// Keep bundles and verdicts, on disk or in S3
    #[command(
        after_help = "Example:\n  casefile archive add rollout.bundle verdict.json --archive s3://evidence/casefile\n  casefile archive list --archive s3://evidence/casefile --service bf-manage-core --since 2026-11-01\n  casefile analyze 4e3b1dd2 --archive s3://evidence/casefile"
    )]
    Archive(Archive),
    /// Write pages of an archive: its deployments by service and region, each with its report
    #[command(after_help = "Example:\n  casefile site --archive s3://evidence/casefile -o public      # GitLab Pages")]
    Site(Site),
    /// May a release go to the next region, and do the services that it needs run there?
    #[command(
        after_help = "Example:\n  casefile gate region --region eu-west-1 --archive s3://evidence/casefile\n  casefile gate stop --all --why 'incident 4711' --archive s3://evidence/casefile\n\nThe policy is [gate] of casefile.toml, or of several services a file of its own (--policy)."
    )]
    Gate(Gate),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  casefile completions bash > /etc/bash_completion.d/casefile")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    #[command(after_help = "Example:\n  casefile man /usr/local/share/man/man1")]
    Man {
        /// The folder; it is made if it does not exist
        folder: PathBuf,
    },
    /// Judge the deployments of an archive on many machines: `backtest --engine`
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Cluster(Cluster),
    /// Run the checks that come on standard input, for another process of this program
    #[command(hide = true)]
    Sandbox,
}
