//! A backtest on many machines: [`JudgeExec`](crate::backtest::operator::JudgeExec) on Ballista.
//!
//! A scheduler takes the plan, and hands partitions of it to executors, which open the archive themselves. The three are this
//! same program: a plan names no version, so all of them must be one. Only the feature `cluster` has any of it.

mod codec;
mod roles;
mod table;

use std::sync::Arc;
use std::time::Duration;

use ballista::prelude::{SessionConfigExt, SessionContextExt};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::net::TcpStream;

pub(crate) use codec::{Logical, Physical};
pub(crate) use roles::run;
use table::JudgeTable;

use crate::backtest::Job;
use crate::backtest::operator::AT_ONCE;
use crate::error::Error;

/// The bundles of a task: one group that is judged together. Small tasks end at about the same time on all executors, and
/// little is done again if an executor is lost.
const BUNDLES_OF_A_TASK: usize = AT_ONCE;
/// A scheduler answers within this time.
const CONNECT: Duration = Duration::from_secs(10);
/// Above this, a task judges more.
const MOST_TASKS: usize = 1024;

/// Judges the bundles on a cluster. `scheduler`: `HOST:PORT`.
pub(crate) async fn judge(job: &Job, bundles: &[String], scheduler: &str) -> Result<SendableRecordBatchStream, Error> {
    let nobody = |why: &dyn std::fmt::Display| Error::usage(format!("no scheduler answers at {scheduler}: {why}"));
    let answer = tokio::time::timeout(CONNECT, TcpStream::connect(scheduler)).await;
    answer.map_err(|_| nobody(&"it takes too long"))?.map_err(|error| nobody(&error))?;
    let config = SessionConfig::new_with_ballista()
        .with_ballista_logical_extension_codec(Arc::new(Logical::default()))
        .with_ballista_physical_extension_codec(Arc::new(Physical::default()))
        // A task that takes more keeps its slots until the last of them is done.
        .set_usize("ballista.scheduler.max_partitions_per_task", 1);
    let state = SessionStateBuilder::new().with_default_features().with_config(config).build();
    let context =
        SessionContext::remote_with_state(&format!("df://{scheduler}"), state).await.map_err(|error| nobody(&error))?;
    let tasks = bundles.len().div_ceil(BUNDLES_OF_A_TASK).clamp(1, MOST_TASKS);
    let table = JudgeTable { job: job.clone(), bundles: bundles.to_vec(), tasks };
    let judged = context.read_table(Arc::new(table)).map_err(|error| Error::engine(&error))?;
    judged.execute_stream().await.map_err(|error| Error::engine(&error))
}
