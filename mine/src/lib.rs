//! Log templates over the deployments of a service, and the signatures that they suggest.
//!
//! Pure: no file, no clock, no network. The caller reads log lines and gives them to [`Collected`]; [`contrast`]
//! compares the deployments that failed with the good ones, and [`new_errors`] lists what one deployment logged first.
//!
//! - [`mask`] replaces what varies in a line (moments, addresses, ids, numbers).
//! - Drain groups the distinct masked lines, sorted, into templates.
//! - The contrast proposes templates, or the parts of them, that only one side logged.
//!
//! The same lines give the same result, in whatever order and by however many workers they were collected.
//!
//! # What the test of a pattern covers
//!
//! A pattern must match each kept example of the lines that it was made of. Then it is matched against the kept
//! examples (at most three raw lines) of *every* masked line of its container, on both sides, and its figures are
//! counted anew. A masked line counts for it only if all of its examples match, and against it if one does. So a
//! pattern that is too wide shows it in `against`. Not covered: raw lines beyond three of a masked line, masked lines
//! that were dropped over the limit, lines of other containers, the middle lines of events of several lines, and
//! tasks: `quorum` and `anchor` of a signature are left at their defaults.
//!
//! ```
//! use std::collections::BTreeMap;
//! use casefile_mine::{Collected, ContrastOptions, Line, Truth, contrast};
//!
//! let mut collected = Collected::default();
//! for (deployment, text) in [("1", "database ready"), ("2", "FATAL: no database")] {
//!     collected.add(deployment, Line { container: "app", moment_ms: 1_000, text });
//! }
//! let truth = BTreeMap::from([("1".to_owned(), Truth::Good), ("2".to_owned(), Truth::Bad)]);
//! let found = contrast(&collected, &truth, ContrastOptions::default());
//! assert_eq!(found.failures[0].pattern, r"FATAL:\s+no\s+database");
//! assert_eq!(found.successes[0].within_s, Some(5));
//! ```

mod candidate;
mod collect;
mod contrast;
mod drain;
mod mask;
mod new_errors;
mod pattern;
mod proposal;
mod words;

pub use collect::{Collected, Line, Piece};
pub use contrast::{Contrast, ContrastOptions, Truth, contrast};
pub use drain::{DrainOptions, templates};
pub use mask::{WILDCARD, mask};
pub use new_errors::{NewError, new_errors};
pub use proposal::{Appearance, Expect, Proposal};
