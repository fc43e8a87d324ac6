//! The line of a log that tells why its program ended.

use super::super::trace::{exception, last_trace};
use super::TailLine;

/// How much a line tells. Of lines that tell as much, the last counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// A warning, or a package manager's message about the program that it ran.
    Remark,
    /// Of no level, with a word like "failed".
    Word,
    Error,
    /// A stack trace, a panic, or a line of the highest level.
    Fatal,
}

/// The line that tells why, and its number among the lines.
pub(crate) fn telling(lines: &[TailLine]) -> Option<(usize, String)> {
    let weighed = |(number, line): (usize, &TailLine)| Some((weight(line.line.trim())?, number));
    let line = lines.iter().enumerate().filter_map(weighed).max();
    let trace = last_trace(lines.iter().map(|line| (line.at, line.line.as_str())), false);
    let trace = trace.map(|trace| (Weight::Fatal, trace.end.saturating_sub(1), trace.start));
    match (line, trace) {
        // The line right below a stack trace is the program's own summary.
        (line, Some((weight, last, first))) if line.is_none_or(|line| line <= (weight, last + 1)) => {
            Some((first, of_trace(lines, first, last)?))
        }
        (Some((_, number)), _) => {
            let text = lines.get(number)?.line.trim();
            // Rust prints the place on one line, and the message on the next.
            let more = lines.get(number + 1).filter(|_| text.contains(" panicked at ") && text.ends_with(':'));
            Some((number, more.map_or(text.to_owned(), |more| format!("{text} {}", more.line.trim()))))
        }
        _ => None,
    }
}

/// The exception of a stack trace: that of Python's last line, that of Java's last cause, else that of the line above
/// the
/// frames.
fn of_trace(lines: &[TailLine], first: usize, last: usize) -> Option<String> {
    let lines: Vec<&str> = lines.get(..=last)?.iter().map(|line| line.line.as_str()).collect();
    let trace = lines.get(first..)?;
    if let Some(exception) = exception(&trace.join("\n")) {
        return Some(exception.trim().to_owned());
    }
    let cause = trace.iter().rev().find_map(|line| line.strip_prefix("Caused by: "));
    // Node.js names the files that asked for a module between the exception and the frames.
    let above = || lines.get(first.saturating_sub(ABOVE)..=first)?.iter().rev().find(|line| names_error(line.trim()));
    let told = cause.or_else(|| above().copied()).or_else(|| trace.first().copied())?;
    Some(told.trim().to_owned())
}

/// Lines above the frames of a stack trace in which its exception is looked for.
const ABOVE: usize = 6;

/// `None`: it tells nothing.
fn weight(line: &str) -> Option<Weight> {
    let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    if begins(&["npm error", "npm ERR!", "yarn error", "error Command failed"]) {
        return Some(Weight::Remark);
    }
    let lower = line.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let troubled =
        has(&["error", "exception", "fatal", "critical", "panic", "failed", "cannot", "unable to", "refused"]);
    match level(line) {
        Some(Level::Fatal) => Some(Weight::Fatal),
        _ if begins(&["panic:", "fatal error:", "fatal:"]) || line.contains(" panicked at ") => Some(Weight::Fatal),
        Some(Level::Error) => Some(Weight::Error),
        Some(Level::Warning) => troubled.then_some(Weight::Remark),
        Some(Level::Other) => None,
        None if names_error(line) || begins(&["error:"]) => Some(Weight::Error),
        None => troubled.then_some(Weight::Word),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Fatal,
    Error,
    Warning,
    /// One at which no trouble is reported.
    Other,
}

/// The level of a line: a word in capitals near its beginning, or in brackets, or after `level=`.
fn level(line: &str) -> Option<Level> {
    const WORDS: usize = 14;
    let mut before = "";
    for word in line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).take(WORDS) {
        let is_named = ["level", "lvl", "severity", "levelname"].contains(&before.to_ascii_lowercase().as_str());
        let is_loud = word.chars().all(|c| c.is_ascii_uppercase());
        let in_brackets = || line.contains(&format!("[{word}]"));
        before = word;
        if !(is_named || is_loud || in_brackets()) {
            continue;
        }
        match word.to_ascii_uppercase().as_str() {
            "FATAL" | "CRITICAL" | "CRIT" | "PANIC" | "EMERG" | "ALERT" => return Some(Level::Fatal),
            "ERROR" | "ERR" | "SEVERE" => return Some(Level::Error),
            "WARN" | "WARNING" => return Some(Level::Warning),
            "INFO" | "NOTICE" | "DEBUG" | "TRACE" => return Some(Level::Other),
            _ => {}
        }
    }
    None
}

/// `java.net.ConnectException: Connection refused`, `Error: Cannot find module 'express'`.
fn names_error(line: &str) -> bool {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let (name, _) = line.split_once(':').unwrap_or((line, ""));
    let name = name.split_once(" [").map_or(name, |(name, _)| name);
    (name.ends_with("Error") || name.ends_with("Exception"))
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '\\'))
}

#[cfg(test)]
mod tests {
    use casefile_evidence::Timestamp;

    use super::*;

    fn told(log: &str) -> Option<String> {
        let lines = log.lines().map(|line| TailLine { at: Timestamp(0), line: line.to_owned() });
        telling(&lines.collect::<Vec<_>>()).map(|(_, line)| line)
    }

    #[test]
    fn the_cause_is_told_and_not_the_noise_around_it() {
        let logs = [
            "CRITICAL migration failed: relation \"users\" already exists\nINFO worker 0 shutting down\nINFO bye",
            "node:internal/modules/cjs/loader:1228\n  throw err;\n\nError: Cannot find module 'express'\nRequire stack:\n\
             - /app/server.js\n    at Module._resolve (node:internal:1225:15)\n  code: 'MODULE_NOT_FOUND',\n}\n\nNode.js v20",
            "Traceback (most recent call last):\n  File \"/app/cache.py\", line 3\nKeyError: 'x'\nINFO loading\n\
             FATAL: DATABASE_URL is not set",
            "INFO 0 errors, 0 failures\nERROR could not reach redis: timed out\nINFO retry policy: error budget 5",
            "Error: P1001: Can't reach database server\n\nnpm error Lifecycle script failed with error:\n\
             npm error A complete log of this run can be found in: /root/.npm",
            "thread 'main' panicked at src/main.rs:4:5:\nindex out of bounds: the len is 3\nnote: run with RUST_BACKTRACE=1",
            "2026-10-14 09:00:31 ERROR o.s.boot.SpringApplication - Application run failed\n\
             org.x.BeanCreationException: Error creating bean\n\tat org.x.Y.z(Y.java:1)\n\
             Caused by: java.net.ConnectException: Connection refused\n\tat java.base/sun.nio.ch.Net.connect0\n\t... 23 more",
            "Traceback (most recent call last):\n  File \"a\"\napp.Broken: no 'x'\n[ERROR] Worker (pid:7) exited with code 3\n\
             [ERROR] Reason: Worker failed to boot.",
            "2026/10/14 09:00:31 [emerg] 1#1: host not found in upstream \"api\"\nlevel=info msg=bye",
            "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()",
            "Traceback (most recent call last):\n  File \"a\"\nredis.ConnectionError: refused\nCRITICAL: worker died, exiting",
            "INFO listening\nINFO handled 0 requests",
        ];
        insta::assert_debug_snapshot!(logs.map(told));
    }
}
