//! Messages on standard error, as text or as JSON lines. A closed standard error is no failure.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};

use crate::progress::aside;

/// Whether messages are JSON, one object per line.
static JSON: AtomicBool = AtomicBool::new(false);

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
        styled(&format!("{style}{word}:{style:#} {line}"));
    }
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
