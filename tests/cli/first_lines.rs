//! The first lines of a result, as an engineer reads them whose pipeline just turned red. Times and identifiers, which
//! differ from run to run, are left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use casefile_collector::recording::Recording;
use casefile_fixtures::endpoint::{Fault, FaultKind};

use crate::collecting::{Played, play_at};
#[cfg(unix)]
use crate::signalled;
use crate::{Run, cases, command, ended, text};

/// Slow enough for polls that are late on a busy machine to see the same.
const SLOWLY: f64 = 10.0;
/// Fast, for a collection that ends once the rollout has long been complete.
const FAST: f64 = 30.0;

/// A case that is played to `validate`, with its own config, or with one that declares nothing.
struct Stage {
    folder: tempfile::TempDir,
    played: Played,
    config: PathBuf,
    more: Vec<String>,
}

impl Stage {
    fn new(speed: f64, case: &str, faults: Vec<Fault>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let info = Recording::open(&cases().join(case)).unwrap().info;
        let config = match &info.config {
            Some(config) => cases().join(case).join(config),
            None => {
                let none = folder.path().join("none.toml");
                fs::write(&none, "").unwrap();
                none
            }
        };
        let mut more = vec!["-o".to_owned(), text(&folder.path().join("bundle")).to_owned()];
        if let Some(at) = info.started_after {
            more.extend(["--started-after".to_owned(), at.to_string()]);
        }
        if info.require_rollout {
            more.push("--require-rollout".to_owned());
        }
        Self { played: play_at(speed, case, faults), folder, config, more }
    }

    fn command(&self) -> Command {
        let more: Vec<&str> = self.more.iter().map(String::as_str).collect();
        let mut arguments = self.played.arguments("validate", &more);
        let place = arguments.iter().position(|argument| argument == "--config").unwrap() + 1;
        text(&self.config).clone_into(&mut arguments[place]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        command(self.folder.path(), &arguments)
    }

    fn run(self) -> Run {
        let run = ended(self.command().output().unwrap());
        self.played.stop();
        run
    }
}

/// The lines that a reader sees first: from the verdict to the deployment that was judged.
fn first_lines(run: &Run) -> String {
    let lines: Vec<&str> = run.out.lines().take_while(|line| !line.starts_with("  observed")).collect();
    format!("exit {}\n{}", run.code, lines.join("\n"))
}

macro_rules! assert_lines {
    ($name:literal, $run:expr) => {
        insta::with_settings!({filters => vec![
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
            (r"\d\d:\d\d:\d\d(\.\d+)?Z?", "[time]"),
            (r"\b[0-9a-f]{12,}\b", "[id]"),
            (r"127\.0\.0\.1:\d+", "[endpoint]"),
            (r"\(\d+ (s|min)( \d+ s)?\)", "([while])"),
            (r"after \d+ (s|min|h|days)\b", "after [while]"),
        ]}, { insta::assert_snapshot!($name, first_lines($run)) });
    };
}

/// Of a rollout that fails while it is watched, what the first lines count depends on the poll that decided. What they
/// name does not.
fn assert_says(run: &Run, code: i32, says: &[&str]) {
    let lines = first_lines(run);
    let plain = lines.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(run.code, code, "{lines}");
    let missing: Vec<_> = says.iter().filter(|text| !plain.contains(**text)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in:\n{lines}");
}

fn shown(speed: f64, case: &str, faults: Vec<Fault>) -> Run {
    Stage::new(speed, case, faults).run()
}

#[test]
fn late_lines() {
    let run = shown(1.0, "migration-multiple-heads", vec![Fault::new(FaultKind::LateLines).ms(5_000)]);
    assert_lines!("late-lines", &run);
}

#[test]
fn an_image_that_is_missing() {
    assert_says(
        &shown(SLOWLY, "image-cannot-be-pulled", Vec::new()),
        3,
        &[
            "FAIL delegate to manage-core team: container app failed to start: CannotPullContainerError: pull image manifest has been retried 5 time(s)",
            "bf-manage-core:f2a8c55: not found",
            "impact bf-manage-core:52 (the previous revision) runs 2 of 2 desired tasks",
        ],
    );
}

#[test]
fn a_flaky_first_task() {
    assert_lines!("flaky-first-task", &shown(FAST, "one-exit-at-the-start-healed", Vec::new()));
}

#[test]
fn a_crash_loop() {
    let run = shown(FAST, "crash-after-completed", Vec::new());
    // The poll that decides sees the task's last line, and on a busy machine not yet its death.
    let died = [
        "FAIL delegate to manage-core team: container app exited with 1 after",
        "redis.exceptions.ConnectionError: Error 111 connecting to cache.internal:6379. Connection refused.",
        "tasks died",
    ];
    let logged = ["FAIL delegate to manage-core team: container app logged CRITICAL: outbox worker died, exiting"];
    let is_dead = run.out.contains("exited with 1");
    assert_says(&run, 3, if is_dead { &died } else { &logged });
}

#[test]
fn a_redeploy_by_hand() {
    assert_says(
        &shown(SLOWLY, "superseded", Vec::new()),
        3,
        &[
            "FAIL alert: superseded by ecs-svc/",
            "(task definition bf-manage-core:56, registered by role/terraform-deploy) before the release completed",
            "impact bf-manage-core:5",
        ],
    );
}

#[test]
fn a_rollback() {
    assert_says(
        &shown(SLOWLY, "circuit-breaker-rollback", Vec::new()),
        3,
        &[
            "FAIL delegate to manage-core team: container app",
            "ModuleNotFoundError: No module named 'payments_client'",
            "impact bf-manage-core:47 (the previous revision) runs 2",
        ],
    );
}

#[test]
fn an_apply_without_a_change() {
    assert_lines!("no-change", &shown(FAST, "nothing-deployed-nine-days-old", Vec::new()));
}

#[test]
fn an_apply_that_had_to_change_something() {
    assert_lines!("no-change-required", &shown(FAST, "rollout-required-and-nothing-deployed", Vec::new()));
}

#[cfg(unix)]
#[test]
fn a_termination() {
    let stage = Stage::new(2.0, "healthy-migration", Vec::new());
    let run = signalled(&mut stage.command(), "IN_PROGRESS", "-TERM");
    stage.played.stop();
    assert_lines!("termination", &run);
}

#[test]
fn an_endpoint_that_is_dead() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("none.toml");
    fs::write(&config, "").unwrap();
    let run = validate_nowhere(folder.path(), &config);
    assert_lines!("dead-endpoint", &run);
    assert!(run.err.contains("no answer from AWS in 2 polls"), "{}", run.err);
}

/// Against a port on which nothing listens.
fn validate_nowhere(folder: &Path, config: &Path) -> Run {
    let bundle = folder.join("bundle");
    let arguments = [
        "validate",
        "--endpoint-url",
        "http://127.0.0.1:9",
        "--region",
        "eu-west-1",
        "--cluster",
        "production",
        "--service",
        "web",
        "--expect-task-definition",
        "web:12",
        "--poll",
        "1s",
        "--timeout",
        "15s",
        "--config",
        text(config),
        "-o",
        text(&bundle),
    ];
    ended(command(folder, &arguments).output().unwrap())
}
