//! Ctrl-C and SIGTERM: the first one may be waited for, any other ends the program.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::error::Error;
use crate::exit::Exit;
use crate::say::note;

/// The receiver of the first signal, and the message to print then.
type Waiting = Option<(&'static str, oneshot::Sender<()>)>;

/// Catches signals from now on. A signal that no [`Interrupt::caught`] awaits ends the program with exit code 1.
#[derive(Debug)]
pub(crate) struct Interrupt {
    /// `None`, once there was a signal.
    waiting: Arc<Mutex<Option<Waiting>>>,
}

impl Interrupt {
    pub(crate) fn watch() -> Result<Self, Error> {
        let mut signals = Signals::of_now()?;
        let waiting = Arc::new(Mutex::new(Some(None)));
        let ours = Arc::clone(&waiting);
        tokio::spawn(async move {
            signals.next().await;
            let first: Option<Waiting> = ours.lock().unwrap_or_else(PoisonError::into_inner).take();
            match first.flatten() {
                Some((line, waits)) if !waits.is_closed() => {
                    note(line);
                    let _ = waits.send(());
                }
                _ => exit(),
            }
            signals.next().await;
            exit();
        });
        Ok(Self { waiting })
    }

    /// Ends at the first signal, which says `line`; never, where that was already. From this call on until the future
    /// is dropped, the first signal does not end the program.
    pub(crate) fn caught(&self, line: &'static str) -> impl Future<Output = ()> + Send + use<> {
        let (waits, signal) = oneshot::channel();
        if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            *waiting = Some((line, waits));
        }
        async move {
            if signal.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

fn exit() -> ! {
    note("interrupted");
    std::process::exit(Exit::Internal as i32)
}

/// Ctrl-C and SIGTERM. Neither ends the program by itself from the moment that this exists: `tokio::signal::ctrl_c`
/// alone would wait for its first poll.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn of_now() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let of = |kind| signal(kind).map_err(Error::internal);
        Ok(Self { interrupt: of(SignalKind::interrupt())?, terminate: of(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    fn of_now() -> Result<Self, Error> {
        tokio::signal::windows::ctrl_c().map(Self).map_err(Error::internal)
    }

    async fn next(&mut self) {
        let _ = self.0.recv().await;
    }
}
