//! How a collection ends: early where nothing can mend the verdict, and with the cause in the bundle.

use std::fs;
use std::path::{Path, PathBuf};

use casefile_evidence::Bundle;
use casefile_evidence::tables::LogEventRow;
use casefile_fixtures::endpoint::{Fault, FaultKind};
use serde_json::Value;

use crate::collecting::{play, play_at};
#[cfg(unix)]
use crate::signalled;
use crate::{casefile_in, command, ended, outcomes, text, verdict};

const CASE: &str = "migration-multiple-heads";
/// The first task of [`CASE`] died before the first of these moments, and the second before the other.
const SECOND_LOOK: &str = "2026-11-27T05:03:01";
const THIRD_LOOK: &str = "2026-11-27T05:03:21";

/// The looks are 20 s apart: a machine that has other things to do sees the second one too.
const REAL_TIME: f64 = 1.0;

/// The example's config, changed.
fn config(folder: &Path, change: impl Fn(String) -> String) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bf-manage-core/casefile.toml");
    let path = folder.join("changed.toml");
    fs::write(&path, change(fs::read_to_string(shipped).unwrap())).unwrap();
    path
}

fn fail_fast(folder: &Path) -> PathBuf {
    config(folder, |text| text.replace("[collect]\n", "[collect]\nfail_fast = true\n"))
}

/// The arguments, with another config and a poll each second.
fn with(arguments: Vec<String>, config: &Path) -> Vec<String> {
    let mut changed = arguments;
    for at in 1..changed.len() {
        match changed[at - 1].as_str() {
            "--config" => text(config).clone_into(&mut changed[at]),
            "--poll" => "1s".clone_into(&mut changed[at]),
            _ => {}
        }
    }
    changed
}

fn late_lines(ms: u64) -> Vec<Fault> {
    vec![Fault::new(FaultKind::LateLines).ms(ms)]
}

