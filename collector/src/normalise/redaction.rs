//! A document after secrets were taken out of it.

use crate::document::Document;
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
    pub(super) blocks: KeyBlocks,
}

impl Redaction {
    /// Takes secrets out of a document, and counts them by rule.
    pub fn redact(&self, mut document: Document) -> (Redacted, Counts) {
        let mut counts = Counts::default();
        self.redactor.redact(&mut document, &self.blocks, &mut counts);
        (Redacted(document), counts)
    }
}
