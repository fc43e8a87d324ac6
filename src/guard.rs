//! The last resort against a query that takes all memory: what single functions allocate, no limit of the
//! engine sees.

use std::time::Duration;

use crate::exit::Exit;
use crate::output::stderr;

/// More than any sound analysis needs, and less than the machines that pipelines run on have.
const MOST_BYTES: u64 = 4 << 30;

/// Watches over this process for the rest of its life, where the system tells how much memory it holds.
pub(crate) fn watch() {
    let watch = || {
        while let Some(bytes) = resident() {
            if bytes > MOST_BYTES {
                stderr(&format!(
                    "error: more than {} GiB of memory were needed: a check or a query makes too much of its input",
                    MOST_BYTES >> 30
                ));
                std::process::exit(Exit::CheckError as i32);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    // Without the watch everything works as well.
    let _ = std::thread::Builder::new().name("casefile-guard".to_owned()).spawn(watch);
}

/// The memory that this process holds (`proc(5)`, `/proc/self/status`, VmRSS).
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
