//! Arguments of `gate`.

use std::path::PathBuf;

use casefile_gate::{Code, Kind, Span};
use clap::{Args, Subcommand};

use super::args::{ArchiveArg, ConfigArg, FromArchive};
use crate::format::{GateFormat, PlanFormat, TextFormat};

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Gate {
    #[command(subcommand)]
    pub(crate) verb: GateVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GateVerb {
    /// May the release go to this region? 0 proceed, 3 refuse, 4 hold
    #[command(
        after_help = "Example:\n  casefile gate region --region eu-west-1 --archive s3://evidence/casefile --wait 45m\n  casefile gate region --region eu-west-1 --release v1.4.0 --sequence 812 --verdict sydney.json"
    )]
    Region(Ask),
    /// Do the services that this one needs run there? 0 proceed, 3 refuse, 4 hold
    #[command(
        after_help = "Example:\n  casefile gate service --policy train.toml --service web --region eu-west-1 --release v1.4.0 --archive s3://evidence/casefile\n\nOnly what the service itself needs is asked for; what those services need, their own gates ask."
    )]
    Service(Ask),
    /// The whole picture: what may go where now, what holds and until when, what refuses
    #[command(
        after_help = "Example:\n  casefile gate plan --policy train.toml --release v1.4.0 --archive s3://evidence/casefile\n  casefile gate plan --policy train.toml --archive s3://evidence/casefile --format mermaid"
    )]
    Plan(Plan),
    /// What stands: stops, deployments that have begun, waivers
    Status(Status),
    /// Say that the deployment begins: right before `terraform apply`; its verdict closes it
    Begin {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        archive: ArchiveArg,
        #[command(flatten)]
        by: ByArg,
    },
    /// Close a deployment that began and will have no verdict
    Close {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        archive: ArchiveArg,
        #[command(flatten)]
        by: ByArg,
        /// Why no verdict will come
        #[arg(long)]
        why: String,
    },
    /// Refuse every deployment of a service, or of all services, until `gate lift`
    Stop(Stop),
    /// End a stop
    Lift(Stop),
    /// Let a release through that the gate holds or refuses
    #[command(
        after_help = "Example:\n  casefile gate waive --region eu-west-1 --release v1.4.0 --reason inconclusive --why 'CloudWatch was down; checked by hand' \\\n    --requested-by ada --approved-by grace --archive s3://evidence/casefile\n\nIt covers the verdicts that are there now. A verdict that comes later, or another release, needs another waiver."
    )]
    Waive(Waive),
    /// Explain a decision
    Explain {
        /// The decision: a file; or, with --archive, the first digits of its digest
        decision: PathBuf,
        #[command(flatten)]
        from: FromArchive,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = GateFormat::Terminal)]
        format: GateFormat,
    },
}

/// Which release of which service, where.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// The service's name [default: that of the config]
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// The region that the release is to go to
    #[arg(long)]
    pub(crate) region: String,
    /// The release's name, the same in every region [default in a job: the tag, else the commit]
    #[arg(long, value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// The number of the pipeline within its project: the greater is the newer [default: CI_PIPELINE_IID,
    /// or GITHUB_RUN_NUMBER]
    #[arg(long, value_name = "N")]
    pub(crate) sequence: Option<i64>,
    /// The project that --sequence counts in [default: CI_PROJECT_ID, or the repository and
    /// the workflow of GitHub]
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
    /// An image that is to be deployed; may be given several times
    #[arg(long, value_name = "CONTAINER=sha256:...", value_parser = parse_image)]
    pub(crate) image_digest: Vec<(String, String)>,
}

fn parse_image(text: &str) -> Result<(String, String), String> {
    let parts =
        text.split_once('=').filter(|(container, digest)| !container.is_empty() && digest.starts_with("sha256:"));
    let (container, digest) = parts.ok_or("write CONTAINER=sha256:...")?;
    Ok((container.to_owned(), digest.to_owned()))
}

/// By which policy.
#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyArg {
    /// A policy of several services (`[service.NAME]`) [default: `[gate]` of the config]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The release that is needed of another service; may be given several times [default: --release]
    #[arg(long, value_name = "SERVICE=RELEASE", value_parser = parse_release)]
    pub(crate) needs: Vec<(String, String)>,
}

