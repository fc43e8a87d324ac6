//! What the machines of a cluster send each other of a piece of work: what to do, and with which archive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use casefile_evidence::Digest;
use serde::{Deserialize, Serialize};

use super::rows::Rows;
use crate::backtest::{Backtest, Job, Judging};
use crate::error::Error;
use crate::history::Lines;
use crate::operator::{ArchiveAt, Lazy, OpenArchive, Work};

/// What to do with parts of an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum WorkRequest {
    /// Judge bundles with other rules.
    Judge(Box<Job>),
    /// Collect the log lines of bundles.
    Lines(ArchiveAt),
    /// Read the rows of a table.
    Rows(ArchiveAt, String),
}

static ARCHIVES: Opened<OpenArchive> = Opened::new();
static BACKTESTS: Opened<Backtest> = Opened::new();

impl WorkRequest {
    /// The work. What it needs is opened with the first part.
    pub(super) fn work(self) -> Result<Arc<dyn Work>, Error> {
        Ok(match self {
            Self::Judge(job) => {
                let opened = BACKTESTS.of(&job)?;
                Arc::new(Judging::requested(*job, opened))
            }
            Self::Lines(at) => {
                let opened = ARCHIVES.of(&at)?;
                Arc::new(Lines::requested(at, opened))
            }
            Self::Rows(at, table) => {
                let opened = ARCHIVES.of(&at)?;
                Arc::new(Rows::new(at, table, opened)?)
            }
        })
    }
}

/// What this process has opened for requests, by their digests. It is kept for the tasks to come, until another request comes and
/// none of its tasks runs.
struct Opened<T>(Mutex<BTreeMap<String, Lazy<T>>>);

impl<T> Opened<T> {
    const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    fn of(&self, request: &impl Serialize) -> Result<Lazy<T>, Error> {
        let digest = Digest::of(&serde_json::to_vec(request).map_err(Error::internal)?).to_string();
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A request whose tasks run is kept by them.
        if !opened.contains_key(&digest) {
            opened.retain(|_, known| Arc::strong_count(known) > 1);
        }
        Ok(Arc::clone(opened.entry(digest).or_default()))
    }
}
