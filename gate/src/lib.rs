//! The gate: may a release go to a region, and do the services that it needs run there? A pure function of the question, the policy, the verdicts that are kept, the
//! markers, the waivers and a moment: the same inputs give the same bytes. Reading the archive happens elsewhere; nothing
//! here deploys, locks or waits.
//!
//! A missing verdict is never a pass. The newest verdict of the deployment that runs in a region counts, so a later
//! failure revokes a pass. Every reason is listed; the outcome is the worst of them.

mod code;
mod decision;
mod error;
mod freeze;
mod judge;
mod marker;
mod need;
mod next;
mod plan;
mod policy;
mod question;
mod record;
mod region;
mod span;
#[cfg(test)]
mod tests;
mod train;
mod waiver;

pub use code::{Code, Outcome};
pub use decision::{Decision, IgnoredWaiver, Reason};
pub use error::GateError;
pub use freeze::Freeze;
pub use judge::{is_open, judge};
pub use marker::{Marker, MarkerKind, Stop, StopKind};
pub use need::{Need, Regions, Release};
pub use plan::{Arrow, Plan, Planned, State, Step, plan, questions};
pub use policy::{Policy, Requires};
pub use question::{Inputs, Kind, Place, Question};
pub use record::Record;
pub use span::Span;
pub use train::Train;
pub use waiver::{Waived, Waiver};
