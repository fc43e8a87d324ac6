//! Words that say whether a line is about an error, a success, or what follows from an error.

/// How much a line of a failed deployment says about the cause: the first is what an engineer would pick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Telling {
    /// It names an exception, or has a word for an error.
    Error,
    /// None of the others.
    Plain,
    /// It follows from an error: a worker exits, a server shuts down.
    Consequence,
    /// A frame of a stack trace, or its heading: it says where, not why.
    Trace,
}

const ERRORS: [&str; 18] = [
    "error",
    "fatal",
    "exception",
    "traceback",
    "failed",
    "failure",
    "panic",
    "panicked",
    "critical",
    "cannot",
    "can't",
    "could not",
    "unable",
    "refused",
    "denied",
    "unhandled",
    "emerg",
    "segfault",
];
const NO_ERRORS: [&str; 8] = [
    "error=null",
    "error=none",
    "error=\"\"",
    "\"error\":null",
    "\"error\": null",
    "no error",
    "without error",
    "without any error",
];
const SUCCESSES: [&str; 16] = [
    "complete",
    "completed",
    "ready",
    "started",
    "listening",
    "serving",
    "succeeded",
    "success",
    "successfully",
    "connected",
    "finished",
    "initialized",
    "running on",
    "healthy",
    "running upgrade",
    "done",
];
const CONSEQUENCES: [&str; 18] = [
    "aborted",
    "exiting",
    "shutting down",
    "shutdown",
    "shut down",
    "stopping",
    "stopped",
    "exited",
    "terminating",
    "terminated",
    "sigterm",
    "sigkill",
    "failed to boot",
    "booting worker",
    "giving up",
    "aborting",
    "process ended",
    "finished server process",
];

/// Whether one of `words` stands in `text` as a word of its own. `text` is lower-case.
fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            before.is_none_or(|c| !c.is_ascii_alphabetic()) && after.is_none_or(|c| !c.is_ascii_alphabetic())
        })
    })
}

/// Whether a line is the head of an exception: `sqlalchemy.exc.OperationalError: ...`, `java.lang.Exception`.
pub(crate) fn is_exception(line: &str) -> bool {
    let line = line.strip_prefix("Caused by: ").unwrap_or(line);
    let name = line.split([':', ' ']).next().unwrap_or_default();
    let last = name.rsplit(['.', '$']).next().unwrap_or_default();
    (line.len() == name.len() || line[name.len()..].starts_with(':'))
        && name.chars().all(|c| c.is_alphanumeric() || "._$".contains(c))
        && ends_like_exception(last)
}

fn ends_like_exception(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && ["Error", "Exception", "Failure", "Fault", "Exit", "Interrupt", "NotFound"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Whether a line is about an error.
pub(crate) fn is_error(line: &str) -> bool {
    names_error(&line.to_ascii_lowercase()) || names_exception(line)
}

/// Whether a lower-case text has a word for an error, and does not say that there is none.
fn names_error(lower: &str) -> bool {
    if !NO_ERRORS.iter().any(|none| lower.contains(none)) {
        return has_any(lower, &ERRORS);
    }
    has_any(&NO_ERRORS.iter().fold(lower.to_owned(), |text, none| text.replace(none, "")), &ERRORS)
}

fn names_exception(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word.len() > 5 && ends_like_exception(word) && !word.ends_with("Exit"))
}

/// Whether a line says that something succeeded.
pub(crate) fn is_success(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    has_any(&lower, &SUCCESSES) && !names_error(&lower) && !has_any(&lower, &CONSEQUENCES)
}

/// How much a line says about the cause.
pub(crate) fn telling(line: &str) -> Telling {
    let lower = line.to_ascii_lowercase();
    let start = lower.trim_start();
    if is_frame(start) {
        Telling::Trace
    } else if names_exception(line) || has_any(&lower, &["fatal", "panic"]) {
        // `FATAL: terminating connection` is a cause.
        Telling::Error
    } else if has_any(&lower, &CONSEQUENCES) {
        Telling::Consequence
    } else if names_error(&lower) {
        Telling::Error
    } else {
        Telling::Plain
    }
}

/// Whether a lower-case line is a part of a stack trace of Python, Java, Node or Ruby.
fn is_frame(start: &str) -> bool {
    const BEGINNINGS: [&str; 9] = [
        "at ",
        "raise ",
        "throw ",
        "return ",
        "^^^",
        "node:internal",
        "the above exception was",
        "during handling of the above",
        "(background on this error",
    ];
    BEGINNINGS.iter().any(|begin| start.starts_with(begin))
        || start.contains("traceback (most recent call last)")
        || (start.starts_with("file \"") && start.contains(", line "))
        || (start.contains(":in `") && start.ends_with('\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_by_its_words() {
        for (line, telling_of, error) in [
            ("sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) no", Telling::Error, true),
            ("ValueError: bad", Telling::Error, true),
            ("FATAL: password authentication failed", Telling::Error, true),
            ("Traceback (most recent call last):", Telling::Trace, true),
            ("File \"/app/main.py\", line <*>, in run", Telling::Trace, false),
            ("[<*>] [INFO] Worker exiting (pid: <*>)", Telling::Consequence, false),
            ("FATAL: terminating connection", Telling::Error, true),
            ("{\"msg\":\"ok\",\"error\":null}", Telling::Plain, false),
            ("done without error, then refused", Telling::Error, true),
            ("terror in the library", Telling::Plain, false),
            ("INFO: Application startup complete.", Telling::Plain, false),
        ] {
            assert_eq!((telling(line), is_error(line)), (telling_of, error), "{line}");
        }
        assert!(is_success("INFO: Application startup complete."));
        assert!(!is_success("startup not complete: error"));
    }

    #[test]
    fn an_exception_begins_with_its_name() {
        assert!(is_exception("sqlalchemy.exc.OperationalError: (psycopg2) no"));
        assert!(is_exception("Caused by: java.sql.SQLException: no"));
        assert!(is_exception("KeyboardInterrupt"));
        assert!(!is_exception("OperationalError happened"));
        assert!(!is_exception("(Background on this error at: https://sqlalche.me)"));
    }
}
