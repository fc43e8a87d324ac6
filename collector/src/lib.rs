//! AWS to evidence: what ECS and CloudWatch Logs say about a rollout, as the rows of a bundle.

pub mod aws;
pub mod clock;
pub mod document;
pub mod normalise;
pub mod recording;
pub mod redact;
pub mod terraform;
