//! Messages of internal errors: redacted, with instructions to report them.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::OnceLock;
use std::thread;

use casefile_collector::redact::Redactor;

use crate::error::Error;
use crate::exit::Exit;
use crate::say;

/// The redactor: the standard rules, until a config is read.
static REDACTOR: OnceLock<Redactor> = OnceLock::new();

/// From now on, messages of internal errors are redacted by these rules.
pub(crate) fn redact_with(redactor: &Redactor) {
    // The rules of the first config stay: a process has one.
    let _ = REDACTOR.set(redactor.clone());
}

/// Runs the program; a panic is an internal error.
pub(crate) fn caught(run: impl FnOnce() -> Exit) -> Exit {
    panic::set_hook(Box::new(|info| {
        if thread::current().name() != Some(REDACTS) {
            say::error(&Error::internal(words(info)));
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Internal)
}

/// The thread that redacts a message: where it panics too, the message is not said.
const REDACTS: &str = "casefile-panic";

fn words(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    let message = info.payload_as_str().unwrap_or("no message").to_owned();
    let redact = || REDACTOR.get().cloned().unwrap_or_default().redact_text(&message).into_owned();
    let message = thread::scope(|scope| {
        let redacting = thread::Builder::new().name(REDACTS.to_owned()).spawn_scoped(scope, redact).ok()?;
        redacting.join().ok()
    });
    told(message.as_deref().unwrap_or("its message cannot be redacted"), &place)
}

fn told(message: &str, place: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{message} ({place})\n  This is a fault of casefile {version}, not of the deployment; please report it with this message"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[test]
    fn a_panic_is_an_internal_error_that_quotes_no_secret() {
        // As the standard library words it, and where the hook would say it.
        static SAID: Mutex<String> = Mutex::new(String::new());
        let before = panic::take_hook();
        panic::set_hook(Box::new(|info| *SAID.lock().unwrap_or_else(PoisonError::into_inner) = words(info)));
        let line = std::hint::black_box("\u{e9} postgres://core:hunter2secret@db/core");
        let panicked = panic::catch_unwind(|| line[1..].len());
        let exit = caught(|| [Exit::Pass][std::hint::black_box(1)]);
        panic::set_hook(before);
        let said = SAID.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(panicked.is_err() && said.contains("is not a char boundary"), "{said}");
        assert!(!said.contains("hunter2secret") && said.contains("[redacted:url-password]"), "{said}");
        assert!(said.contains("src/panics.rs:"), "{said}");
        assert_eq!(exit, Exit::Internal);
    }
}
