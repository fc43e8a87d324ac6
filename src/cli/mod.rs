//! Arguments as written. `target` and the verbs interpret them.

mod archive;
mod args;
mod gate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use archive::{Archive, ArchiveVerb, FilterArgs};
pub(crate) use args::{
    ArchiveArg, AwsArgs, BundleOutput, ConfigArg, EngineArgs, ExpectArgs, FromArchive, JudgeArgs, LockArgs, PaceArgs,
    PackArgs, ReportArgs, TargetArgs,
};

pub(crate) use gate::{
    Ask, ByArg, Gate, GateVerb, Plan as GatePlan, PolicyArg, Status as GateStatus, Stop as GateStop, Waive, Which,
};

use crate::exit;
use crate::format::{Color, LogFormat, TableFormat, TextFormat};
use crate::place::parse_bundle;

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
    /// May a release go to the next region, and are the services there that it needs?
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
    /// Run the checks that come on standard input, for another process of this program
    #[command(hide = true)]
    Sandbox,
}

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
pub(crate) struct Redact {
    /// The bundle: its path; archive://PLACE#DIGEST; or, with --archive, the first digits of its digest
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) output: BundleOutput,
}

#[derive(Debug, Args)]
pub(crate) struct Analyze {
    /// The bundle: its path; archive://PLACE#DIGEST; or, with --archive, the first digits of its digest
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// Judge the evidence as it was known at this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The bundle: its path; archive://PLACE#DIGEST; or, with --archive, the first digits of its digest
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// The file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
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

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The bundle: its path; archive://PLACE#DIGEST; or, with --archive, the first digits of its digest
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TableFormat::Terminal)]
    pub(crate) format: TableFormat,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The bundle: its path; archive://PLACE#DIGEST; or, with --archive, the first digits of its digest
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: PathBuf,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TableFormat::Terminal)]
    pub(crate) format: TableFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The bundle: its path; archive://PLACE#DIGEST; or, with --archive, the first digits of its digest
    #[arg(value_parser = parse_bundle, required_unless_present = "attestation")]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// A signed statement: a DSSE envelope, or a Sigstore bundle around one
    #[arg(long, value_name = "FILE", requires = "keys")]
    pub(crate) attestation: Option<PathBuf>,
    /// The public key (PEM) that must have signed it; one of several suffices
    #[arg(long = "key", value_name = "FILE", requires = "attestation")]
    pub(crate) keys: Vec<PathBuf>,
    /// The verdict that the statement must be about
    #[arg(long, value_name = "FILE", requires = "attestation")]
    pub(crate) verdict: Option<PathBuf>,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TextFormat::Terminal)]
    pub(crate) format: TextFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Attest {
    /// The verdict: its JSON file; or, with --archive, the first digits of its digest. Or a decision or waiver of the gate
    pub(crate) file: PathBuf,
    /// The private key: a PEM file (PKCS#8, ECDSA P-256 or Ed25519), or kms:KEY, with the ARN, id or alias of a key of
    /// AWS KMS
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,
    /// What is said of a verdict
    #[arg(long, value_enum, default_value_t = Statements::Verdict)]
    pub(crate) predicate: Statements,
    /// Where the envelope goes; the Sigstore bundle goes beside it [default: FILE.intoto.json, FILE.sigstore.json]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Keep the envelope in this archive: a folder, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", env = "CASEFILE_ARCHIVE")]
    pub(crate) archive: Option<String>,
    /// The AWS profile for KMS, as in the AWS CLI
    #[arg(long)]
    pub(crate) profile: Option<String>,
}

/// What may be said of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Statements {
    /// All of it in short: verdict, decision, release, rollout, digests
    Verdict,
    /// In-toto's test result, for tools that know no other; not of an inconclusive verdict
    TestResult,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The bundle. With --archive: the first digits of its digest; without any, all bundles are asked
    #[arg(value_parser = parse_bundle)]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// One SELECT; read from standard input where left out
    #[arg(conflicts_with = "tables")]
    pub(crate) sql: Option<String>,
    /// List the tables and their columns
    #[arg(long)]
    pub(crate) tables: bool,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TableFormat::Terminal)]
    pub(crate) format: TableFormat,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// A folder of cases, or one case [default: the cases that casefile ships with]
    pub(crate) dir: Option<PathBuf>,
    /// Only cases whose name contains this; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Write the present results into each case.toml, for review
    #[arg(long, requires = "dir", conflicts_with = "mutate")]
    pub(crate) accept: bool,
    /// Change the evidence of every case, in many ways: where some is lost, no check may be wrong about what is left,
    /// and no verdict may turn into pass; where benign noise is added to a case that passes, it still passes
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub(crate) mutate: Option<Mutations>,
    /// Seed of the random part of --mutate
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Do not require a passing and a failing case for every blocking check: for a service's own folder of cases
    #[arg(long)]
    pub(crate) partial: bool,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

/// The kinds of `--mutate`.
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
    Lint(JudgeArgs),
    /// Create a working check file, to be edited
    #[command(
        after_help = "Example:\n  casefile check new events.bus-connected --extra-queries checks\n  casefile check lint --extra-queries checks"
    )]
    New {
        /// The check's id, <area>.<name>, e.g. events.bus-connected
        id: String,
        #[command(flatten)]
        pack: PackArgs,
    },
    /// Explain a check: its meaning, its evidence, and the log lines that almost match
    #[command(
        after_help = "Example:\n  casefile check explain rollout.completed\n  casefile check explain migration.confirmed rollout.bundle"
    )]
    Explain {
        /// The check's or the signature's id; all of them are listed where left out
        id: Option<String>,
        /// A bundle: the check is evaluated over it
        #[arg(value_parser = parse_bundle)]
        bundle: Option<PathBuf>,
        #[command(flatten)]
        from: FromArchive,
        #[command(flatten)]
        judge: JudgeArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    /// The verdict, or a decision of the gate: a file; or, with --archive, the first digits of its digest
    pub(crate) verdict: PathBuf,
    /// The bundle that it is about [default: that of the archive]
    #[arg(long, value_name = "BUNDLE", value_parser = parse_bundle)]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TextFormat::Terminal)]
    pub(crate) format: TextFormat,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// A verdict, as `--report json=FILE` writes it, or a bundle; with --archive, the first digits of its digest
    pub(crate) before: PathBuf,
    /// The other one
    pub(crate) after: PathBuf,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TextFormat::Terminal)]
    pub(crate) format: TextFormat,
}
