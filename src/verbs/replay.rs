//! `replay`: the verdict as it stood at each snapshot.

use std::collections::BTreeSet;

use casefile_analyzer::{Analyzer, Level, Outcome, Verdict};
use casefile_evidence::Timestamp;
use casefile_evidence::tables::SnapshotRow;

use super::archive::locate;
use super::{open, options, pack};
use crate::cli::Replay;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::render::{self, Moment};

pub(crate) async fn run(args: &Replay, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(&args.judge.pack)?;
    let located = locate(&args.bundle.named, &args.bundle.from).await?;
    let opened = open(&located.path, Some(&pack), &args.judge.config, printer)?;
    let at: BTreeSet<Timestamp> =
        opened.bundle.rows::<SnapshotRow>()?.into_iter().map(|snapshot| snapshot.observed_at).collect();
    let analyzer = Analyzer::new(pack, &options(&args.judge.engine, None)).await?;
    let mut moments = Vec::with_capacity(at.len());
    let mut created_at = None;
    for at in at {
        let options = options(&args.judge.engine, Some(at));
        let verdict = analyzer.analyze(&opened.evidence, &opened.settings, &options).await?;
        moments.push(moment(at, &verdict));
        // Where nothing was deployed, from the first snapshot.
        created_at = verdict.bundle.target.deployment_created_at.filter(|_| !verdict.rollout.nothing_deployed);
    }
    // Time counts from the rollout that is judged at the end: an earlier moment may have judged another one.
    for moment in &mut moments {
        moment.since_creation_s = created_at.map(|created| moment.at.millis_since(created).div_euclid(1000));
    }
    if moments.is_empty() {
        return Err(Error::usage(format!("{} has no snapshot to replay", args.bundle.named.display())));
    }
    printer.result(args.output.as_deref(), |style| render::replay(&moments, args.format, style))?;
    Ok(Exit::Pass)
}

fn moment(at: Timestamp, verdict: &Verdict) -> Moment {
    let blocking = || verdict.checks.iter().filter(|check| check.level == Level::Block);
    let open = |outcome: &Outcome| matches!(outcome, Outcome::Pending | Outcome::Unknown);
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Fail | Outcome::Error);
    let ids = |which: &dyn Fn(&Outcome) -> bool| -> Vec<String> {
        blocking().filter(|check| which(&check.outcome)).map(|check| check.id.clone()).collect()
    };
    let (failing, waiting) = (ids(&failed), ids(&open));
    Moment {
        at,
        since_creation_s: None,
        verdict: verdict.verdict,
        pending: waiting.len(),
        // While no check has failed, the open checks decide.
        decided_by: if failing.is_empty() { waiting } else { failing },
    }
}
