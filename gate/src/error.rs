//! Errors of the gate.

/// The policy, the question or a waiver is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// A policy that cannot be meant.
    #[error("[gate]: {0}")]
    Policy(String),
    /// A question that the policy cannot answer.
    #[error("{0}")]
    Question(String),
    /// A waiver that the policy does not allow.
    #[error("the waiver is not allowed: {0}")]
    Waiver(String),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
}
