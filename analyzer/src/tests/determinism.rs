//! The same verdict, byte for byte, for any order of rows, any number of threads, and wherever the
//! evidence lies.

use casefile_evidence::tables::{ContainerRow, TaskRow};
use casefile_evidence::{AnyRow, Bundle, BundleWriter, ManifestHead};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::world::{DEPLOYMENT, World, at, check, healthy, pack, running_tasks, settings};
use crate::tables::TableData;
use crate::{Evidence, Options, Outcome, Pack, analyze};

fn several_checks() -> Pack {
    let restarts = "SELECT started_by AS resource, CASE WHEN count(*) > 2 THEN 'fail' ELSE 'pass' END AS status,
  string_agg(task_id, ', ' ORDER BY task_id) AS reason, max(stopped_at) AS at FROM latest_tasks GROUP BY started_by";
    let lines =
        "SELECT log_stream AS resource, 'pass' AS status, concat(count(*), ' lines') AS reason, max(timestamp) AS at
FROM log_events GROUP BY log_stream";
    let first = "SELECT resource, 'pass' AS status, message AS reason FROM (
  SELECT log_stream AS resource, message, row_number() OVER (PARTITION BY log_stream ORDER BY timestamp, seq) AS n FROM log_events
) WHERE n = 1";
    let seen = "SELECT task_arn AS resource, 'pass' AS status, concat(count(*)) AS reason FROM tasks JOIN containers USING (task_arn) GROUP BY task_arn";
    let mut files: Vec<(&str, String)> = Vec::new();
    for (id, requires, sql) in [
        ("restarts", "tasks", restarts),
        ("lines", "log_events", lines),
        ("first", "log_events", first),
        ("seen", "tasks", seen),
    ] {
        files.push((id, check(id, &format!("\"{requires}\""), "fail", sql)));
    }
    pack(&files)
}

fn sealed(rows: &[AnyRow], folder: &std::path::Path, name: &str) -> Bundle {
    let path = folder.join(name);
    let mut writer = BundleWriter::create(&path).unwrap();
    for row in rows {
        writer.push(row.clone()).unwrap();
    }
    writer.seal(&ManifestHead::default()).unwrap();
    Bundle::open(&path).unwrap()
}

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_time().build().unwrap()
}

fn judged(evidence: &Evidence, pack: &Pack, threads: usize) -> String {
    let options = Options { threads, ..Default::default() };
    let verdict = runtime(threads).block_on(analyze(evidence, pack, &settings(), &options)).unwrap();
    verdict.to_canonical_json().unwrap()
}

/// Small worlds: some tasks, some of them dead, some lines, some sources that do not stand well.
fn worlds() -> impl Strategy<Value = World> {
    let task = (any::<bool>(), any::<bool>(), prop::collection::vec((0_i64..190, 0_usize..4), 0..6), 0_usize..4);
    prop::collection::vec(task, 0..5).prop_map(|tasks| {
        let mut world = World::rollout(&[10, 60, 200]);
        for (number, (ours, dead, lines, source)) in tasks.into_iter().enumerate() {
            let id = format!("task{number}");
            if dead {
                world.dead_task(&id, 100, 1);
            } else {
                world.task(&id, if ours { DEPLOYMENT } else { "ecs-svc/2222222222222222222" }, |_, _| {});
            }
            match source {
                0 => {}
                1 => {
                    world.log(&id, |row| row.status = "denied".to_owned());
                }
                _ => {
                    world.log(&id, |_| {});
                }
            }
            for (second, message) in lines {
                let message =
                    ["Running upgrade a -> b", "Multiple head revisions", "started", "GET /health 200"][message];
                world.line(&id, second, message);
            }
        }
        world
    })
}

#[test]
fn order_threads_and_place_do_not_matter() {
    let pack = several_checks();
    let case = (worlds(), any::<u64>());
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    runner
        .run(&case, |(world, seed)| {
            let folder = tempfile::tempdir().unwrap();
            let rows = world.all();
            let mut shuffled = rows.clone();
            shuffle(&mut shuffled, seed);
            let one = sealed(&rows, folder.path(), "one");
            let two = sealed(&shuffled, folder.path(), "two");
            prop_assert_eq!(one.digest(), two.digest());
            let one = Evidence::bundle(&one).unwrap();
            let two = Evidence::bundle(&two).unwrap();
            let expected = judged(&one, &pack, 1);
            prop_assert_eq!(&judged(&two, &pack, 8), &expected);
            // In memory it is the same, but for the bundle's name.
            let mut sealed: crate::Verdict = serde_json::from_str(&expected).unwrap();
            let held: crate::Verdict =
                serde_json::from_str(&judged(&Evidence::rows(shuffled).unwrap(), &pack, 1)).unwrap();
            sealed.bundle = held.bundle.clone();
            sealed.digest.clone_from(&held.digest);
            prop_assert_eq!(sealed, held);
            Ok(())
        })
        .unwrap();
}

