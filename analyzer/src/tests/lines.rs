//! The text that a signature sees of a log event.

use std::fmt::Write as _;

use casefile_evidence::AnyRow;
use casefile_evidence::tables::LogEventRow;

use super::world::{DEPLOYMENT, World, at, outcomes, running_tasks, settings, signature, stream};
use crate::{Analyzer, CheckVerdict, Expect, Judge, Options, Settings, Signature, Verdict};

const HEADS: &str = "FAILED: Multiple head revisions are present";
const UPGRADE: &str = "Running upgrade a -> b";
const TRACEBACK: [&str; 4] = [
    "Traceback (most recent call last):",
    "  File \"/app/worker/registry.py\", line 12, in load",
    "    return importlib.import_module(name)",
    "ModuleNotFoundError: No module named 'plugins.invoice'",
];

fn rollout() -> World {
    let mut world = World::rollout(&[10, 200]);
    world.task("aaa", DEPLOYMENT, |_, _| {}).log("aaa", |_| {});
    world
}

/// Changes the line that was added last.
fn change(world: &mut World, change: impl FnOnce(&mut LogEventRow)) {
    if let Some(AnyRow::LogEvent(line)) = world.rows.last_mut() {
        change(line);
    }
}

/// One signature: a failure with a pattern.
fn failure(pattern: &str) -> Settings {
    let signature =
        Signature { contains: None, pattern: Some(pattern.to_owned()), ..signature("app.failed", Expect::Failure, "") };
    Settings { signature: vec![signature], ..settings() }
}

async fn judged(world: &World, settings: &Settings) -> Verdict {
    let verdict = world.judge(&running_tasks(), settings).await;
    let analyzer = Analyzer::new(running_tasks(), &Options::default()).await.unwrap();
    let mut judge = Judge::new(analyzer, settings.clone(), Options::default()).unwrap();
    world.rows.iter().for_each(|row| judge.observe(row));
    let live = judge.verdict(world.target()).await.unwrap();
    assert_eq!(live, verdict, "watching gives what reading gives");
    verdict
}

/// The check of the first signature.
async fn first(world: &World, settings: &Settings) -> CheckVerdict {
    judged(world, settings).await.checks.swap_remove(1)
}

