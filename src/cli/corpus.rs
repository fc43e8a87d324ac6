//! Arguments of the verbs for cases and checks.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::{FromArchive, JudgeArgs, PackArgs, ReportArgs};
use crate::format::LintFormat;
use crate::place::parse_bundle;

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

#[derive(Debug, Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = LintFormat::Terminal)]
    pub(crate) format: LintFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckVerb {
    /// Check the checks and the config, without any bundle
    #[command(
        after_help = "Example:\n  casefile check lint --queries my-checks --config casefile.toml\n  casefile check lint --format codequality -o gl-code-quality-report.json"
    )]
    Lint(Lint),
    /// Create a working check file, to be edited
    #[command(
        after_help = "Example:\n  casefile check new events.bus-connected --extra-queries checks\n  casefile check lint --extra-queries checks"
    )]
    New {
        /// The check's id, AREA.NAME, e.g. events.bus-connected
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
