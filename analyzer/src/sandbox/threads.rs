//! Threads that queries are planned and run on, each with a scheduler of its own.
//!
//! A thread whose query came to its end waits for the next one: a small query takes less time than starting a thread. There
//! are never more threads than queries ran at the same time. A query that was cut may leave parts of itself in its scheduler:
//! its thread ends with it.

use std::io;
use std::sync::{Mutex, PoisonError, mpsc};

use tokio::runtime::{Builder, Runtime};

/// Plans are made and walked by recursion: deep ones need room, and have it for as many words as
/// [`WORDS`](super::statement::WORDS) allows. What is not used of it takes no memory.
const STACK_BYTES: usize = 256 << 20;

/// The work of one query; it gives whether that came to its end.
type Work = Box<dyn FnOnce(&Runtime) -> bool + Send>;

/// The threads that wait for work.
static IDLE: Mutex<Vec<mpsc::Sender<Work>>> = Mutex::new(Vec::new());

fn idle() -> std::sync::MutexGuard<'static, Vec<mpsc::Sender<Work>>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the work on a thread that does nothing else meanwhile. Work that panics ends its thread.
///
/// # Errors
/// Where no thread can be started.
pub(super) fn run(work: impl FnOnce(&Runtime) -> bool + Send + 'static) -> io::Result<()> {
    let mut work: Work = Box::new(work);
    loop {
        // The guard is not held while work is given away.
        let waiting = idle().pop();
        let Some(waiting) = waiting else { return start(work) };
        match waiting.send(work) {
            Ok(()) => return Ok(()),
            // The thread has ended.
            Err(mpsc::SendError(back)) => work = back,
        }
    }
}

fn start(first: Work) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (sender, next) = mpsc::channel::<Work>();
    let serve = move || {
        let mut work = first;
        while work(&runtime) {
            idle().push(sender.clone());
            match next.recv() {
                Ok(next) => work = next,
                Err(_) => return,
            }
        }
    };
    std::thread::Builder::new().name("casefile-query".to_owned()).stack_size(STACK_BYTES).spawn(serve).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(of: impl FnOnce() -> u32 + Send + 'static) -> Result<u32, mpsc::RecvError> {
        let (tell, told) = mpsc::channel();
        run(move |_| tell.send(of()).is_ok()).unwrap();
        told.recv()
    }

    #[test]
    fn work_that_panics_ends_no_other() {
        assert_eq!(answer(|| 1), Ok(1));
        assert!(answer(|| panic!("a fault of the engine")).is_err());
        assert_eq!((0..100).map(|number| answer(move || number).unwrap()).sum::<u32>(), 4950);
    }
}
