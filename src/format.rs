//! How results and messages are printed.

use std::path::Path;

use clap::ValueEnum;

/// A verdict's formats.
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
    /// For people, with the rollout as a timeline: one file
    Html,
    /// Links for GitLab's job page
    Annotations,
    /// Variables for later jobs of the pipeline
    Dotenv,
}

/// A table's formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// For people
    Terminal,
    /// For programs
    Json,
    /// For merge requests and tickets
    Markdown,
}

/// The formats of a query's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsFormat {
    /// For people
    Terminal,
    /// For programs: an array of objects, one per line
    Json,
    /// For merge requests and tickets
    Markdown,
    /// For spreadsheets (RFC 4180)
    Csv,
    /// For other engines, with the types of the columns; needs --output
    Parquet,
}

impl RowsFormat {
    /// The format that a file's extension names.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "md" => Some(Self::Markdown),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// The formats of a few lines of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextFormat {
    /// For people
    Terminal,
    /// For programs
    Json,
}

/// The formats of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsFormat {
    /// For people
    Terminal,
    /// For programs
    Json,
    /// For merge requests and tickets
    Markdown,
    /// For spreadsheets: one row per service and region
    Csv,
}

/// The formats of what `check lint` finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// For people
    Terminal,
    /// For GitLab's code quality report: each problem at its line of the merge request
    Codequality,
}

/// The formats of IAM policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RolesFormat {
    /// One object: a policy by the name of its role
    Json,
    /// Policy documents of Terraform's AWS provider
    Terraform,
}

/// The formats of a decision of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateFormat {
    /// For people
    Terminal,
    /// For programs: stable, canonical (RFC 8785)
    Json,
    /// For merge requests and tickets
    Markdown,
    /// For later jobs of the pipeline
    Dotenv,
}

/// The formats of a plan of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    Terminal,
    /// For programs
    Json,
    /// For merge requests and tickets
    Markdown,
    /// A graph, which GitLab draws in Markdown
    Mermaid,
}

/// The formats of a backtest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BacktestFormat {
    /// For people
    Terminal,
    /// For programs
    Json,
    /// For merge requests
    Markdown,
    /// For GitLab's test report: a test for each deployment whose verdict turns
    Junit,
}

/// The formats of proposed signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MineFormat {
    /// For people
    Terminal,
    /// For programs
    Json,
    /// For casefile.toml: the signatures alone
    Toml,
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
