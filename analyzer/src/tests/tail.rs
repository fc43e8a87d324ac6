//! The last log lines of failed containers, in the rows that name them.

use casefile_evidence::AnyRow;

use super::world::{DEPLOYMENT, World, at, check, pack, settings, stream};
use crate::{CheckVerdict, Evidence, EvidenceRow, Options, Pack, Tail, Verdict};

fn ended_tasks() -> Pack {
    let sql =
        "SELECT concat('task ', task_id) AS resource, 'fail' AS status, reason, at, task_id, container FROM task_ends";
    let without = "SELECT concat('task ', task_id) AS resource, 'fail' AS status, reason, at, task_id FROM task_ends";
    pack(&[
        ("ended.sql", check("tasks.ended", "\"tasks\"", "fail", sql)),
        ("without.sql", check("tasks.without", "\"tasks\"", "fail", without)),
    ])
}

async fn judged(world: &World) -> CheckVerdict {
    let verdict = world.judge(&ended_tasks(), &settings()).await;
    assert!(verdict.checks[1].rows.iter().all(|row| row.tail.is_none()), "it does not name containers");
    verdict.checks.into_iter().next().unwrap()
}

fn tail(row: &EvidenceRow) -> &Tail {
    row.tail.as_ref().unwrap()
}

fn texts(tail: &Tail) -> Vec<&str> {
    tail.lines.iter().map(|line| line.line.as_str()).collect()
}

/// A world in which each of these tasks died and its log was read.
fn dead(tasks: &[&str]) -> World {
    let mut world = World::rollout(&[10, 60, 200]);
    for task in tasks {
        world.dead_task(task, 60, 1).log(task, |_| {});
    }
    world
}

