//! The judge that watches while evidence comes, against the one that reads the whole.

use casefile_evidence::AnyRow;

use super::world::{World, check, healthy, outcomes, pack, running_tasks, settings};
use crate::{Analyzer, Conclusion, Judge, Options, Outcome, Pack, can_still_improve};

async fn live(world: &World, judge: &mut Judge) -> crate::Verdict {
    world.rows.iter().for_each(|row| judge.observe(row));
    judge.verdict(world.target()).await.unwrap()
}

async fn judge_of(pack: Pack) -> Judge {
    let analyzer = Analyzer::new(pack, &Options::default()).await.unwrap();
    Judge::new(analyzer, settings(), Options::default()).unwrap()
}

#[tokio::test]
async fn watching_gives_what_reading_gives() {
    let mut dead = healthy(&[10, 60, 200]);
    dead.dead_task("ddd", 60, 1).log("ddd", |_| {}).line("ddd", 55, "FAILED: Multiple head revisions");
    for world in [healthy(&[10, 60]), healthy(&[10, 200]), dead, World::rollout(&[10])] {
        let mut judge = judge_of(running_tasks()).await;
        let watched = live(&world, &mut judge).await;
        let read = world.judge(&running_tasks(), &settings()).await;
        assert_eq!(watched, read);
    }
}

#[tokio::test]
async fn a_check_that_needs_lines_waits_for_the_bundle() {
    let sql = "SELECT log_stream AS resource, 'pass' AS status, message AS reason FROM log_events ORDER BY 1 LIMIT 1";
    let pack = pack(&[("a.sql", check("lines", "\"log_events\"", "none", sql))]);
    let mut judge = judge_of(pack.clone()).await;
    let world = healthy(&[10, 200]);
    let watched = live(&world, &mut judge).await;
    assert_eq!((watched.checks[0].outcome, watched.verdict), (Outcome::Pending, Conclusion::Inconclusive));
    assert_eq!(world.judge(&pack, &settings()).await.checks[0].outcome, Outcome::Pass);
}

#[tokio::test]
async fn waiting_ends_with_a_failure_that_stands_or_with_nothing_open() {
    let mut failed = healthy(&[10, 60]);
    failed.dead_task("ddd", 50, 1).log("ddd", |_| {});
    let mut waiting = healthy(&[10, 60]);
    waiting.rows.retain(|row| !matches!(row, AnyRow::LogEvent(_)));
    let mut told = Vec::new();
    for (title, world) in [("healthy", healthy(&[10, 60])), ("a task died", failed), ("no line yet", waiting)] {
        let mut judge = judge_of(running_tasks()).await;
        let verdict = live(&world, &mut judge).await;
        told.push(format!(
            "{title}: {:?}, can improve: {}\n{}",
            verdict.verdict,
            can_still_improve(&verdict),
            outcomes(&verdict)
        ));
    }
    insta::assert_snapshot!(told.join("\n"));
}
