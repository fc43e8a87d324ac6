//! Mutation of evidence: whatever is taken from a case, no check may be wrong about what is left, and
//! nothing may turn into a pass.

use std::sync::Arc;

use casefile_analyzer::{Analyzer, CheckVerdict, Conclusion, Outcome as CheckOutcome, Verdict};
use futures::StreamExt;

use super::loss::Loss;
use super::{Case, Outcome, word};
use crate::error::Error;

/// Evidence was taken away, and the answer was not less but other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) case: String,
    /// What was taken away.
    pub(crate) loss: String,
    /// What was wrong with the answer.
    pub(crate) problem: String,
}

/// Tries every loss on the cases, several at a time. Gives how many were tried, and what was wrong.
pub(crate) async fn mutate(
    outcomes: &[Outcome],
    analyzer: &Analyzer,
    seed: u64,
    threads: usize,
) -> Result<(usize, Vec<Violation>), Error> {
    let mut jobs = Vec::new();
    for outcome in outcomes {
        let whole = Arc::new(outcome.verdict.clone());
        let losses = Loss::all(&outcome.case.held, seed).into_iter();
        jobs.extend(losses.map(|loss| (Arc::clone(&outcome.case), Arc::clone(&whole), loss)));
    }
    let tried = jobs.len();
    let running = jobs.into_iter().map(|(case, whole, loss)| {
        let analyzer = analyzer.clone();
        async move {
            let job = tokio::spawn(async move { one(&case, &whole, &loss, &analyzer).await });
            job.await.map_err(Error::internal)?
        }
    });
    let answers: Vec<Result<Vec<Violation>, Error>> =
        futures::stream::iter(running).buffer_unordered(threads.max(1)).collect().await;
    let mut violations = Vec::new();
    for answer in answers {
        violations.extend(answer?);
    }
    violations.sort();
    Ok((tried, violations))
}

async fn one(case: &Case, whole: &Verdict, loss: &Loss, analyzer: &Analyzer) -> Result<Vec<Violation>, Error> {
    let rows = loss.of_rows(case.rows(&loss.of_documents(&case.held)));
    let lacking = case.judge(rows, analyzer).await?;
    let problems = problems(whole, &lacking, loss.shows());
    let violation = |problem| Violation { case: case.name.clone(), loss: loss.to_string(), problem };
    Ok(problems.into_iter().map(violation).collect())
}

fn problems(whole: &Verdict, lacking: &Verdict, shows: bool) -> Vec<String> {
    let mut problems = Vec::new();
    if lacking.verdict == Conclusion::Pass && whole.verdict != Conclusion::Pass {
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
        problems.extend(lacking.checks.iter().filter_map(|check| flipped(of(&check.id)?, check)));
    }
    problems
}

/// A check that is decided must be decided as it is on the whole evidence.
fn flipped(whole: &CheckVerdict, lacking: &CheckVerdict) -> Option<String> {
    let decided = matches!(lacking.outcome, CheckOutcome::Pass | CheckOutcome::Fail);
    // What did not apply at all may apply to less.
    let harmless = (whole.outcome, lacking.outcome) == (CheckOutcome::Skip, CheckOutcome::Pass);
    (decided && !harmless && lacking.outcome != whole.outcome).then(|| {
        format!("{} is {}, not {}: {}", lacking.id, word(&lacking.outcome), word(&whole.outcome), lacking.reason)
    })
}
