//! Verdict and decision: what the checks come to, and what that asks of the operator.

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Judged;
use casefile_evidence::tables::TargetRow;
use serde::{Deserialize, Serialize};

use crate::coverage::{Gap, missing};
use crate::outcome::Outcome;
use crate::pack::{Level, Owner};
use crate::settings::Settings;
use crate::verdict::CheckVerdict;

/// What the checks come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    /// The deployment succeeded.
    Pass,
    /// It did not.
    Fail,
    /// The evidence does not tell, or does not tell yet.
    Inconclusive,
    /// A blocking check could not be evaluated.
    Error,
}

/// What the operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Goes on.
    Proceed,
    /// Looks at it.
    Alert,
    /// Hands it to the service's owner.
    Delegate,
}

/// What the verdict asks of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// To whom it is delegated.
    pub to: Option<String>,
    /// Where that owner's runbook is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Why, in a sentence.
    pub why: String,
}

/// The rules: over the blocking checks, a fail fails; else an error is an error; else anything unknown
/// or pending is inconclusive; else nothing judged is inconclusive; else it passes.
pub(crate) fn conclude(checks: &[CheckVerdict]) -> Conclusion {
    let any = |outcome: Outcome| blocking(checks).any(|check| check.outcome == outcome);
    if any(Outcome::Fail) {
        Conclusion::Fail
    } else if any(Outcome::Error) {
        Conclusion::Error
    } else if any(Outcome::Unknown) || any(Outcome::Pending) || !any(Outcome::Pass) {
        Conclusion::Inconclusive
    } else {
        Conclusion::Pass
    }
}

fn blocking(checks: &[CheckVerdict]) -> impl Iterator<Item = &CheckVerdict> {
    checks.iter().filter(|check| check.level == Level::Block)
}

/// What cannot be told, and what is missing for it. One denied permission may leave many checks open.
fn lacking(checks: &[&CheckVerdict]) -> String {
    let ids: Vec<&str> = checks.iter().map(|check| check.id.as_str()).collect();
    let ids = match ids.as_slice() {
        [first, second, third, more @ ..] if !more.is_empty() => {
            format!("{first}, {second}, {third} and {} more", more.len())
        }
        few => few.join(", "),
    };
    let gaps: std::collections::BTreeSet<&Gap> = checks.iter().flat_map(|check| &check.unknown_because).collect();
    let gaps: Vec<Gap> = gaps.into_iter().cloned().collect();
    // A check that says "unknown" of itself has no gap, and its reason tells more.
    let said = checks.iter().find(|check| check.unknown_because.is_empty()).map(|check| check.reason.clone());
    format!("not enough evidence to decide {ids}: {}", said.unwrap_or_else(|| missing(&gaps)))
}

/// A rollout that began so long before the first look is said to be old.
const OLD_MS: i64 = 10 * 60 * 1000;

/// What a reader must know of the judged rollout: that nothing was deployed, that it is old, or that it took over.
fn rollout_note(target: &TargetRow, judged: &Judged) -> Option<String> {
    let created_at = judged.rollout.created_at?;
    let release = judged.rollout.task_definition.as_deref().and_then(|arn| arn.rsplit('/').next());
    let release = release.unwrap_or(&target.service);
    // To the minute: nobody asks for more.
    let moment = |at: Timestamp| at.to_string().chars().take(16).collect::<String>().replace('T', " ");
    if judged.nothing_deployed {
        return Some(format!("nothing was deployed: {release} has been out since {}", moment(created_at)));
    }
    if let Some(before) = &judged.took_over_from {
        let before =
            before.created_at.map_or_else(|| "an older one".to_owned(), |at| format!("that of {}", moment(at)));
        return Some(format!("the rollout of {release} that began at {} took over from {before}", moment(created_at)));
    }
    let age = target.window_from?.millis_since(created_at);
    (age > OLD_MS).then(|| {
        format!("the rollout of {release} began at {}, {} min before the first look", moment(created_at), age / 60_000)
    })
}

/// Who takes over, and why.
pub(crate) fn decide(
    conclusion: Conclusion,
    checks: &[CheckVerdict],
    settings: &Settings,
    target: &TargetRow,
    judged: &Judged,
) -> Decision {
    let of = |outcome: Outcome| blocking(checks).filter(move |check| check.outcome == outcome);
    let told = |outcome: Outcome| {
        let told: Vec<String> = of(outcome).map(|check| format!("{}: {}", check.id, check.reason)).collect();
        told.join("; ")
    };
    let alert = |why: String| Decision { action: Action::Alert, to: None, runbook: None, why };
    let mut decision = match conclusion {
        Conclusion::Pass => {
            let why = format!("every blocking check that applies passed ({})", of(Outcome::Pass).count());
            Decision { action: Action::Proceed, to: None, runbook: None, why }
        }
        Conclusion::Error => alert(format!("a check could not be evaluated: {}", told(Outcome::Error))),
        Conclusion::Inconclusive if of(Outcome::Unknown).next().is_some() => {
            alert(lacking(&of(Outcome::Unknown).collect::<Vec<_>>()))
        }
        Conclusion::Inconclusive if of(Outcome::Pending).next().is_some() => {
            alert(format!("not finished yet: {}", told(Outcome::Pending)))
        }
        Conclusion::Inconclusive => alert("no blocking check applied: see the gaps".to_owned()),
        Conclusion::Fail => {
            let fails = |owner: Owner| of(Outcome::Fail).any(|check| check.owner == owner);
            let why = told(Outcome::Fail);
            if fails(Owner::Service) && !fails(Owner::Platform) {
                let service = settings.service.as_deref().unwrap_or(&target.service);
                Decision {
                    action: Action::Delegate,
                    to: Some(settings.owner.clone().unwrap_or_else(|| format!("the owner of {service}"))),
                    runbook: settings.runbook.clone(),
                    why,
                }
            } else {
                alert(why)
            }
        }
    };
    if let Some(note) = rollout_note(target, judged) {
        decision.why = match conclusion {
            Conclusion::Pass => format!("{note}; {}", decision.why),
            _ => format!("{}; {note}", decision.why),
        };
    }
    if target.expectation == "newest" {
        decision.why.push_str(
            "; no release was pinned, so the newest deployment at the first snapshot was judged: name it with --expect-task-definition",
        );
    }
    decision
}
