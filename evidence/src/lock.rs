//! Who writes a partial bundle.

use std::fs::{self, File};
use std::path::Path;

use crate::error::WriteError;

const LOCK: &str = "lock";

/// Locks a partial bundle for this process. The system lets go of the lock when the process ends, however it does.
pub(crate) fn lock(scratch: &Path) -> Result<File, WriteError> {
    let path = scratch.join(LOCK);
    let file = File::create(&path).map_err(WriteError::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(WriteError::InUse { path: scratch.parent().unwrap_or(scratch).to_owned() })
        }
        Err(fs::TryLockError::Error(error)) => Err(WriteError::io("lock", &path)(error)),
    }
}

/// Whether a process is writing the partial bundle.
pub(crate) fn is_in_use(partial: &Path) -> bool {
    File::open(partial.join("scratch").join(LOCK)).is_ok_and(|file| file.try_lock().is_err())
}