fn check<'a>(verdict: &'a Value, id: &str) -> &'a Value {
    verdict["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

/// Collects [`CASE`] with lines that come so much later, and stops at the first death.
fn first_death(late_ms: u64, more: &[&str]) -> (Value, usize, String) {
    let folder = tempfile::tempdir().unwrap();
    let played = play_at(REAL_TIME, CASE, late_lines(late_ms));
    let bundle = folder.path().join("bundle");
    let mut arguments = vec!["-o", text(&bundle), "--format", "json"];
    arguments.extend(more);
    let arguments = with(played.arguments("validate", &arguments), &fail_fast(folder.path()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = ended(command(folder.path(), &arguments).output().unwrap());
    played.stop();
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let (judged, _) = verdict(&bundle);
    assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap(), judged);
    let target = &judged["bundle"]["target"];
    assert_eq!(target["stop_reason"], "decided");
    let end = target["window_to"].as_str().unwrap();
    assert!((SECOND_LOOK..THIRD_LOOK).contains(&end), "it ended at {end}: {}", run.err);
    let lines = Bundle::open(&bundle).unwrap().rows::<LogEventRow>().unwrap();
    let causes = lines.iter().filter(|line| line.message.contains("Multiple head revisions")).count();
    (judged, causes, run.err)
}

#[test]
fn the_last_lines_of_a_task_that_died_are_in_the_bundle() {
    let (verdict, causes, err) = first_death(7_000, &[]);
    assert!(causes > 0, "{err}");
    assert_eq!(check(&verdict, "migration.one-head")["outcome"], "fail");
    let said = err.lines().find(|line| line.starts_with("FAIL  delegate to manage-core team: ")).unwrap();
    assert!(said.contains("(waiting for the last log lines until 2026-11-27T05:03:"), "{said}");
}

#[test]
fn without_the_wait_a_failure_line_that_is_not_there_is_unknown() {
    let (verdict, causes, err) = first_death(30_000, &["--no-grace", "--ingestion-grace", "35s"]);
    assert_eq!(causes, 0, "{err}");
    assert!(err.contains("FAIL  ") && !err.contains("waited for"), "{err}");
    let check = check(&verdict, "migration.one-head");
    assert_eq!(check["outcome"], "unknown", "{check:#}");
    let gap = &check["unknown_because"][0];
    assert_eq!(gap["status"], "not_reached");
    assert!(gap["error"].as_str().unwrap().contains("its lines may arrive until 2026-11-27T05:03:"), "{gap:#}");
    assert_eq!(gap["remedy"], "collect without --no-grace, or read the stream later");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    let played = play_at(REAL_TIME, CASE, late_lines(60_000));
    let bundle = folder.path().join("bundle");
    let more = ["-o", text(&bundle), "--format", "json", "--ingestion-grace", "10m"];
    let arguments = with(played.arguments("validate", &more), &fail_fast(folder.path()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = signalled(&mut command(folder.path(), &arguments), "FAIL  ", "-INT");
    played.stop();
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let verdict: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(verdict["bundle"]["target"]["stop_reason"], "interrupted");
    let check = check(&verdict, "migration.one-head");
    assert_eq!(check["outcome"], "unknown", "{check:#}");
    assert_eq!(casefile_in(folder.path(), &["verify", text(&bundle)]).code, 0);
}

#[test]
fn the_first_death_of_an_open_rollout_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let played = play_at(10.0, CASE, Vec::new());
    let bundle = folder.path().join("bundle");
    let config = folder.path().join("none.toml");
    fs::write(&config, "service = \"bf-manage-core\"\n").unwrap();
    let arguments = with(played.arguments("validate", &["-o", text(&bundle), "--format", "json"]), &config);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = ended(command(folder.path(), &arguments).output().unwrap());
    played.stop();
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let verdict: Value = serde_json::from_str(&run.out).unwrap();
    let target = &verdict["bundle"]["target"];
    let end = target["window_to"].as_str().unwrap();
    // One death is tolerated. The second is seen in the third look.
    assert!(end >= THIRD_LOOK, "it ended at {end}: {}", run.err);
    assert_eq!(target["stop_reason"], "decided");
}

#[test]
fn an_image_that_is_missing_ends_it_early() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("image-cannot-be-pulled", Vec::new());
    let bundle = folder.path().join("bundle");
    let run = played.run(folder.path(), "validate", &["-o", text(&bundle), "--format", "json"]);
    played.stop();
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let verdict: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(verdict["bundle"]["target"]["stop_reason"], "decided");
    assert_eq!(check(&verdict, "tasks.cannot-start-image")["outcome"], "fail", "{:#?}", outcomes(&verdict));
    assert!(run.err.contains("FAIL  ") && run.err.contains("(tasks.cannot-start-image)"), "{}", run.err);
}

#[test]
fn a_task_that_has_not_started_passes_no_check_of_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = crate::import("image-cannot-be-pulled", folder.path());
    let early =
        casefile_in(folder.path(), &["analyze", text(&bundle), "--as-of", "2026-11-28T23:47:41Z", "--format", "json"]);
    let verdict: Value = serde_json::from_str(&early.out).unwrap();
    for id in ["tasks.cannot-start-image", "tasks.cannot-start-resources", "tasks.failed-to-start"] {
        assert_eq!(check(&verdict, id)["outcome"], "pending", "{id}");
    }
}

#[test]
fn a_healthy_rollout_waits_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("healthy-migration", Vec::new());
    let bundle = folder.path().join("bundle");
    let run = played.run(folder.path(), "validate", &["-o", text(&bundle), "--format", "json"]);
    played.stop();
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(!run.err.contains("waited for") && !run.err.contains("FAIL"), "{}", run.err);
}

