//! Arguments of the verbs that read bundles and verdicts.

use std::path::PathBuf;

use clap::Args;

use super::archive::FilterArgs;
use super::args::{ArchiveArg, BundleArg, BundleOutput, ConfigArg, EngineArgs, FromArchive, JudgeArgs, ReportArgs};
use super::tuning::parse_engine;
use crate::format::{RowsFormat, TableFormat, TextFormat};
use crate::place::parse_bundle;

#[derive(Debug, Args)]
pub(crate) struct Redact {
    #[command(flatten)]
    pub(crate) bundle: BundleArg,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) output: BundleOutput,
}

#[derive(Debug, Args)]
pub(crate) struct Analyze {
    #[command(flatten)]
    pub(crate) bundle: BundleArg,
    /// Judge the evidence as it was known at this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// Compare the log lines with those of the last good deployments in this archive, and list errors that are new
    #[arg(long, value_name = "PLACE", conflicts_with = "as_of")]
    pub(crate) history: Option<String>,
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
    #[command(flatten)]
    pub(crate) bundle: BundleArg,
    /// The file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) bundle: BundleArg,
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
    #[command(flatten)]
    pub(crate) bundle: BundleArg,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TableFormat::Terminal)]
    pub(crate) format: TableFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Site {
    #[command(flatten)]
    pub(crate) archive: ArchiveArg,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The folder; reports that it has already stay
    #[arg(short, long, value_name = "DIR", default_value = "public")]
    pub(crate) output: PathBuf,
    /// How many of the latest deployments have a report
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) reports: usize,
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
    /// One SELECT. Where left out it is read from standard input; on a terminal a shell opens
    #[arg(conflicts_with = "tables")]
    pub(crate) sql: Option<String>,
    /// List the tables and their columns
    #[arg(long)]
    pub(crate) tables: bool,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the rows are printed [default: by the extension of --output, else terminal]
    #[arg(long, value_enum)]
    pub(crate) format: Option<RowsFormat>,
    /// The most rows that an answer may have
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rows: u32,
    /// Ask all bundles on a cluster, e.g. ballista://scheduler:50050. The archive must be one that all of its machines reach
    #[arg(long = "engine", value_name = "URL", value_parser = parse_engine)]
    pub(crate) cluster: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
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
