//! Arguments of the verbs that try rules on an archive.

use std::path::PathBuf;

use clap::Args;

use super::archive::FilterArgs;
use super::args::{ArchiveArg, JudgeArgs};
use crate::format::{BacktestFormat, MineFormat};

#[derive(Debug, Args)]
pub(crate) struct Backtest {
    #[command(flatten)]
    pub(crate) archive: ArchiveArg,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// What to compare with: `sealed`, the verdicts that the archive has; or an older casefile.toml
    #[arg(long, value_name = "sealed|FILE", default_value = "sealed")]
    pub(crate) base: String,
    /// The folder of checks to compare with, where --base is a file [default: those of --queries]
    #[arg(long, value_name = "DIR")]
    pub(crate) base_queries: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Judge only this many of the deployments, spread evenly over time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sample: Option<u64>,
    /// Judge every deployment as a whole, even where the change has no effect on it: for a casefile that was changed itself
    #[arg(long)]
    pub(crate) whole: bool,
    /// Judge on a cluster, e.g. ballista://scheduler:50050. The archive must be one that all of its machines reach
    #[arg(long, value_name = "URL", value_parser = parse_engine)]
    pub(crate) engine: Option<String>,
    /// Exit with 0 though verdicts turn
    #[arg(long)]
    pub(crate) allow_flips: bool,
    /// Keep the outcomes in this file: JSON lines, not Parquet. A further run with the same rules does not judge those
    /// deployments again
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
    /// Write the outcome of every deployment to this file: JSON, one deployment a line; or, if its name ends in .parquet, a
    /// table for DuckDB or Athena: a row for each deployment and for each of its checks that differs or fails. A further
    /// run goes on from the file of --resume, not from this one
    #[arg(long, value_name = "FILE")]
    pub(crate) outcomes: Option<PathBuf>,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = BacktestFormat::Terminal)]
    pub(crate) format: BacktestFormat,
}

/// The scheduler's `HOST:PORT`.
pub(super) fn parse_engine(text: &str) -> Result<String, String> {
    let address = text.strip_prefix("ballista://").map(|address| address.trim_end_matches('/'));
    let address = address.filter(|address| address.rsplit_once(':').is_some_and(|(host, _)| !host.is_empty()));
    let address = address.ok_or("an engine is named ballista://HOST:PORT")?;
    if !cfg!(feature = "cluster") {
        return Err("this casefile is built without the feature `cluster`".to_owned());
    }
    Ok(address.to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Mine {
    #[command(flatten)]
    pub(crate) archive: ArchiveArg,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The most proposals of each kind
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) limit: usize,
    /// Propose lines that at least this many failed deployments logged
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) support: usize,
    /// Lines that this deployment logged first: errors that no earlier good deployment of its service logged
    #[arg(long, value_name = "DIGEST")]
    pub(crate) new_in: Option<String>,
    /// Read the log lines on a cluster, e.g. ballista://scheduler:50050. The archive must be one that all of its machines reach
    #[arg(long, value_name = "URL", value_parser = parse_engine)]
    pub(crate) engine: Option<String>,
    /// Write the result to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = MineFormat::Terminal)]
    pub(crate) format: MineFormat,
}
