//! From rows to verdict and decision.

use std::collections::BTreeMap;

use super::world::{self, DEPLOYMENT, World, check, healthy, outcomes, pack, running_tasks, settings};
use crate::settings::CheckSettings;
use crate::{Action, Conclusion, Evidence, Level, Options, Outcome, Pack, Settings, analyze, can_still_improve, lint};

#[tokio::test]
async fn the_shipped_pack_is_sound() {
    let pack = Pack::embedded().unwrap();
    let errors = lint(&pack, &Options::default()).await.unwrap();
    assert!(errors.is_empty(), "{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn a_healthy_rollout_passes_and_proceeds() {
    let verdict = healthy(&[10, 60, 200]).judge(&running_tasks(), &settings()).await;
    assert_eq!((verdict.verdict, verdict.decision.action), (Conclusion::Pass, Action::Proceed));
    assert_eq!(verdict.digest, verdict.computed_digest().unwrap());
    assert_eq!(verdict.bundle.digest, None, "rows in memory are no bundle");
    assert_eq!(verdict.as_of, Some(world::at(200)));
    insta::assert_snapshot!(outcomes(&verdict));
}

/// A check that gives one row.
fn one(id: &str, owner: &str, status: &str) -> (String, String) {
    let sql = format!("SELECT 'r' AS resource, '{status}' AS status, 'because of {id}' AS reason");
    let file = check(id, "\"target\"", "none", &sql).replace("owner = \"service\"", &format!("owner = \"{owner}\""));
    (format!("{id}.sql"), file)
}

#[tokio::test]
async fn decisions_follow_who_owns_what_fails() {
    let cases: [&[(&str, &str)]; 12] = [
        &[("service", "pass"), ("platform", "pass"), ("shared", "pass")],
        &[("service", "fail"), ("platform", "pass"), ("shared", "pass")],
        &[("service", "fail"), ("platform", "pass"), ("shared", "fail")],
        &[("service", "fail"), ("platform", "fail"), ("shared", "pass")],
        &[("service", "pass"), ("platform", "fail"), ("shared", "pass")],
        &[("service", "pass"), ("platform", "pass"), ("shared", "fail")],
        &[("service", "fail"), ("platform", "unknown"), ("shared", "pass")],
        &[("service", "pass"), ("platform", "unknown"), ("shared", "pass")],
        &[("service", "pass"), ("platform", "pending"), ("shared", "pass")],
        &[("service", "pass"), ("platform", "pending"), ("shared", "unknown")],
        &[("service", "skip"), ("platform", "skip"), ("shared", "skip")],
        &[("service", "pass"), ("platform", "skip"), ("shared", "skip")],
    ];
    let evidence = Evidence::rows(World::rollout(&[10]).all()).unwrap();
    let mut table = Vec::new();
    for case in cases {
        let files: BTreeMap<String, String> = case.iter().map(|(owner, status)| one(owner, owner, status)).collect();
        let pack = Pack::from_files("q", files).unwrap();
        let verdict = analyze(&evidence, &pack, &settings_without_signatures(), &Options::default()).await.unwrap();
        let said = case.iter().map(|(owner, status)| format!("{owner} {status}")).collect::<Vec<_>>().join(", ");
        let to = verdict.decision.to.as_deref().unwrap_or("-");
        table.push(format!(
            "{said} => {:?}, {:?} to {to}: {} [can improve: {}]",
            verdict.verdict,
            verdict.decision.action,
            verdict.decision.why,
            can_still_improve(&verdict)
        ));
    }
    insta::assert_snapshot!(table.join("\n"));
}

fn settings_without_signatures() -> Settings {
    Settings { signature: Vec::new(), ..settings() }
}

#[tokio::test]
async fn advice_never_gates_and_settings_can_make_it_so() {
    let mut world = healthy(&[10, 200]);
    world.dead_task("ddd", 60, 1).log("ddd", |_| {});
    let failing = world.judge(&running_tasks(), &settings()).await;
    assert_eq!(failing.verdict, Conclusion::Fail);
    let mut advised = settings();
    advised.checks.insert("tasks.running".to_owned(), CheckSettings { level: Some(Level::Advise), owner: None });
    let advised = world.judge(&running_tasks(), &advised).await;
    assert_eq!(advised.verdict, Conclusion::Pass);
    assert_eq!(advised.checks[0].outcome, Outcome::Fail, "it is reported all the same");
    assert_ne!(failing.config.digest, advised.config.digest);
}

#[tokio::test]
async fn a_broken_check_is_an_error_unless_something_fails() {
    let evidence = Evidence::rows(World::rollout(&[10]).all()).unwrap();
    let broken = (
        "b.sql".to_owned(),
        check("broken", "\"target\"", "none", "SELECT 'r' AS resource, concat('o', 'ops') AS status, '' AS reason"),
    );
    let mut conclusions = Vec::new();
    for status in ["pass", "unknown", "fail"] {
        let pack = Pack::from_files("q", [broken.clone(), one("other", "service", status)].into()).unwrap();
        let verdict = analyze(&evidence, &pack, &settings_without_signatures(), &Options::default()).await.unwrap();
        conclusions.push((verdict.verdict, verdict.decision.action));
    }
    assert_eq!(
        conclusions,
        [(Conclusion::Error, Action::Alert), (Conclusion::Error, Action::Alert), (Conclusion::Fail, Action::Delegate),]
    );
}

#[tokio::test]
async fn a_release_that_nobody_pinned_is_said_to_be_so() {
    let world = healthy(&[10, 200]);
    let mut rows = world.rows.clone();
    rows.push(casefile_evidence::tables::TargetRow { expectation: "newest".to_owned(), ..world.target() }.into());
    let evidence = Evidence::rows(rows).unwrap();
    let verdict = analyze(&evidence, &running_tasks(), &settings(), &Options::default()).await.unwrap();
    assert_eq!(verdict.bundle.target.expectation, "newest");
    let causes = &verdict.decision.causes;
    assert!(causes.iter().any(|cause| cause.text.contains("no release was pinned")), "{causes:?}");
}

#[tokio::test]
async fn every_kind_of_gap_says_what_is_missing_and_how_to_get_it() {
    let mut world = World::rollout(&[10, 200]);
    world.task("aaa", DEPLOYMENT, |_, _| {});
    world.denied("tasks", "ListTasks");
    world.source("service_events", "DescribeServices", |row| row.covered_from = Some(world::at(100)));
    world.source("task_definitions", "DescribeTaskDefinition", |row| row.exhausted = false);
    let tables = [
        "tasks",
        "service_events",
        "container_definitions",
        "service_deployments",
        "task_sets",
        "services",
        "log_events",
        "target",
    ];
    let files: Vec<(String, String)> = tables
        .iter()
        .map(|table| {
            let sql = "SELECT 'r' AS resource, 'pass' AS status, 'x' AS reason";
            let id = table.replace('_', "-");
            (format!("{id}.sql"), check(&id, &format!("\"{table}\""), "fail", sql))
        })
        .collect();
    let pack = Pack::from_files("q", files.into_iter().collect()).unwrap();
    let verdict = world.judge(&pack, &settings_without_signatures()).await;
    assert_eq!((verdict.verdict, verdict.decision.action), (Conclusion::Inconclusive, Action::Alert));
    let told: Vec<String> = verdict
        .checks
        .iter()
        .flat_map(|check| {
            let outcome = format!("{}: {:?}", check.id, check.outcome);
            let gaps = check
                .unknown_because
                .iter()
                .map(|gap| format!("  {} [{}]: {} -> {}", gap.source, gap.status, gap.error, gap.remedy));
            std::iter::once(outcome).chain(gaps).collect::<Vec<_>>()
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(verdict.gaps.len(), 3, "what was asked and does not stand well: {:?}", verdict.gaps);
}

#[tokio::test]
async fn an_answer_that_came_later_heals_a_gap() {
    let mut world = World::rollout(&[10]);
    world.denied("tasks", "ListTasks");
    assert_eq!(world.judge(&running_tasks(), &settings_without_signatures()).await.checks[0].outcome, Outcome::Unknown);
    let mut healed = World::rollout(&[10, 20]);
    healed.rows.extend(world.rows.iter().filter(|row| matches!(row, casefile_evidence::AnyRow::Source(_))).cloned());
    assert_eq!(healed.judge(&running_tasks(), &settings_without_signatures()).await.checks[0].outcome, Outcome::Skip);
}

#[tokio::test]
async fn as_of_a_moment_nothing_later_exists() {
    let mut world = World::rollout(&[10]);
    world.task("aaa", DEPLOYMENT, |task, _| task.last_status = Some("PENDING".to_owned()));
    let later = healthy(&[10, 60, 200]);
    let keep =
        |row: &&casefile_evidence::AnyRow| !matches!(row, casefile_evidence::AnyRow::Snapshot(s) if s.snapshot == 0);
    world.rows.extend(later.rows.iter().filter(keep).cloned());
    let evidence = Evidence::rows(world.all()).unwrap();
    let mut table = Vec::new();
    for second in [10, 60, 200, 1000] {
        let options = Options { as_of: Some(world::at(second)), ..Default::default() };
        let verdict = analyze(&evidence, &running_tasks(), &settings(), &options).await.unwrap();
        let as_of = verdict.as_of.unwrap().millis_since(world::at(0)) / 1000;
        table.push(format!("as of {second} s ({as_of} s): {:?}\n{}", verdict.verdict, outcomes(&verdict)));
    }
    insta::assert_snapshot!(table.join("\n"));
}

#[tokio::test]
async fn many_rows_are_counted_and_the_failing_ones_are_kept() {
    let mut world = World::rollout(&[10]);
    for task in 0..70 {
        world.task(&format!("run{task:03}"), DEPLOYMENT, |_, _| {});
    }
    world.dead_task("zzz", 5, 1);
    let verdict = world.judge(&running_tasks(), &settings_without_signatures()).await;
    let check = &verdict.checks[0];
    assert_eq!((check.rows.len(), check.rows_omitted), (crate::ROWS_KEPT, 71 - crate::ROWS_KEPT));
    assert_eq!(check.rows[0].resource, "task zzz");
    assert_eq!(serde_json::to_string(&check.counts).unwrap(), r#"{"fail":1,"pass":70}"#);
}

#[tokio::test]
async fn every_type_is_text_in_the_evidence() {
    let sql = "SELECT 'r' AS resource, 'pass' AS status, CAST(NULL AS VARCHAR) AS reason, window_to AS at,
  1.50 AS observed, TRUE AS expected, window_to AS moment, make_array(1, 2) AS list, CAST(NULL AS BIGINT) AS nothing,
  window_to - deployment_created_at AS took, snapshot AS n
FROM target CROSS JOIN snapshots";
    let pack = pack(&[("a.sql", check("a", "\"target\"", "none", sql))]);
    let verdict = World::rollout(&[10]).judge(&pack, &settings_without_signatures()).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&verdict.checks[0].rows).unwrap());
}

#[tokio::test]
async fn evidence_without_exactly_one_target_is_refused() {
    for (rows, found) in [(vec![], 0), (vec![world::healthy(&[1]).target().into(); 2], 2)] {
        let evidence = Evidence::rows(rows).unwrap();
        let error = analyze(&evidence, &running_tasks(), &settings(), &Options::default()).await.unwrap_err();
        assert!(matches!(error, crate::AnalyzeError::Target { rows } if rows == found), "{error}");
    }
}
