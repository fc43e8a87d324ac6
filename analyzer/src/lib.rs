//! Evidence to verdict: the check pack, its sandbox, the signatures, coverage, and the rules by which
//! all of it becomes pass, fail or inconclusive.
//!
//! A pure core: no clock, no network, and no file but the bundle and the pack that a caller names. The
//! same bundle, pack, settings and version give the same verdict, byte for byte.
//!
//! ```
//! use casefile_analyzer::{Evidence, Options, Pack, Settings, analyze};
//! use casefile_evidence::tables::TargetRow;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let check = r#"
//! -- id = "example.service-named"
//! -- title = "The bundle says which service it is about"
//! -- level = "block"
//! -- owner = "platform"
//! -- requires = ["target"]
//! -- conclusive = "none"
//! SELECT service AS resource, 'pass' AS status, 'it is named' AS reason FROM target
//! "#;
//! let pack = Pack::from_files("example", [("a.sql".to_owned(), check.trim_start().to_owned())].into())
//!     .map_err(|errors| errors[0].to_string())?;
//! let target = TargetRow { service: "bf-manage-core".to_owned(), ..Default::default() };
//! let evidence = Evidence::rows(vec![target.into()])?;
//! let verdict = analyze(&evidence, &pack, &Settings::default(), &Options::default()).await?;
//! assert_eq!(verdict.checks[0].rows[0].resource, "bf-manage-core");
//! # Ok(())
//! # }
//! ```

mod causes;
mod coverage;
mod decision;
mod derived;
mod engine;
mod error;
mod evidence;
mod impact;
mod judge;
mod lint;
mod missing;
mod near;
mod options;
mod outcome;
mod pack;
mod plans;
mod prepared;
mod query;
mod rollout;
mod rows;
mod sandbox;
mod serve;
mod settings;
mod signature;
mod slot;
mod statuses;
mod suggest;
mod tail;
mod tasks;
mod verdict;
mod views;

pub use causes::Cause;
pub use coverage::Gap;
pub use decision::{Action, Conclusion, Decision};
pub use engine::{Analyzer, analyze, lint};
pub use error::{AnalyzeError, SpecError};
pub use evidence::Evidence;
pub use impact::{Impact, Running};
pub use judge::Judge;
pub use lint::{lint_deadlines, lint_signatures};
pub use missing::Missing;
pub use near::{NearMiss, near_misses};
pub use options::Options;
pub use outcome::{EvidenceRow, Outcome, Status};
pub use pack::{Check, Conclusive, Header, Level, Owner, Pack};
pub use query::{Answer, query};
pub use sandbox::Isolation;
pub use serve::serve;
pub use settings::{CheckSettings, RolloutSettings, Settings};
pub use signature::{Anchor, Expect, Quorum, Signature};
pub use suggest::nearest;
pub use tail::{Tail, TailLine};
pub use verdict::{
    BundleSummary, CheckVerdict, ConfigSummary, Engine, FORMAT, Image, Kind, PackSummary, ROWS_KEPT, Release,
    RolloutSummary, Target, Verdict, can_still_improve,
};
pub use views::{ColumnDoc, TableDoc, table_docs};

/// The functions that a check may call: scalar, aggregate and window functions.
pub fn allowed_functions() -> [&'static [&'static str]; 3] {
    sandbox::documented()
}

#[cfg(test)]
mod tests;
