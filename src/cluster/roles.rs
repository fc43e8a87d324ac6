//! The scheduler and the executors.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::default_session_builder;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use casefile_analyzer::scalar_functions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;

use super::stores::Stores;
use super::{Logical, Physical};
use crate::cli::{Cluster, Executor, Scheduler};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::temporary;

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
    let host = reachable(args.external_host.as_ref(), address.ip())?;
    let url = format!("ballista://{}:{}", bracketed(&host), address.port());
    let stores = Arc::new(Stores::default());
    let config = SchedulerConfig {
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        external_host: host,
        task_distribution: TaskDistributionPolicy::RoundRobin,
        executor_timeout_seconds: SILENT_SECONDS,
        expire_dead_executor_interval_seconds: 1,
        no_executors_grace_period_seconds: NOBODY_SECONDS,
        override_session_builder: Some(Arc::new(move |config| session(config, &stores))),
        override_logical_codec: Some(Arc::new(Logical::default())),
        override_physical_codec: Some(Arc::new(Physical::default())),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(|error| wrong(&error))?;
    let server = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config)).await;
    let server = server.map_err(|error| wrong(&error))?;
    printer.stdout(&format!("{url}\n"))?;
    start_grpc_service_with_listener(listener, server).await.map_err(Error::internal)?;
    Ok(Exit::Pass)
}

/// A session of the scheduler: it plans questions about the files of archives.
fn session(config: SessionConfig, stores: &Arc<Stores>) -> datafusion::error::Result<SessionState> {
    let runtime = RuntimeEnvBuilder::new().with_object_store_registry(Arc::clone(stores) as _).build_arc()?;
    let state = SessionStateBuilder::new_from_existing(default_session_builder(config)?).with_runtime_env(runtime);
    Ok(state.with_scalar_functions(scalar_functions().collect()).build())
}

/// A host as it stands in a URL.
fn bracketed(host: &str) -> String {
    if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() }
}

/// The name by which other machines reach this one.
fn reachable(given: Option<&String>, bound: IpAddr) -> Result<String, Error> {
    match given {
        Some(host) => Ok(host.clone()),
        None if bound.is_unspecified() => Err(Error::usage(format!(
            "{bound} is every address of this machine: give --external-host, by which others reach it"
        ))),
        None => Ok(bound.to_string()),
    }
}

async fn executor(args: &Executor) -> Result<Exit, Error> {
    let (host, port) = args.scheduler.rsplit_once(':').ok_or_else(|| Error::usage("--scheduler takes HOST:PORT"))?;
    let port = port.parse().map_err(|_| Error::usage(format!("--scheduler: {port:?} is no port")))?;
    let here: IpAddr = args.bind;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Outcomes quote log lines: nobody else reads them, and the folder goes with the process.
    let own = temporary()?;
    let work_dir = args.work_dir.as_deref().unwrap_or_else(|| own.path());
    let (spilled, stores) = (work_dir.to_owned(), Arc::new(Stores::default()));
    let config = ExecutorProcessConfig {
        bind_host: here.to_string(),
        external_host: Some(reachable(args.external_host.as_ref(), here)?),
        port: args.port,
        grpc_port: args.grpc_port,
        scheduler_host: host.to_owned(),
        scheduler_port: port,
        scheduler_connect_timeout_seconds: 60,
        work_dir: Some(work_dir.to_string_lossy().into_owned()),
        // A judgement waits for its queries, which have threads of their own.
        vcores: args.tasks.map_or(threads * 2, |tasks| usize::from(tasks.get())),
        executor_heartbeat_interval_seconds: 1,
        job_data_ttl_seconds: KEPT_SECONDS,
        job_data_clean_up_interval_seconds: KEPT_SECONDS / 10,
        override_function_registry: Some(Arc::new(BallistaFunctionRegistry {
            scalar_functions: scalar_functions().map(|function| (function.name().to_owned(), function)).collect(),
            ..BallistaFunctionRegistry::default()
        })),
        override_runtime_producer: Some(Arc::new(move |_| {
            let runtime = RuntimeEnvBuilder::new().with_temp_file_path(&spilled);
            runtime.with_object_store_registry(Arc::clone(&stores) as _).build_arc()
        })),
        override_logical_codec: Some(Arc::new(Logical::default())),
        override_physical_codec: Some(Arc::new(Physical::default())),
        ..ExecutorProcessConfig::default()
    };
    let free = |port: u16| std::net::TcpListener::bind(SocketAddr::new(here, port)).map(drop);
    for port in [args.port, args.grpc_port] {
        free(port).map_err(|error| Error::usage(format!("cannot listen at {here}:{port}: {error}")))?;
    }
    // Interrupted, the program ends at once (`crate::interrupt`), and the scheduler gives its tasks to others.
    start_executor_process(Arc::new(config)).await.map_err(|error| Error::usage(error.to_string()))?;
    Err(Error::Engine(format!(
        "the scheduler {} stopped this executor, from which it had heard nothing for more than {SILENT_SECONDS} s: start it again",
        args.scheduler
    )))
}