/// Fisher-Yates with a xorshift: the order is the seed's alone.
fn shuffle<T>(rows: &mut [T], mut seed: u64) {
    seed |= 1;
    for place in (1..rows.len()).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        rows.swap(place, usize::try_from(seed % (place as u64 + 1)).unwrap());
    }
}

#[test]
fn losing_a_source_never_turns_a_pass_into_a_fail_or_back() {
    let pack = several_checks();
    let mut runner = TestRunner::new(Config { cases: 10, failure_persistence: None, ..Config::default() });
    runner
        .run(&(worlds(), any::<prop::sample::Index>()), |(world, lost)| {
            let judge = |world: &World| {
                let evidence = Evidence::rows(world.all()).unwrap();
                runtime(1).block_on(analyze(&evidence, &pack, &settings(), &Options::default())).unwrap()
            };
            let sources: Vec<usize> = world
                .rows
                .iter()
                .enumerate()
                .filter(|(_, row)| matches!(row, AnyRow::Source(_)))
                .map(|(place, _)| place)
                .collect();
            let before = judge(&world);
            let mut lacking = world.clone();
            if let AnyRow::Source(source) = &mut lacking.rows[*lost.get(&sources)] {
                source.status = "denied".to_owned();
            }
            let after = judge(&lacking);
            for (before, after) in before.checks.iter().zip(&after.checks) {
                let same = before.outcome == after.outcome;
                prop_assert!(
                    same || after.outcome == Outcome::Unknown,
                    "{}: {:?} -> {:?}",
                    before.id,
                    before.outcome,
                    after.outcome
                );
                if before.outcome == Outcome::Fail && before.kind == crate::Kind::Check {
                    prop_assert!(same, "a failing row of {} stands", before.id);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_bundle_is_judged_as_its_rows_are_at_every_moment() {
    let folder = tempfile::tempdir().unwrap();
    let world = healthy(&[10, 60, 200]);
    let bundle = sealed(&world.all(), folder.path(), "b");
    let (filed, held) = (Evidence::bundle(&bundle).unwrap(), Evidence::rows(world.all()).unwrap());
    for second in [5, 10, 60, 199, 200] {
        let options = Options { as_of: Some(at(second)), ..Default::default() };
        let pack = several_checks();
        let judge = |evidence: &Evidence| {
            let verdict = runtime(2).block_on(analyze(evidence, &pack, &settings(), &options)).unwrap();
            (verdict.verdict, verdict.checks, verdict.gaps)
        };
        assert_eq!(judge(&filed), judge(&held), "as of {second} s");
    }
}

/// The tables of tasks and containers are too large to be held, and a query may hold less than one of them.
#[test]
fn large_tables_are_read_from_disk_and_judged_as_those_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = healthy(&(10..=200).step_by(2).collect::<Vec<_>>());
    world.dead_task("ccc", 100, 1);
    for number in 0..60 {
        world.task(&format!("old{number}"), "ecs-svc/2222222222222222222", |task, container| {
            let raw = format!("{{\"attributes\":\"{}\"}}", "x".repeat(5000));
            (task.raw, container.raw) = (raw.clone(), raw);
        });
    }
    for row in world.rows.clone() {
        for (snapshot, second) in (10..200).step_by(2).enumerate() {
            let (snapshot, observed_at) = (snapshot as i64, at(second));
            match &row {
                AnyRow::Task(row) => {
                    world.add(TaskRow { snapshot, observed_at, ..*row.clone() });
                }
                AnyRow::Container(row) => {
                    world.add(ContainerRow { snapshot, observed_at, ..*row.clone() });
                }
                _ => {}
            }
        }
    }
    let bundle = sealed(&world.all(), folder.path(), "b");
    let (filed, held) = (Evidence::bundle(&bundle).unwrap(), Evidence::rows(world.all()).unwrap());
    let is_filed = |table: &str| matches!(filed.tables[table], TableData::Filed);
    assert!(is_filed("tasks") && is_filed("containers") && !is_filed("sources"));
    for second in [60, 200] {
        let judge = |evidence: &Evidence, memory_limit| {
            let options = Options { as_of: Some(at(second)), memory_limit, ..Default::default() };
            let verdict = runtime(2).block_on(analyze(evidence, &running_tasks(), &settings(), &options)).unwrap();
            (verdict.verdict, verdict.checks, verdict.gaps, verdict.impact)
        };
        assert_eq!(judge(&filed, MEMORY), judge(&held, Options::default().memory_limit), "as of {second} s");
    }
}

/// Lines of several row groups, which are read on several threads: a stack trace begins in one and ends in the next.
#[test]
fn row_groups_are_matched_in_their_order() {
    const GROUP: usize = 256 * 1024;
    const TRACE: [&str; 3] = [
        "Traceback (most recent call last):",
        "  File \"/app/run.py\", line 1, in <module>",
        "ValueError: Multiple head revisions are present",
    ];
    let mut world = World::rollout(&[10, 200]);
    world.task("aaa", DEPLOYMENT, |_, _| {}).log("aaa", |_| {});
    for number in 0..2 * GROUP + 100 {
        let of_trace = number.checked_sub(GROUP - 2).and_then(|line| TRACE.get(line)).copied();
        let usual = match number {
            7_000 | 270_000 | 524_300 => "Running upgrade a -> b",
            _ => "GET /health 200",
        };
        world.line("aaa", 60 + (number / 10_000) as i64, of_trace.unwrap_or(usual));
    }
    let folder = tempfile::tempdir().unwrap();
    let (filed, held) = (sealed(&world.all(), folder.path(), "b"), Evidence::rows(world.all()).unwrap());
    let filed = Evidence::bundle(&filed).unwrap();
    assert_eq!(filed.stored_lines().unwrap().map(|groups| groups.count()), Some(3), "not held");
    let checks = |evidence, threads| {
        let verdict = serde_json::from_str::<crate::Verdict>(&judged(evidence, &running_tasks(), threads)).unwrap();
        verdict.checks
    };
    let expected = checks(&held, 1);
    let is_told = |check: &crate::CheckVerdict| {
        check.outcome == Outcome::Fail && check.rows.iter().any(|row| format!("{row:?}").contains("ValueError"))
    };
    assert!(expected.iter().any(is_told), "{expected:?}");
    for threads in [1, 2, 5] {
        assert_eq!(checks(&filed, threads), expected, "{threads} threads");
    }
}

/// Less than a table, and enough for the last row of each task.
const MEMORY: usize = 8 << 20;

#[test]
fn the_verdict_names_its_bundle_pack_and_config() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = sealed(&healthy(&[10, 200]).all(), folder.path(), "b");
    let evidence = Evidence::bundle(&bundle).unwrap();
    let verdict = runtime(1).block_on(analyze(&evidence, &running_tasks(), &settings(), &Options::default())).unwrap();
    assert_eq!(verdict.bundle.digest, Some(bundle.digest().to_string()));
    assert_eq!(verdict.bundle.format, Some(casefile_evidence::FORMAT));
    assert_eq!(verdict.pack.digest, running_tasks().digest().to_string());
    let json = verdict.to_canonical_json().unwrap();
    assert!(!json.contains(&folder.path().display().to_string()), "no path of a machine is in a verdict");
    let read: crate::Verdict = serde_json::from_str(&json).unwrap();
    assert_eq!(read, verdict);
}

/// The cost of a million lines.
#[test]
#[ignore = "measures the memory of the whole process: run it alone, with --ignored"]
fn a_million_lines_pass_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big");
    let mut writer = BundleWriter::create(&path).unwrap();
    let world = healthy(&[10, 200]);
    for row in world.all() {
        writer.push(row).unwrap();
    }
    let mut rows = World::rollout(&[200]);
    rows.line("aaa", 60, "");
    let Some(AnyRow::LogEvent(line)) = rows.rows.pop() else { panic!("the last row is the line") };
    for seq in 0..1_000_000 {
        let message = format!("INFO GET /api/items/{seq} 200 in {} ms, a line of a usual length or so", seq % 97);
        writer.push(casefile_evidence::tables::LogEventRow { seq: seq + 100, message, ..*line.clone() }).unwrap();
    }
    writer.seal(&ManifestHead::default()).unwrap();
    let written = peak_kib();
    let started = std::time::Instant::now();
    let evidence = Evidence::bundle(&Bundle::open(&path).unwrap()).unwrap();
    let verdict = runtime(2).block_on(analyze(&evidence, &running_tasks(), &settings(), &Options::default())).unwrap();
    println!(
        "{:?} in {:?}; peak {} MiB after writing, {} MiB now",
        verdict.verdict,
        started.elapsed(),
        written / 1024,
        peak_kib() / 1024
    );
    assert!(peak_kib() - written < 200 * 1024);
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