#[tokio::test]
async fn the_last_twenty_lines_as_a_person_reads_them() {
    let mut world = dead(&["aaa"]);
    for number in 0..30 {
        world.line("aaa", 40 + number / 10, &format!("\u{1b}[31mline\u{1b}[0m {number}\n"));
    }
    world.line("aaa", 50, r#"{"container_name":"app","log":"two\nlines\n","source":"stderr"}"#);
    world.line("aaa", 50, &"é".repeat(2000));
    let check = judged(&world).await;
    let tail = tail(&check.rows[0]);
    let texts = texts(tail);
    assert_eq!((texts.len(), texts[0], texts[17], texts[18]), (20, "line 13", "two", "lines"));
    assert!(texts[19].ends_with('…') && texts[19].chars().count() == 1000);
    assert_eq!((tail.container.as_deref(), tail.log_stream.as_deref()), (Some("app"), Some(stream("aaa").as_str())));
    assert_eq!((tail.lines[0].at, &tail.note, &tail.same_as), (at(41), &None, &None));
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../../docs/verdict.schema.json")).unwrap();
    let mut problems = Vec::new();
    let json = serde_json::to_value(tail).unwrap();
    super::schema::check(&schema["$defs"]["tail"], &schema, &json, "tail", &mut problems);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn traceback(world: &mut World, task: &str, frames: usize) {
    world.line(task, 50, "Traceback (most recent call last):");
    for frame in 0..frames {
        world.line(task, 50, &format!("  File \"/app/a.py\", line {frame}, in f{frame}"));
    }
    world.line(task, 50, "ModuleNotFoundError: No module named 'x'");
}

#[tokio::test]
async fn a_stack_trace_is_given_whole() {
    for (frames, first, count) in [
        (60, "Traceback (most recent call last):", 63),
        (3, "boot 6", 20),
        // Longer than the limit: the end is kept.
        (500, "  File \"/app/a.py\", line 402, in f402", 100),
    ] {
        let mut world = dead(&["aaa"]);
        for number in 0..20 {
            world.line("aaa", 40, &format!("boot {number}"));
        }
        traceback(&mut world, "aaa", frames);
        world.line("aaa", 50, "worker exits");
        let check = judged(&world).await;
        let texts = texts(tail(&check.rows[0]));
        assert_eq!((texts[0], texts.len(), texts[count - 1]), (first, count, "worker exits"), "{frames}");
    }
    let mut java = dead(&["aaa"]);
    java.line("aaa", 40, "up").line("aaa", 50, "java.lang.IllegalStateException: boom");
    for frame in 0..30 {
        java.line("aaa", 50, &format!("\tat com.example.A.f{frame}(A.java:{frame})"));
    }
    let check = judged(&java).await;
    let texts = texts(tail(&check.rows[0]));
    assert_eq!((texts.len(), texts[0]), (31, "java.lang.IllegalStateException: boom"));
}

#[tokio::test]
async fn lines_that_are_the_same_are_given_once() {
    let ids: Vec<String> = (10..50).map(|number| format!("task{number}")).collect();
    let mut world = dead(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    for (number, id) in ids.iter().enumerate() {
        world.line(id, 50, &format!("2026-11-23 07:44:{number:02},123 [7] ERROR boom"));
        traceback(&mut world, id, 60);
    }
    let check = judged(&world).await;
    assert_eq!(check.rows.len(), 40);
    assert_eq!(texts(tail(&check.rows[0])).len(), 62);
    for row in &check.rows[1..] {
        let tail = tail(row);
        assert_eq!((tail.lines.len(), tail.same_as.as_deref()), (0, Some("task task10")));
    }
}

#[tokio::test]
async fn ten_rows_of_a_check_carry_lines() {
    let ids: Vec<String> = (10..50).map(|number| format!("task{number}")).collect();
    let mut world = dead(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    for (number, id) in ids.iter().enumerate() {
        world.line(id, 50, &format!("cause {number}"));
    }
    let check = judged(&world).await;
    assert_eq!(check.rows.iter().filter(|row| !tail(row).lines.is_empty()).count(), 10);
    assert!(tail(&check.rows[39]).note.as_ref().unwrap().contains("not listed"));
}

#[tokio::test]
async fn why_there_are_no_lines_is_said() {
    let mut world = dead(&["silent"]);
    world.dead_task("denied", 60, 1).log("denied", |row| {
        row.status = "denied".to_owned();
        row.error_code = Some("AccessDeniedException".to_owned());
    });
    world.dead_task("unasked", 60, 1);
    world.dead_task("cut", 60, 1).line("cut", 30, "boot").log("cut", |row| row.covered_to = Some(at(40)));
    world.task("never", DEPLOYMENT, |task, container| {
        task.last_status = Some("STOPPED".to_owned());
        task.stop_code = Some("TaskFailedToStart".to_owned());
        (task.started_at, task.stopped_at) = (None, Some(at(60)));
        container.last_status = Some("STOPPED".to_owned());
    });
    let check = judged(&world).await;
    let said: Vec<String> = check
        .rows
        .iter()
        .map(|row| {
            let note = row.tail.as_ref().map(|tail| (tail.note.clone().unwrap_or_default(), texts(tail)));
            format!("{}: {note:?}", row.resource)
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn where_no_container_failed_the_essential_one_that_wrote_last_tells() {
    let mut world = dead(&[]);
    world.dead_task("aaa", 60, 0).log("aaa", |_| {}).line("aaa", 50, "bye");
    let check = judged(&world).await;
    assert_eq!(check.rows[0].more.get("container"), None);
    assert_eq!(texts(tail(&check.rows[0])), ["bye"]);
    // The lines of a container that is not essential are not the program's.
    for row in &mut world.rows {
        if let AnyRow::LogEvent(line) = row {
            line.container = Some("otel".into());
        }
    }
    let check = judged(&world).await;
    assert_eq!(tail(&check.rows[0]).note.as_deref(), Some("no line was logged"));
}

async fn as_of(world: &World, second: i64) -> Verdict {
    let options = Options { as_of: Some(at(second)), ..Options::default() };
    crate::analyze(&Evidence::rows(world.all()).unwrap(), &ended_tasks(), &settings(), &options).await.unwrap()
}

#[tokio::test]
async fn nothing_that_was_observed_later_is_among_them() {
    // A task that is first seen at 60 s, with a line; at 200 s there is another.
    let mut world = World::rollout(&[10, 60]);
    world.dead_task("aaa", 50, 1).log("aaa", |_| {}).line("aaa", 40, "first");
    let mut later = World::rollout(&[10, 60, 200]);
    later.line("aaa", 45, "zero").line("aaa", 45, "second");
    let lines = later.rows.into_iter().filter(|row| matches!(row, AnyRow::LogEvent(row) if row.seq > 0));
    let snapshot = World::rollout(&[10, 60, 200])
        .rows
        .into_iter()
        .filter(|row| matches!(row, AnyRow::Snapshot(row) if row.snapshot == 2));
    world.rows.extend(lines.chain(snapshot));
    let early = as_of(&world, 60).await;
    assert_eq!(texts(tail(&early.checks[0].rows[0])), ["first"]);
    let late = as_of(&world, 200).await;
    assert_eq!(texts(tail(&late.checks[0].rows[0])), ["first", "second"]);
    assert_eq!(late.computed_digest().unwrap(), as_of(&world, 200).await.digest);
}
