//! Work with an archive on many machines: [`WorkExec`](crate::operator::WorkExec) on Ballista.
//!
//! A scheduler takes the plan, and hands partitions of it to executors, which open the archive themselves. The three are this
//! same program: a plan names no version, so all of them must be one. Only the feature `cluster` has any of it.

mod codec;
mod question;
mod request;
mod roles;
mod rows;
mod stores;
mod table;

use std::sync::Arc;
use std::time::Duration;

use ballista::prelude::{SessionConfigExt, SessionContextExt};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::net::TcpStream;

pub(crate) use codec::{Logical, Physical};
pub(crate) use question::ask;
pub(crate) use request::WorkRequest;
pub(crate) use roles::run as run_role;
use table::WorkTable;

use crate::error::Error;
use crate::operator::Work;

/// A scheduler answers within this time.
const CONNECT: Duration = Duration::from_secs(10);

/// Does work with parts of an archive on a cluster. `scheduler`: `HOST:PORT`.
pub(crate) async fn run(
    work: Arc<dyn Work>,
    parts: &[String],
    scheduler: &str,
) -> Result<SendableRecordBatchStream, Error> {
    let table = WorkTable::new(work, parts.to_vec());
    let rows = connect(scheduler).await?.read_table(Arc::new(table)).map_err(|error| Error::engine(&error))?;
    rows.execute_stream().await.map_err(|error| Error::engine(&error))
}

async fn connect(scheduler: &str) -> Result<SessionContext, Error> {
    let nobody = |why: &dyn std::fmt::Display| Error::usage(format!("no scheduler answers at {scheduler}: {why}"));
    let answer = tokio::time::timeout(CONNECT, TcpStream::connect(scheduler)).await;
    answer.map_err(|_| nobody(&"it takes too long"))?.map_err(|error| nobody(&error))?;
    let config = SessionConfig::new_with_ballista()
        .with_ballista_logical_extension_codec(Arc::new(Logical::default()))
        .with_ballista_physical_extension_codec(Arc::new(Physical::default()))
        // A task that takes more keeps its slots until the last of them is done.
        .set_usize("ballista.scheduler.max_partitions_per_task", 1);
    let state = SessionStateBuilder::new().with_default_features().with_config(config).build();
    SessionContext::remote_with_state(&format!("df://{scheduler}"), state).await.map_err(|error| nobody(&error))
}
