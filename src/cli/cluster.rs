//! Arguments of the roles of a cluster.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Cluster {
    /// Take backtests, questions and `mine`, and hand their tasks to executors
    Scheduler(Scheduler),
    /// Judge and read bundles for a scheduler. The credentials for the archive are those of its environment
    Executor(Executor),
}

#[derive(Debug, Args)]
pub(crate) struct Scheduler {
    /// Where to listen: nobody but executors and those who give it work should reach it, since it asks for no password
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50050")]
    pub(crate) bind: SocketAddr,
    /// The name or address by which executors reach it [default: that of --bind]
    #[arg(long, value_name = "HOST")]
    pub(crate) external_host: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Executor {
    /// The scheduler
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) scheduler: String,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) bind: IpAddr,
    /// The name or address by which the scheduler and the others reach it [default: that of --bind]
    #[arg(long, value_name = "HOST")]
    pub(crate) external_host: Option<String>,
    /// The port at which results are fetched
    #[arg(long, default_value_t = 50051)]
    pub(crate) port: u16,
    /// The port at which the scheduler gives tasks
    #[arg(long, default_value_t = 50052)]
    pub(crate) grpc_port: u16,
    /// How many tasks run at a time [default: two for each core]
    #[arg(long, value_name = "N")]
    pub(crate) tasks: Option<NonZeroU16>,
    /// The folder for results until they are fetched [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub(crate) work_dir: Option<PathBuf>,
}
