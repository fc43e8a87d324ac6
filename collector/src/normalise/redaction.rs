//! A document after secrets were taken out of it.

use std::hash::{BuildHasher, RandomState};

use crate::document::{Document, LogEvent, Outcome};
use crate::redact::{Counts, KeyBlocks, Redactor};

/// A document that was redacted: the only kind that is written or taken up.
#[derive(Debug, Clone, PartialEq)]
pub struct Redacted(pub(super) Document);

impl Redacted {
    /// The document.
    pub fn document(&self) -> &Document {
        &self.0
    }
}

/// Redacts documents, on any thread.
#[derive(Debug, Clone)]
pub struct Redaction {
    pub(super) redactor: Redactor,
    blocks: KeyBlocks,
    /// Hashes log lines, by a key that is of this collection alone and is not kept.
    hasher: RandomState,
}

impl Redaction {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, blocks: KeyBlocks::default(), hasher: RandomState::new() }
    }

    /// Takes secrets out of a document, and counts them by rule. Before that, its log lines are hashed: two lines may
    /// differ in a secret alone.
    pub fn redact(&self, mut document: Document) -> (Redacted, Counts) {
        if let Outcome::Response(answer) = &mut document.outcome {
            answer.events.iter_mut().flatten().for_each(|event| event.hash = self.hash(event));
        }
        let mut counts = Counts::default();
        self.redactor.redact(&mut document, &self.blocks, &mut counts);
        (Redacted(document), counts)
    }

    fn hash(&self, event: &LogEvent) -> i64 {
        let rest = event.rest.as_ref().map(ToString::to_string);
        self.hasher.hash_one((&event.message, rest)).cast_signed()
    }
}
