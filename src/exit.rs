//! Exit codes: one exhaustive map for pipelines.

use std::process::ExitCode;

/// How a run of casefile ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The verdict is pass, or the gate says proceed; or the verb, which gives no verdict, did its job.
    Pass = 0,
    /// A fault of casefile, or of the machine that it runs on.
    Internal = 1,
    /// A flag, the config, a check file or the target is wrong.
    Usage = 2,
    /// The verdict is fail, or the gate refuses.
    Fail = 3,
    /// The verdict is inconclusive, or the gate holds; or the collection was interrupted.
    Inconclusive = 4,
    /// A check could not be evaluated.
    CheckError = 5,
    /// A bundle was changed after it was sealed.
    Integrity = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The codes as `--help` lists them.
pub(crate) const HELP: &str = "\
Exit codes:
  0  pass; proceed (or the verb did its job)
  1  internal error
  2  usage or specification: a flag, the config, a check file, the target
  3  fail; refuse
  4  inconclusive: evidence is missing, or the collection was interrupted; hold
  5  a check could not be evaluated
  6  integrity: a bundle was changed after it was sealed";
