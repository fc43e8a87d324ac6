//! How an analysis is run.

use std::time::Duration;

use casefile_evidence::Timestamp;

use crate::sandbox::{Isolation, Limits, Together};

/// Bytes that the rows of a check may be: they end up in the verdict.
const ANSWER_BYTES: usize = 64 << 20;

/// How an analysis is run. Only `as_of` changes the verdict, unless a limit is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Judges as of this moment: nothing that was observed later exists.
    pub as_of: Option<Timestamp>,
    /// How many checks run at a time.
    pub threads: usize,
    /// Bytes that one check may hold.
    pub memory_limit: usize,
    /// How long one check may run.
    pub timeout: Duration,
    /// How many rows one check may give.
    pub row_limit: usize,
    /// The program that plans and runs the checks that do not ship with this one, and questions; in this process where
    /// there is none.
    pub isolation: Option<Isolation>,
    /// The bundles that are judged at the same time: each query runs once for all of them. Checks that run in a process of
    /// their own do not.
    pub together: Option<Together>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            as_of: None,
            threads: 1,
            memory_limit: 512 << 20,
            timeout: Duration::from_secs(30),
            row_limit: 10_000,
            isolation: None,
            together: None,
        }
    }
}

impl Options {
    pub(crate) fn limits(&self) -> Limits {
        Limits { memory: self.memory_limit, answer: ANSWER_BYTES, time: self.timeout, rows: self.row_limit }
    }
}
