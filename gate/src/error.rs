//! Errors of the gate.

/// The policy, the question or a waiver is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// A policy that cannot be meant.
    #[error("the policy of the gate: {0}")]
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

impl GateError {
    /// The problem alone, for a message that names the policy by its file.
    pub fn problem(&self) -> &str {
        match self {
            Self::Policy(problem) | Self::Question(problem) | Self::Waiver(problem) | Self::Internal(problem) => {
                problem
            }
        }
    }
}
