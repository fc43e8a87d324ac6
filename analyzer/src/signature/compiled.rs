//! Signatures ready to be used, as often as it is asked for.

use std::borrow::Borrow;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Pattern, Scanner};
use crate::error::{AnalyzeError, SpecError};

/// Signatures that were found usable, and their matcher, which has seen no line.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) patterns: Vec<Pattern>,
    scanner: Scanner,
}

impl Compiled {
    pub(crate) fn new(patterns: Vec<Pattern>) -> Result<Self, AnalyzeError> {
        Ok(Self { scanner: Scanner::new(&patterns)?.of_batches(&patterns), patterns })
    }

    /// A matcher that has seen no line.
    pub(crate) fn scanner(&self) -> Scanner {
        self.scanner.clone()
    }
}

/// The last signatures that were made ready, and their source: many bundles are judged with the same.
#[derive(Debug)]
pub(crate) struct LastCompiled<T>(Mutex<Option<(T, Arc<Compiled>)>>);

impl<T> Default for LastCompiled<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> LastCompiled<T> {
    /// The signatures of a source. Those of the last source are at hand; of another one, `patterns` gives them.
    pub(crate) fn of<S>(
        &self,
        source: &S,
        patterns: impl FnOnce() -> Result<Vec<Pattern>, Vec<SpecError>>,
    ) -> Result<Arc<Compiled>, AnalyzeError>
    where
        S: ToOwned<Owned = T> + PartialEq + ?Sized,
        T: Borrow<S>,
    {
        let last = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = last().as_ref().filter(|(of, _)| of.borrow() == source) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(Compiled::new(patterns()?)?);
        *last() = Some((source.to_owned(), Arc::clone(&compiled)));
        Ok(compiled)
    }
}
