//! Why a collection stopped.

/// Why a collection stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The rollout had ended, one way or the other, and nothing changed for a while.
    Settled,
    /// The verdict could no longer change for the better of waiting.
    Decided,
    /// The time was over.
    Timeout,
    /// Somebody stopped it.
    Interrupted,
}

impl StopReason {
    /// As `target.stop_reason` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Decided => "decided",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
        }
    }
}
