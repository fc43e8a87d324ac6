//! The shipped checks, each on miniatures of a rollout: their outcomes and reasons.
//!
//! Every miniature is the healthy one with a change; the snapshots have the text that an operator reads.

mod evidence;
mod mini;
mod network;
mod rollout;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use casefile_analyzer::{
    CheckVerdict, Conclusion, Evidence, Level, Options, Outcome, Owner, Pack, Settings, Status, Verdict, analyze, lint,
};
use mini::{JUDGED, Mini, NEWER, OLD, at};

pub(crate) type Test = Result<(), Box<dyn Error>>;

pub(crate) fn shipped() -> Result<Pack, Box<dyn Error>> {
    Pack::embedded().map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").into())
}

/// The shipped checks of these ids alone.
pub(crate) fn only(ids: &[&str]) -> Result<Pack, Box<dyn Error>> {
    let pack = shipped()?;
    let mut files = BTreeMap::new();
    for id in ids {
        let check = pack.check(id).ok_or_else(|| format!("there is no check {id}"))?;
        files.insert(format!("{id}.sql"), check.sql.clone());
    }
    Pack::from_files("queries", files)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>().into())
}

pub(crate) async fn judge(pack: &Pack, mini: &Mini) -> Result<Verdict, Box<dyn Error>> {
    let evidence = Evidence::rows(mini.rows())?;
    Ok(analyze(&evidence, pack, &Settings::default(), &Options::default()).await?)
}

/// One line a miniature: the outcome of the check, and its reason.
pub(crate) async fn told(id: &str, minis: &[(&str, Mini)]) -> Result<String, Box<dyn Error>> {
    let pack = only(&[id])?;
    let mut lines = Vec::new();
    for (name, mini) in minis {
        let verdict = judge(&pack, mini).await?;
        let check = verdict.checks.first().ok_or("no check was judged")?;
        lines.push(format!("{name}: {:?}: {}", check.outcome, check.reason));
    }
    Ok(lines.join("\n"))
}

pub(crate) fn outcomes(verdict: &Verdict) -> String {
    let line = |check: &CheckVerdict| format!("{:?} {}: {}", check.outcome, check.id, check.reason);
    verdict.checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_shipped_checks_are_sound() -> Test {
    let errors: Vec<String> = lint(&shipped()?, &Options::default()).await?.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    for check in shipped()?.checks() {
        let path = format!("queries/{}.sql", check.header.id.replacen('.', "/", 1));
        assert_eq!(check.file, path, "a check lies where its id says");
        assert!(check.header.advice.is_some(), "{}: what is to be done when it fails?", check.file);
        assert!(!check.prose().is_empty(), "{}: which field of AWS decides?", check.file);
    }
    Ok(())
}

#[tokio::test]
async fn a_healthy_rollout_passes() -> Test {
    let verdict = judge(&shipped()?, &Mini::healthy()).await?;
    assert_eq!(verdict.verdict, Conclusion::Pass);
    insta::assert_snapshot!(outcomes(&verdict));
    Ok(())
}

#[tokio::test]
async fn a_rollout_in_progress_is_pending_and_never_passes() -> Test {
    let verdict = judge(&shipped()?, &Mini::in_progress()).await?;
    assert_eq!(verdict.verdict, Conclusion::Inconclusive);
    let blocking: Vec<&CheckVerdict> =
        verdict.with_outcome(Outcome::Fail).filter(|c| c.level == Level::Block).collect();
    assert!(blocking.is_empty(), "{blocking:?}");
    insta::assert_snapshot!(outcomes(&verdict));
    Ok(())
}

#[tokio::test]
async fn a_rollback_is_shared_and_a_supersession_is_never_a_circuit_breaker() -> Test {
    let pack = shipped()?;
    for (mini, word) in [(Mini::rolled_back(), "circuit breaker"), (Mini::superseded(), "superseded by")] {
        let verdict = judge(&pack, &mini).await?;
        assert_eq!(verdict.verdict, Conclusion::Fail);
        let failing: Vec<&CheckVerdict> = verdict.with_outcome(Outcome::Fail).collect();
        assert!(failing.iter().all(|check| check.owner == Owner::Shared), "{}", outcomes(&verdict));
        assert!(failing.iter().any(|check| check.reason.contains(word)), "{}", outcomes(&verdict));
        if word != "circuit breaker" {
            let text = serde_json::to_string(&verdict.checks.iter().map(|c| &c.rows).collect::<Vec<_>>())?;
            assert!(!text.contains("circuit breaker"), "{text}");
        }
    }
    Ok(())
}
