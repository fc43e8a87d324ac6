//! Messages on standard error, as text or as JSON lines. A closed standard error is no failure.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use casefile_evidence::Timestamp;
use indicatif::ProgressBar;

use crate::visible::visible_lines;

/// Whether messages are JSON, one object per line.
static JSON: AtomicBool = AtomicBool::new(false);

/// The line of what is under way, on a terminal.
static UNDER_WAY: Mutex<Option<ProgressBar>> = Mutex::new(None);

pub(crate) fn under_way() -> MutexGuard<'static, Option<ProgressBar>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Updates the progress message.
pub(crate) fn tell(how_far: impl FnOnce() -> String) {
    if let Some(bar) = under_way().as_ref() {
        bar.set_message(how_far());
    }
}

/// Runs what writes to the terminal, without the line of what is under way.
pub(crate) fn aside<T>(write: impl FnOnce() -> T) -> T {
    let bar = under_way().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Standard error, for the log's lines: colored as messages are.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        aside(|| anstream::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From now on, messages are JSON.
pub(crate) fn log_json() {
    JSON.store(true, Ordering::Relaxed);
}

pub(crate) fn is_json_log() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// A line of information.
pub(crate) fn note(line: &str) {
    if is_json_log() {
        json_line("info", line);
    } else {
        styled(line);
    }
}

/// Something that the operator should know of.
pub(crate) fn warning(line: &str) {
    say("warn", AnsiColor::Yellow, "warning", line);
}

/// Why the run ended without a result.
pub(crate) fn error(error: &crate::error::Error) {
    say("error", AnsiColor::Red, "error", &error.to_string());
}

fn say(level: &str, color: AnsiColor, word: &str, line: &str) {
    if is_json_log() {
        json_line(level, line);
    } else {
        let style = Style::new().fg_color(Some(color.into())).bold();
        // A message may quote what AWS or a file says.
        let line = visible_lines(line).join("\n");
        styled(&format!("{style}{word}:{style:#} {line}"));
    }
}

/// The line that begins a section of a GitLab job log (GitLab, "Custom collapsible sections").
pub(crate) fn section_begin(name: &str, title: &str, folded: bool, at: Timestamp) -> String {
    let folded = if folded { "[collapsed=true]" } else { "" };
    format!("\x1b[0Ksection_start:{}:casefile_{name}{folded}\r\x1b[0K{title}", at.as_millis() / 1000)
}

/// The line that ends it.
pub(crate) fn section_end(name: &str, at: Timestamp) -> String {
    format!("\x1b[0Ksection_end:{}:casefile_{name}\r\x1b[0K", at.as_millis() / 1000)
}

/// In the shape of the log's own lines (`-v`).
fn json_line(level: &str, message: &str) {
    let message = message.trim();
    if !message.is_empty() {
        raw(&serde_json::json!({ "level": level.to_uppercase(), "fields": { "message": message } }).to_string());
    }
}

/// A line as it is, JSON or not: markers for the program that shows the log.
pub(crate) fn raw(line: &str) {
    aside(|| _ = writeln!(std::io::stderr().lock(), "{line}"));
}

fn styled(line: &str) {
    aside(|| _ = writeln!(anstream::stderr().lock(), "{line}"));
}