fn record(log: &str, more: &str) -> String {
    let log = serde_json::to_string(log).unwrap();
    format!(r#"{{"container_id":"1","container_name":"app","ecs_cluster":"apps","log":{log},"source":"stderr"{more}}}"#)
}

#[tokio::test]
async fn a_line_is_seen_as_a_person_reads_it() {
    let part = |text: &str| format!("{}{text}", "x".repeat(16_384 - text.len()));
    let partial = |log: &str, ordinal: u32, last: bool| {
        let more = format!(
            r#","partial_message":"true","partial_id":"7","partial_ordinal":"{ordinal}","partial_last":"{last}""#
        );
        record(log, &more)
    };
    let mut cases: Vec<(&str, Vec<String>)> = Vec::new();
    let mut case = |title, events: &[&str]| {
        cases.push((title, events.iter().map(|event| (*event).to_owned()).collect()));
    };
    case("a line of an event of many", &["INFO up\nFAILED: no head\nmore"]);
    case("lines that end with \\r\\n", &["INFO up\r\nFAILED: no head\r\n"]);
    case("colours", &["\x1b[31mFAILED\x1b[0m: no \x1b[1mhead\x1b[0m"]);
    case("a router's record", &[&record("FAILED: no head\n", "")]);
    case("colours in a router's record", &[&record("\x1b[31mFAILED: \x1b[0mno head", "")]);
    case("words that were split", &[&part("FAILED: no he"), "ad"]);
    case("a part that is a line of its own", &[&part(""), "FAILED: no head"]);
    case("a line that was split, without its end", &[&part("FAILED: no he")]);
    case("parts of a router", &[&partial("FAILED: no ", 1, false), &record("between", ""), &partial("head", 2, true)]);
    case("parts of a router, one is missing", &[&partial("FAILED: no ", 1, false), &partial("head", 3, true)]);
    case("parts of a router, without the first", &[&partial("FAILED: n", 2, false), &partial("o head", 3, true)]);
    case("parts of a router, without the last", &[&partial("INFO", 1, false)]);
    case("within a line", &["it did not say FAILED: no head"]);
    let settings = failure("(^|x)FAILED: no head$");
    let mut table = String::new();
    for (title, events) in &cases {
        let mut world = rollout();
        for event in events {
            world.line("aaa", 40, event);
        }
        let check = first(&world, &settings).await;
        writeln!(table, "{title}: {:?} ({})", check.outcome, check.reason).unwrap();
        for row in &check.rows {
            let told = row.reason.trim_start_matches('x');
            let lines = row.more.get("lines").map(|lines| format!(" of {lines:?}")).unwrap_or_default();
            writeln!(table, "  {told:?}{lines}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_success_is_unknown_where_a_line_lacks_its_end() {
    let mut world = rollout();
    world.line("aaa", 40, &"x".repeat(16_384));
    let verdict = judged(&world, &settings()).await;
    insta::assert_snapshot!(outcomes(&verdict));
    let gap = &verdict.checks[1].unknown_because[0];
    assert_eq!(
        (gap.status.as_str(), gap.error.as_str()),
        ("partial", "a line was split at 16 KiB and its end is missing")
    );
    assert!(gap.source.ends_with(&stream("aaa")), "{}", gap.source);
}

#[tokio::test]
async fn one_stack_trace_is_one_finding() {
    let java = ["ERROR Exception: boot", "\tat com.x.Error.run(Error.java:1)", "Caused by: x.Error: y", "INFO up"];
    let mut table = String::new();
    for (title, events, pattern) in [
        ("a traceback in many events", TRACEBACK.map(str::to_owned).to_vec(), "Traceback|Error"),
        ("only its first line matches", TRACEBACK.map(str::to_owned).to_vec(), "^Traceback"),
        ("only its last line matches", TRACEBACK.map(str::to_owned).to_vec(), "^ModuleNotFoundError: "),
        ("a traceback in one event", vec![format!("ERROR job failed\n{}", TRACEBACK.join("\n"))], "ERROR|Error"),
        ("a stack trace of Java", java.map(str::to_owned).to_vec(), "Error|ERROR"),
        ("two tracebacks", [TRACEBACK, TRACEBACK].concat().iter().map(|line| (*line).to_owned()).collect(), "Error"),
        ("two lines", vec!["ERROR a".to_owned(), "ERROR b".to_owned()], "ERROR"),
    ] {
        let mut world = rollout();
        for event in events {
            world.line("aaa", 40, &event);
        }
        let check = first(&world, &failure(pattern)).await;
        writeln!(table, "{title}: {:?} ({})", check.outcome, check.reason).unwrap();
        for row in &check.rows {
            writeln!(table, "  {}", row.reason).unwrap();
            for line in row.more.get("lines").into_iter().flat_map(|lines| lines.lines()) {
                writeln!(table, "  | {line}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

/// Signatures of a group that several tasks write to, and a world in which it was read.
fn shared() -> (World, Settings) {
    let mut world = rollout();
    world.source("log_events", "GetLogEvents", |source| {
        source.log_group = Some("/ecs/extra".to_owned());
        source.log_stream = Some(stream("nobody"));
        source.parameters = "{\"logGroupName\":\"/ecs/extra\"}".to_owned();
    });
    let mut settings = settings();
    for signature in &mut settings.signature {
        (signature.log_group, signature.container) = (Some("/ecs/extra".to_owned()), None);
    }
    (world, settings)
}

fn shared_line(world: &mut World, second: i64, message: &str) {
    world.line("nobody", second, message);
    change(world, |line| (line.log_group, line.task_id, line.container) = ("/ecs/extra".into(), None, None));
}

#[tokio::test]
async fn many_old_lines_hide_no_new_one() {
    let (mut world, settings) = shared();
    for second in -200..-50 {
        shared_line(&mut world, second, UPGRADE);
        shared_line(&mut world, second, HEADS);
    }
    let old = outcomes(&judged(&world, &settings).await);
    shared_line(&mut world, 40, UPGRADE);
    shared_line(&mut world, 50, HEADS);
    let new = outcomes(&judged(&world, &settings).await);
    insta::assert_snapshot!(format!("old lines:\n{old}\nand a new one of each:\n{new}"));
}

#[tokio::test]
async fn a_clock_of_another_zone_makes_no_line_old() {
    const HOURS: i64 = 3600;
    let slow = |line: &mut LogEventRow| line.timestamp = line.timestamp.plus_millis(-10 * HOURS * 1000);
    let mut table = String::new();
    let mut tell = |title: &str, verdict: &Verdict| {
        writeln!(table, "{title}: {:?}\n  {}", verdict.verdict, outcomes(verdict).replace('\n', "\n  ")).unwrap();
        for row in verdict.checks.iter().skip(1).flat_map(|check| &check.rows) {
            writeln!(table, "    {:?} {} {:?}", row.status, row.reason, row.more.get("clock")).unwrap();
        }
    };
    let own = |lines: &[(i64, &str)]| {
        let mut world = World::rollout(&[10, 200]);
        world.task("aaa", DEPLOYMENT, |task, _| task.created_at = Some(at(5))).log("aaa", |_| {});
        for (second, line) in lines {
            world.line("aaa", *second, line);
            change(&mut world, slow);
        }
        world
    };
    tell("a success", &judged(&own(&[(20, "up"), (40, UPGRADE)]), &settings()).await);
    tell("a success that comes late", &judged(&own(&[(20, "up"), (170, UPGRADE)]), &settings()).await);
    tell("a failure", &judged(&own(&[(20, "up"), (40, UPGRADE), (50, HEADS)]), &settings()).await);
    for (title, lines) in [
        ("in a shared stream", &[(-300, HEADS), (-200, UPGRADE), (40, UPGRADE), (50, HEADS)][..]),
        ("in a shared stream, all of it old", &[(-300, HEADS), (-200, UPGRADE)]),
    ] {
        let (mut world, settings) = shared();
        for (second, line) in lines {
            shared_line(&mut world, *second, line);
            change(&mut world, slow);
        }
        tell(title, &judged(&world, &settings).await);
    }
    let (mut world, settings) = shared();
    shared_line(&mut world, 40, "up");
    shared_line(&mut world, -3600, HEADS);
    change(&mut world, |line| line.ingestion_time = Some(at(60)));
    tell("an old line that arrived an hour late, in a stream whose clock is right", &judged(&world, &settings).await);
    let (mut world, settings) = shared();
    shared_line(&mut world, 3600, HEADS);
    change(&mut world, |line| line.ingestion_time = Some(at(-60)));
    tell("an old line of a clock that is ahead", &judged(&world, &settings).await);
    insta::assert_snapshot!(table);
}