#[test]
fn a_deadline_beyond_the_timeout_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let short = config(folder.path(), |text| text.replace("timeout = \"15m\"", "timeout = \"155s\""));
    let lint = casefile_in(folder.path(), &["check", "lint", "--config", text(&short)]);
    let told = "signature \"migration.confirmed\": within (150 s) and the ingestion grace (10 s) end after the timeout (155 s)";
    assert_eq!((lint.code, lint.err.contains(told)), (2, true), "{}", lint.err);
    assert!(lint.err.contains("set [collect] timeout to 160s or more, or shorten within"), "{}", lint.err);
    // The flag wins over the config.
    let played = play("healthy-migration", Vec::new());
    let bundle = folder.path().join("bundle");
    let more = ["--timeout", "1s", "-o", text(&bundle)];
    let arguments = with(played.arguments("validate", &more), &short);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = ended(command(folder.path(), &arguments).output().unwrap());
    played.stop();
    assert!(run.err.contains("warning: ") && run.err.contains("end after the timeout (1 s)"), "{}", run.err);
}

/// GitLab's docker executor sends SIGTERM to every process but the first, and removes the container soon after. The job's
/// shell is the first here. Every report is written by then, and bundle and verdict are in the archive.
#[cfg(unix)]
#[test]
fn a_cancelled_job_seals_reports_and_archives() {
    let folder = tempfile::tempdir().unwrap();
    let played = play_at(2.0, "healthy-migration", Vec::new());
    let archive = folder.path().join("archive");
    let more =
        ["-o", "rollout.bundle", "--archive", text(&archive), "--report", "junit=junit.xml", "--report", "html=r.html"];
    // A check of the service's own runs in a process of its own, which gets the signal too.
    let checks = folder.path().join("checks/own");
    fs::create_dir_all(&checks).unwrap();
    let check = "-- id = \"own.tasks\"\n-- title = \"Tasks\"\n-- level = \"block\"\n-- owner = \"service\"\n-- requires = [\"tasks\"]\n-- conclusive = \"fail\"\n-- advice = \"none\"\nSELECT task_id AS resource, 'pass' AS status, '' AS reason FROM latest_tasks\n";
    fs::write(checks.join("tasks.sql"), check).unwrap();
    let more = [&more[..], &["--extra-queries", "checks", "--gitlab"]].concat();
    let arguments: Vec<String> = played.arguments("validate", &more);
    let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
    // The shell ignores the signal, as the first process of a container does.
    let script = format!("trap '' TERM; (trap - TERM; exec {} {}); exit $?", crate::CASEFILE, quoted.join(" "));
    let mut shell = crate::command_of("sh", folder.path(), &["-c", &script]);
    let mut child = std::os::unix::process::CommandExt::process_group(&mut shell, 0)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = String::new();
    let mut told = std::io::BufReader::new(child.stderr.take().unwrap());
    while !err.contains("poll 1:") && std::io::BufRead::read_line(&mut told, &mut err).unwrap() > 0 {}
    let began = std::time::Instant::now();
    let group = format!("-{}", child.id());
    let killed = std::process::Command::new("kill").args(["-TERM", "--", &group]).status().unwrap();
    assert!(killed.success(), "{err}");
    std::io::Read::read_to_string(&mut told, &mut err).unwrap();
    let run = ended(child.wait_with_output().unwrap());
    let took = began.elapsed();
    played.stop();
    assert_eq!(run.code, 4, "{}{err}", run.out);
    // Ten are given; it takes about one, and a machine that has other things to do some more.
    assert!(took < std::time::Duration::from_secs(30), "{took:?}: {err}");
    // The log of a GitLab job: all of it folded, the verdict last.
    assert!(
        run.out.starts_with("\x1b[0Ksection_start:") && run.out.contains("\r\x1b[0KAll of the evidence\n"),
        "{}",
        run.out
    );
    let last: Vec<&str> = run.out.lines().rev().take(8).collect();
    assert!(last.iter().any(|line| line.starts_with("INCONCLUSIVE  alert: ")), "{}", run.out);
    assert_eq!(casefile_in(folder.path(), &["verify", "rollout.bundle"]).code, 0);
    for report in ["junit.xml", "r.html"] {
        assert!(fs::metadata(folder.path().join(report)).unwrap().len() > 1000, "{report}");
    }
    let listed = casefile_in(folder.path(), &["archive", "list", "--archive", "archive", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed[0]["verdict"], "inconclusive", "{listed:#}");
}
