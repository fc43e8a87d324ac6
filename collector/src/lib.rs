//! AWS to evidence: what ECS and CloudWatch Logs say about a rollout, as the rows of a bundle.
//!
//! One door: a [`document::Document`] comes from AWS ([`aws`]) or from a file ([`recording`]), is redacted
//! ([`redact`]) and normalised ([`normalise`]), and leaves as rows. [`collect`] asks AWS poll by poll,
//! [`import`] reads a recording; what they do with a document is the same.

pub mod aws;
mod blocking;
pub mod clock;
pub mod collect;
pub mod document;
pub mod held;
pub mod import;
mod looks;
pub mod normalise;
pub mod plan;
pub mod recording;
pub mod redact;
mod seal;
mod stop_reason;
pub mod terraform;

pub use seal::{Maker, RecoverError, recover, seal};
