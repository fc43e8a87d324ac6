//! What is said where casefile itself is wrong: no secret, and how to report it.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::OnceLock;

use casefile_collector::redact::Redactor;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;

/// What redacts: the standard rules, until the config has others.
static REDACTOR: OnceLock<Redactor> = OnceLock::new();

/// From now on, what a fault says is redacted by these rules.
pub(crate) fn redact_with(redactor: &Redactor) {
    // The rules of the first config stay: a process has one.
    let _ = REDACTOR.set(redactor.clone());
}

/// Runs the program; a panic is an internal error.
pub(crate) fn caught(run: impl FnOnce() -> Exit) -> Exit {
    panic::set_hook(Box::new(|info| Printer::error(&Error::internal(words(info)))));
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Internal)
}

fn words(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    let redactor = REDACTOR.get().cloned().unwrap_or_default();
    told(info.payload_as_str().unwrap_or("no message"), &place, &redactor)
}

/// A message may quote the data that it stumbled over.
fn told(message: &str, place: &str, redactor: &Redactor) -> String {
    let message = redactor.redact_text(message);
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{message} ({place})\n  This is a fault of casefile {version}, not of the deployment; \
         please report it with this message. What was collected by then can be sealed: casefile seal <output>.partial"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_quotes_no_secret() {
        // As the standard library words it.
        let message = "byte index 1 is not a char boundary; it is inside 'é' (bytes 0..2) of \
                       `é postgres://core:hunter2secret@db/core`";
        let said = told(message, "src/x.rs:7", &Redactor::standard());
        assert!(!said.contains("hunter2secret") && said.contains("[redacted:url-password]"), "{said}");
        assert!(said.contains("(src/x.rs:7)"), "{said}");
    }

    #[test]
    fn a_panic_is_an_internal_error() {
        let before = panic::take_hook();
        let exit = caught(|| [Exit::Pass][std::hint::black_box(1)]);
        panic::set_hook(before);
        assert_eq!(exit, Exit::Internal);
    }
}
