//! The scheduler and the executors.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;

use super::{Logical, Physical};
use crate::cli::{Cluster, Executor, Scheduler};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;

/// An executor that was silent for so long is lost: its tasks go to others. It says that it is there each second.
const SILENT_SECONDS: u64 = 5;
/// With no executor left, a backtest waits so long for one.
const NOBODY_SECONDS: u64 = 30;
/// Results wait so long for being fetched.
const KEPT_SECONDS: u64 = 600;

/// Runs until it is interrupted.
pub(crate) async fn run(role: &Cluster, printer: &Printer) -> Result<Exit, Error> {
    match role {
        Cluster::Scheduler(args) => scheduler(args, printer).await,
        Cluster::Executor(args) => executor(args).await,
    }
}

async fn scheduler(args: &Scheduler, printer: &Printer) -> Result<Exit, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::usage(format!("the scheduler cannot start: {error}"));
    let listener = TcpListener::bind(args.bind).await;
    let listener = listener.map_err(|error| Error::usage(format!("cannot listen at {}: {error}", args.bind)))?;
    let address = listener.local_addr().map_err(|error| wrong(&error))?;
    let config = SchedulerConfig {
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        external_host: address.ip().to_string(),
        task_distribution: TaskDistributionPolicy::RoundRobin,
        executor_timeout_seconds: SILENT_SECONDS,
        expire_dead_executor_interval_seconds: 1,
        no_executors_grace_period_seconds: NOBODY_SECONDS,
        override_logical_codec: Some(Arc::new(Logical::default())),
        override_physical_codec: Some(Arc::new(Physical::default())),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(|error| wrong(&error))?;
    let server = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await;
    let server = server.map_err(|error| wrong(&error))?;
    printer.stdout(&format!("ballista://{address}\n"))?;
    start_grpc_service_with_listener(listener, server).await.map_err(Error::internal)?;
    Ok(Exit::Pass)
}

async fn executor(args: &Executor) -> Result<Exit, Error> {
    let (host, port) = args.scheduler.rsplit_once(':').ok_or_else(|| Error::usage("--scheduler takes HOST:PORT"))?;
    let port = port.parse().map_err(|_| Error::usage(format!("--scheduler: {port:?} is no port")))?;
    let here: IpAddr = args.bind;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let config = ExecutorProcessConfig {
        bind_host: here.to_string(),
        external_host: Some(args.external_host.clone().unwrap_or_else(|| here.to_string())),
        port: args.port,
        grpc_port: args.grpc_port,
        scheduler_host: host.to_owned(),
        scheduler_port: port,
        scheduler_connect_timeout_seconds: 60,
        work_dir: args.work_dir.as_ref().map(|folder| folder.to_string_lossy().into_owned()),
        vcores: args.tasks.map_or(threads, |tasks| usize::from(tasks.get())),
        executor_heartbeat_interval_seconds: 1,
        job_data_ttl_seconds: KEPT_SECONDS,
        job_data_clean_up_interval_seconds: KEPT_SECONDS / 10,
        override_logical_codec: Some(Arc::new(Logical::default())),
        override_physical_codec: Some(Arc::new(Physical::default())),
        ..ExecutorProcessConfig::default()
    };
    let free = |port: u16| std::net::TcpListener::bind(SocketAddr::new(here, port)).map(drop);
    for port in [args.port, args.grpc_port] {
        free(port).map_err(|error| Error::usage(format!("cannot listen at {here}:{port}: {error}")))?;
    }
    // Interrupted, it ends at once, and the scheduler gives its tasks to others.
    start_executor_process(Arc::new(config)).await.map_err(|error| Error::usage(error.to_string()))?;
    Ok(Exit::Pass)
}
