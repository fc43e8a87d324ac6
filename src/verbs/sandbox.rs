//! The child process that runs checks which do not ship with this program: see `casefile_analyzer::Isolation`.

use std::io::{stdin, stdout};

use casefile_analyzer::{Isolation, serve};

use crate::error::Error;
use crate::exit::Exit;

/// More than a sound check needs, and less than the machines that pipelines run on have. Stacks count, used or not.
#[cfg(target_os = "linux")]
const MOST_BYTES: u64 = 2 << 30;

/// How this program runs such checks; `None` where the system does not say where this program is.
pub(crate) fn isolation() -> Option<Isolation> {
    let program = std::env::current_exe().ok()?;
    Some(Isolation { program, arguments: vec!["sandbox".into()] })
}

pub(crate) async fn run() -> Result<Exit, Error> {
    limit();
    serve(stdin().lock(), stdout().lock()).await.map_err(Error::internal)?;
    Ok(Exit::Pass)
}

/// Bounds this process. Where the system knows no such bound, it goes on without.
#[cfg(target_os = "linux")]
fn limit() {
    let _ = rlimit::setrlimit(rlimit::Resource::AS, MOST_BYTES, MOST_BYTES);
    let _ = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0);
    // Where the machine runs out of memory before that, this process goes first (proc(5)).
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

#[cfg(not(target_os = "linux"))]
fn limit() {}
