//! Work that holds a thread, off the threads of the calls.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs what sorts and writes; meanwhile other threads go on with the calls.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