fn parse_release(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(service, release)| !service.is_empty() && !release.is_empty());
    let (service, release) = parts.ok_or("write SERVICE=RELEASE")?;
    Ok((service.to_owned(), release.to_owned()))
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ByArg {
    /// Who [default: GITLAB_USER_LOGIN, else USER]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) rules: PolicyArg,
    #[command(flatten)]
    pub(crate) from: FromArchive,
    /// A verdict, besides those of the archive; may be given several times
    #[arg(long = "verdict", value_name = "FILE")]
    pub(crate) verdicts: Vec<PathBuf>,
    /// While the gate holds, ask again for this long
    #[arg(long, value_name = "TIME")]
    pub(crate) wait: Option<Span>,
    /// Do not keep the decision in the archive
    #[arg(long)]
    pub(crate) no_keep: bool,
    /// The answer as of another moment (RFC 3339); it is not kept
    #[arg(long, value_name = "TIME", conflicts_with = "wait")]
    pub(crate) now: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = GateFormat::Terminal)]
    pub(crate) format: GateFormat,
    /// Write a further report: terminal, json, markdown or dotenv; may be given several times
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = parse_report)]
    pub(crate) reports: Vec<(GateFormat, PathBuf)>,
}

fn parse_report(text: &str) -> Result<(GateFormat, PathBuf), String> {
    let (format, path) = text.split_once('=').ok_or("write FORMAT=FILE, e.g. dotenv=gate.env")?;
    let format = <GateFormat as clap::ValueEnum>::from_str(format, true)
        .map_err(|_| format!("{format:?} is no format: terminal, json, markdown or dotenv"))?;
    if path.is_empty() {
        Err("the file is missing, e.g. dotenv=gate.env".to_owned())
    } else {
        Ok((format, path.into()))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) archive: ArchiveArg,
    /// Only of this service, and of all services
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = TextFormat::Terminal)]
    pub(crate) format: TextFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The policy of the services (`[service.NAME]`)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    #[command(flatten)]
    pub(crate) archive: ArchiveArg,
    /// The release of every service [default: of each service the one that was deployed last]
    #[arg(long, value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// The release of one service; may be given several times
    #[arg(long, value_name = "SERVICE=RELEASE", value_parser = parse_release)]
    pub(crate) release_of: Vec<(String, String)>,
    /// The picture as of another moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = PlanFormat::Terminal)]
    pub(crate) format: PlanFormat,
    /// Write it to this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("scope").required(true).args(["service", "all"])))]
pub(crate) struct Stop {
    /// The service's name
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Every service
    #[arg(long)]
    pub(crate) all: bool,
    /// Stop a service that the archive has never seen
    #[arg(long, conflicts_with = "all")]
    pub(crate) force: bool,
    /// Why
    #[arg(long)]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) archive: ArchiveArg,
    #[command(flatten)]
    pub(crate) by: ByArg,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = TextFormat::Terminal)]
    pub(crate) format: TextFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Waive {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) rules: PolicyArg,
    /// Whether a reason of `gate region` is waived, or one of `gate service`
    #[arg(long, value_enum, default_value_t = Asked::Region)]
    pub(crate) of: Asked,
    #[command(flatten)]
    pub(crate) archive: ArchiveArg,
    /// The reason that is waived, as a decision names it; may be given several times
    #[arg(long = "reason", value_name = "CODE", required = true)]
    pub(crate) reasons: Vec<Code>,
    /// Why it may go nevertheless
    #[arg(long)]
    pub(crate) why: String,
    /// A ticket
    #[arg(long, value_name = "URL")]
    pub(crate) ticket: Option<String>,
    /// Who asks for it
    #[arg(long, value_name = "NAME")]
    pub(crate) requested_by: String,
    /// Who approves it; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) approved_by: Vec<String>,
    /// In an emergency: how soon somebody must look at it again
    #[arg(long, value_name = "TIME")]
    pub(crate) review_within: Option<Span>,
    /// Sign it with this private key: a PEM file, or kms:KEY
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// How long it holds [default: `waiver_max` of the policy]
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) length: Option<Span>,
}

/// The question whose reasons are waived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Asked {
    Region,
    Service,
}

impl From<Asked> for Kind {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Region => Self::Region,
            Asked::Service => Self::Service,
        }
    }
}
