//! When a hold turns by itself.

use casefile_evidence::Timestamp;

use crate::code::Outcome;
use crate::decision::Reason;

/// The most moments that are judged.
const STEPS: usize = 100;

/// The earliest moment at which the outcome is another, if nothing comes but time. `reasons_at` judges at a moment; at those
/// of `also` it may turn, besides those that the reasons name.
pub(crate) fn next<E>(
    now: Timestamp,
    also: &[Timestamp],
    mut reasons_at: impl FnMut(Timestamp) -> Result<Vec<Reason>, E>,
) -> Result<Option<Timestamp>, E> {
    let mut at = now;
    for _ in 0..STEPS {
        let reasons = reasons_at(at)?;
        if outcome(&reasons) != Outcome::Hold {
            return Ok((at > now).then_some(at));
        }
        // A region that has no verdict holds for good, unless another one of its wave suffices by then.
        let holding = reasons.iter().filter(|reason| reason.outcome() == Outcome::Hold);
        let named = holding.filter_map(|reason| reason.until).chain(also.iter().copied());
        match named.filter(|until| *until > at).min() {
            Some(until) => at = until,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The worst outcome of the reasons.
pub(crate) fn outcome(reasons: &[Reason]) -> Outcome {
    reasons.iter().map(Reason::outcome).max().unwrap_or(Outcome::Hold)
}
