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

mod again;
mod did_you_mean;
mod docs;
mod engine;
mod error;
mod judge;
mod many;
mod near_miss;
mod options;
mod pack;
mod plans;
mod prepared;
mod query;
mod sandbox;
mod serve;
mod settings;
mod signature;
mod tables;
mod terms;
mod verdict;

pub use again::Change;
pub use did_you_mean::nearest;
pub use docs::table_docs;
pub use engine::{Analyzer, analyze, lint};
pub use error::{AnalyzeError, SpecError};
pub use judge::Judge;
pub use many::{ManyRows, answer, archive_url, place_in_url, plan_many, query_many, scalar_functions, tables_of};
pub use near_miss::{NearMiss, near_misses};
pub use options::Options;
pub use pack::{Check, Header, Pack};
pub use plans::Planning;
pub use query::{Answer, query};
pub use sandbox::{Isolation, Seat, Together};
pub use serve::serve;
pub use settings::{CheckSettings, Settings, lint_deadlines, lint_signatures};
pub use signature::readable_line;
pub use signature::{Anchor, Expect, LineMatcher, Quorum, Signature, TailLine};
pub use tables::{
    ColumnDoc, Evidence, History, Image, Impact, NEW_ERRORS, NewError, RolloutSettings, Running, TableDoc,
};
pub use terms::{Conclusion, Conclusive, Level, Owner, Status};
pub use verdict::{
    Action, BundleSummary, Cause, CheckVerdict, ConfigSummary, Decision, Engine, EvidenceRow, FORMAT, Gap, Kind,
    Missing, Outcome, PackSummary, ROWS_KEPT, Release, RolloutSummary, Tail, Target, Verdict, can_still_improve,
};

/// The functions that a check may call: scalar, aggregate and window functions.
pub fn allowed_functions() -> [&'static [&'static str]; 3] {
    sandbox::documented()
}

#[cfg(test)]
mod tests;
