//! Threads that queries are planned and run on, each with a scheduler of its own.
//!
//! A thread whose query came to its end waits for the next one: a small query takes less time than starting a thread. There
//! are never more threads than queries ran at the same time. A query that was cut may leave parts of itself in its scheduler:
//! its thread ends with it.

use std::io;
use std::sync::{Mutex, PoisonError, mpsc};

use tokio::runtime::{Builder, Runtime};

/// The result of the work.
pub(super) struct Done {
    /// Sends the answer. It is called after the thread is listed as idle: so the next query finds the thread there.
    pub(super) tell: Box<dyn FnOnce()>,
    /// Whether the query came to its end.
    pub(super) is_whole: bool,
}

/// The work of one query.
type Work = Box<dyn FnOnce(&Runtime) -> Done + Send>;

/// Threads of one kind.
pub(super) struct Threads {
    name: &'static str,
    stack: usize,
    /// Those that wait for work.
    idle: Mutex<Vec<mpsc::Sender<Work>>>,
}

/// Plans are made by recursion: deep ones need room, and have it for as many words as [`WORDS`](super::statement::WORDS)
/// allows. Stack that is not used takes no memory, only addresses.
pub(super) static PLANNING: Threads = Threads::new("casefile-plan", 256 << 20);
/// Plans that run are walked by recursion.
pub(super) static RUNNING: Threads = Threads::new("casefile-query", 8 << 20);

impl Threads {
    const fn new(name: &'static str, stack: usize) -> Self {
        Self { name, stack, idle: Mutex::new(Vec::new()) }
    }

    /// Does the work on a thread that does nothing else meanwhile. Work that panics ends its thread.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub(super) fn run(&'static self, work: impl FnOnce(&Runtime) -> Done + Send + 'static) -> io::Result<()> {
        let mut work: Work = Box::new(work);
        loop {
            // The guard is not held while work is given away.
            let waiting = self.idle().pop();
            let Some(waiting) = waiting else { return self.start(work) };
            match waiting.send(work) {
                Ok(()) => return Ok(()),
                // The thread has ended.
                Err(mpsc::SendError(back)) => work = back,
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<Work>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&'static self, first: Work) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (sender, next) = mpsc::channel::<Work>();
        let serve = move || {
            let mut given = Some(first);
            while let Some(work) = given {
                let done = work(&runtime);
                if done.is_whole {
                    self.idle().push(sender.clone());
                }
                (done.tell)();
                given = if done.is_whole { next.recv().ok() } else { None };
            }
        };
        std::thread::Builder::new().name(self.name.to_owned()).stack_size(self.stack).spawn(serve).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(of: impl FnOnce() -> u32 + Send + 'static) -> Result<u32, mpsc::RecvError> {
        let (tell, told) = mpsc::channel();
        let work = move |_: &Runtime| {
            let answer = of();
            Done { tell: Box::new(move || tell.send(answer).unwrap()), is_whole: true }
        };
        RUNNING.run(work).unwrap();
        told.recv()
    }

    #[test]
    fn work_that_panics_ends_no_other() {
        assert_eq!(answer(|| 1), Ok(1));
        assert!(answer(|| panic!("a fault of the engine")).is_err());
        assert_eq!((0..100).map(|number| answer(move || number).unwrap()).sum::<u32>(), 4950);
    }
}
