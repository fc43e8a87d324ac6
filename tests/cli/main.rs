//! The binary as its users run it: real processes, the real AWS SDK over real HTTP, the recorded cases.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod archive;
mod beginning;
mod bombs;
mod checks;
mod closing;
mod collecting;
mod corpus;
mod docs;
mod first_lines;
mod frozen;
mod gating;
mod integrity;
mod judging;
mod keeping;
mod production;
mod reading;
mod secrets;
mod signing;
mod train;
mod tuning;

#[cfg(unix)]
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Stdio;
use std::process::{Command, Output};

/// A run that has ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs casefile in a folder that holds no config.
pub(crate) fn casefile(arguments: &[&str]) -> Run {
    casefile_in(&std::env::temp_dir(), arguments)
}

pub(crate) fn casefile_in(folder: &Path, arguments: &[&str]) -> Run {
    let output = command(folder, arguments).output().unwrap();
    ended(output)
}

/// Runs a command that gets a signal once it has said something on standard error.
#[cfg(unix)]
pub(crate) fn signalled(command: &mut Command, said: &str, signal: &str) -> Run {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut err = String::new();
    while !err.contains(said) && told.read_line(&mut err).unwrap() > 0 {}
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    told.read_to_string(&mut err).unwrap();
    Run { err, ..ended(child.wait_with_output().unwrap()) }
}

pub(crate) const CASEFILE: &str = env!("CARGO_BIN_EXE_casefile");

pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    command_of(CASEFILE, folder, arguments)
}

pub(crate) fn command_of(program: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    // Nothing of the machine's own AWS settings, and no proxy between here and loopback.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
        .env("NO_PROXY", "127.0.0.1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("COLUMNS", "100");
    command
}

pub(crate) fn ended(output: Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases")
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A case, imported into a folder.
pub(crate) fn import(case: &str, folder: &Path) -> PathBuf {
    let bundle = folder.join(format!("{case}.bundle"));
    let run = casefile(&["import", text(&cases().join(case)), "-o", text(&bundle)]);
    assert_eq!(run.code, 0, "{}", run.err);
    bundle
}

/// The verdict over a bundle, as JSON, with the exit code that came with it.
pub(crate) fn verdict(bundle: &Path) -> (serde_json::Value, i32) {
    let run = casefile(&["analyze", text(bundle), "--format", "json"]);
    let verdict = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err));
    (verdict, run.code)
}

/// The outcomes of a verdict, check by check.
pub(crate) fn outcomes(verdict: &serde_json::Value) -> Vec<(String, String)> {
    let checks = verdict["checks"].as_array().unwrap().iter();
    checks
        .map(|check| (check["id"].as_str().unwrap().to_owned(), check["outcome"].as_str().unwrap().to_owned()))
        .collect()
}
