//! The verdict of the checks, and the decision that follows from it.

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Judged;
use casefile_evidence::tables::TargetRow;
use serde::{Deserialize, Serialize};

use super::causes::{Cause, causes};
use super::check::CheckVerdict;
use super::gap::Gap;
use super::outcome::Outcome;
use crate::settings::Settings;
use crate::terms::{Conclusion, Level, Owner};

/// The action that the operator takes.
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

/// The decision: the action, its addressee, and the causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The action.
    pub action: Action,
    /// To whom it is delegated.
    pub to: Option<String>,
    /// Where that owner's runbook is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Why, in a sentence.
    pub why: String,
    /// Every reason, the most telling first.
    pub causes: Vec<Cause>,
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

/// A rollout that began so long before the first look is said to be old.
const OLD_MS: i64 = 10 * 60 * 1000;

const NOTHING: &str = "nothing was deployed: ";

/// A note about the judged rollout: nothing was deployed, it is old, or it took over from another one.
fn rollout_note(target: &TargetRow, judged: &Judged) -> Option<String> {
    let created_at = judged.rollout.created_at?;
    let release = judged.rollout.task_definition.as_deref().and_then(|arn| arn.rsplit('/').next());
    let release = release.unwrap_or(&target.service);
    // To the minute.
    let moment = |at: Timestamp| at.to_string().chars().take(16).collect::<String>().replace('T', " ");
    let name =
        |arn: Option<&String>| arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or("another revision").to_owned();
    if let Some(later) = &judged.rolled_back_to_it {
        let later = name(later.task_definition.as_ref());
        return Some(format!("a later rollout, of {later}, failed and was rolled back to {release}"));
    }
    if judged.nothing_deployed {
        return Some(format!("{NOTHING}{release} has been out since {}", moment(created_at)));
    }
    if let Some(before) = &judged.took_over_from {
        let before =
            before.created_at.map_or_else(|| "an older one".to_owned(), |at| format!("that of {}", moment(at)));
        return Some(format!("the rollout of {release} that began at {} took over from {before}", moment(created_at)));
    }
    let age = target.window_from?.millis_since(created_at);
    let before_the_apply = target.started_after.is_some_and(|asked| created_at < asked);
    let and_the_apply = if before_the_apply { " and before --started-after" } else { "" };
    (age > OLD_MS).then(|| {
        let (minutes, hours) = (age / 60_000, age / 3_600_000);
        let age = match (minutes, hours) {
            (..120, _) => format!("{minutes} min"),
            (_, ..48) => format!("{hours} h"),
            _ => format!("{} days", hours / 24),
        };
        format!("the rollout of {release} began at {}, {age} before the first look{and_the_apply}", moment(created_at))
    })
}

/// Who takes over, and why.
pub(crate) fn decide(
    conclusion: Conclusion,
    checks: &[CheckVerdict],
    gaps: &[Gap],
    settings: &Settings,
    target: &TargetRow,
    judged: &Judged,
) -> Decision {
    let mut causes = causes(conclusion, checks, gaps, target, judged.superseded_by.is_some());
    let told = |note: &String| {
        causes.iter().any(|cause| cause.checks.iter().any(|id| id == "rollout.began") && note.starts_with(NOTHING))
    };
    if let Some(note) = rollout_note(target, judged).filter(|note| !told(note)).map(Cause::note) {
        let place = if conclusion == Conclusion::Pass { 0 } else { causes.len() };
        causes.insert(place, note);
    }
    if target.expectation == "newest" {
        let note = "no release was pinned, so the newest rollout at the first look was judged: name the revision with --expect-task-definition";
        causes.push(Cause::note(note.to_owned()));
    }
    let why = causes.first().map(|cause| cause.text.clone()).unwrap_or_default();
    let fails = |owner: Owner| blocking(checks).any(|check| check.outcome == Outcome::Fail && check.owner == owner);
    let (action, to, runbook) = match conclusion {
        Conclusion::Pass => (Action::Proceed, None, None),
        Conclusion::Fail if fails(Owner::Service) && !fails(Owner::Platform) => {
            let service = settings.service.as_deref().unwrap_or(&target.service);
            let to = settings.owner.clone().unwrap_or_else(|| format!("the owner of {service}"));
            (Action::Delegate, Some(to), settings.runbook.clone())
        }
        _ => (Action::Alert, None, None),
    };
    Decision { action, to, runbook, why, causes }
}
