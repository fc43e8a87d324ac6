//! Mutation of evidence. Losses: evidence is removed from a case; no check may be wrong about the rest, and
//! no verdict may turn into a pass. Gains: benign noise is added to a case that passes; it must still pass.

use std::sync::Arc;

use casefile_analyzer::{Analyzer, CheckVerdict, Conclusion, Outcome as CheckOutcome, Verdict};
use casefile_collector::held::Held;
use futures::StreamExt;

use super::gain::Gain;
use super::loss::{Loss, lost_bare_documents};
use super::{Case, Outcome, word};
use crate::cli::Mutations;
use crate::error::Error;

/// The evidence was changed, and the answer changed as it must not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) case: String,
    /// The change.
    pub(crate) change: String,
    /// The problem with the result.
    pub(crate) problem: String,
}

/// How many mutations were tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) losses: usize,
    pub(crate) gains: usize,
    /// Gains after which the verdict was inconclusive: the log of a task that was added may not be whole.
    pub(crate) inconclusive: usize,
}

#[derive(Debug)]
enum Change {
    Loss(Loss),
    Gain(Gain, Held),
}

/// Tries mutations on the cases, several at a time. Returns the number of tries, and the violations.
pub(crate) async fn mutate(
    outcomes: &[Outcome],
    analyzer: &Analyzer,
    kinds: Mutations,
    seed: u64,
    threads: usize,
) -> Result<(Tried, Vec<Violation>), Error> {
    let mut tried = Tried::default();
    let mut violations = Vec::new();
    // Case by case: each change holds documents of its own.
    for Outcome { case, verdict, .. } in outcomes {
        let whole = Arc::new(verdict.clone());
        let mut changes = Vec::new();
        if kinds.losses() {
            let mut losses = Loss::all(&case.held, seed);
            if verdict.rollout.nothing_deployed {
                // Such a watch is short: without its last snapshot it is a different, valid watch.
                losses.retain(|loss| *loss != Loss::Snapshot(case.held.snapshots.len().saturating_sub(1)));
            }
            changes.extend(losses.into_iter().map(Change::Loss));
            tried.losses += changes.len();
        }
        if kinds.gains() && verdict.verdict == Conclusion::Pass {
            let gains = Gain::all(&case.held, &case.rows(&case.held));
            tried.gains += gains.len();
            changes.extend(gains.into_iter().map(|(gain, held)| Change::Gain(gain, held)));
        }
        let running = changes.into_iter().map(|change| {
            let (case, whole, analyzer) = (Arc::clone(case), Arc::clone(&whole), analyzer.clone());
            async move {
                let job = tokio::spawn(async move { one(&case, &whole, &change, &analyzer).await });
                job.await.map_err(Error::internal)?
            }
        });
        let mut answers = futures::stream::iter(running).buffer_unordered(threads.max(1));
        while let Some(answer) = answers.next().await {
            let (wrong, is_open) = answer?;
            violations.extend(wrong);
            tried.inconclusive += usize::from(is_open);
        }
    }
    violations.sort();
    Ok((tried, violations))
}

/// The problem with the verdict after a change, and whether a gain left it inconclusive.
async fn one(
    case: &Case,
    whole: &Verdict,
    change: &Change,
    analyzer: &Analyzer,
) -> Result<(Vec<Violation>, bool), Error> {
    let (change, problems, is_open) = match change {
        Change::Loss(loss) => {
            let left = loss.of_documents(&case.held);
            let lacking = case.judge(loss.of_rows(case.rows(&left)), analyzer).await?;
            let no_trace = lost_bare_documents(&case.held, &left);
            (loss.to_string(), problems(whole, &lacking, loss.shows(), no_trace), false)
        }
        Change::Gain(gain, held) => {
            let noisy = case.judge(case.rows(held), analyzer).await?;
            let is_open = noisy.verdict == Conclusion::Inconclusive && gain.adds_a_task();
            let wrong = turned(&noisy).filter(|_| !is_open);
            (gain.to_string(), wrong.into_iter().collect(), is_open)
        }
    };
    let violation = |problem| Violation { case: case.name.clone(), change: change.clone(), problem };
    Ok((problems.into_iter().map(violation).collect(), is_open))
}

/// The problem with the verdict of a passing case after a gain.
pub(super) fn turned(noisy: &Verdict) -> Option<String> {
    match noisy.verdict {
        Conclusion::Pass => None,
        Conclusion::Error => Some(format!("a check broke: {}", noisy.decision.why)),
        other => Some(format!("the verdict pass turned into {}: {}", word(&other), noisy.decision.why)),
    }
}

fn problems(whole: &Verdict, lacking: &Verdict, shows: bool, no_trace: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let is_open = |verdict: &Verdict| verdict.verdict == Conclusion::Inconclusive;
    if lacking.verdict == Conclusion::Pass && whole.verdict != Conclusion::Pass && !(no_trace && is_open(whole)) {
        problems.push(format!("the verdict {} turned into pass", word(&whole.verdict)));
    }
    if lacking.verdict == Conclusion::Error {
        problems.push(format!("a check broke: {}", lacking.decision.why));
    }
    if shows && lacking.verdict == Conclusion::Fail && whole.verdict == Conclusion::Pass {
        problems.push(format!("the verdict pass turned into fail: {}", lacking.decision.why));
    }
    if shows {
        let of = |id: &str| whole.checks.iter().find(|check| check.id == id);
        // Without a bare document, a gap that it caused may be gone.
        let was_open = |whole: &CheckVerdict| no_trace && whole.outcome == CheckOutcome::Unknown;
        let known = |check: &CheckVerdict| of(&check.id).filter(|whole| !was_open(whole));
        problems.extend(lacking.checks.iter().filter_map(|check| flipped(known(check)?, check)));
    }
    problems
}

/// A check that is decided must be decided as it is on the whole evidence.
fn flipped(whole: &CheckVerdict, lacking: &CheckVerdict) -> Option<String> {
    let decided = matches!(lacking.outcome, CheckOutcome::Pass | CheckOutcome::Fail);
    // A check that did not apply may apply to less evidence.
    let harmless = (whole.outcome, lacking.outcome) == (CheckOutcome::Skip, CheckOutcome::Pass);
    (decided && !harmless && lacking.outcome != whole.outcome).then(|| {
        format!("{} is {}, not {}: {}", lacking.id, word(&lacking.outcome), word(&whole.outcome), lacking.reason)
    })
}
