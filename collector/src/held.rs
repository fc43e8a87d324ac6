//! A recording held in memory, for judging it and variations of it without writing a bundle.

use casefile_evidence::{AnyRow, Timestamp};

use crate::document::{Document, Operation};
use crate::import::ImportError;
use crate::looks::{Look, Looks};
use crate::normalise::{About, Assembly};
use crate::recording::{DocumentFile, Recording};
use crate::redact::Redactor;

/// The documents of one poll.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldSnapshot {
    /// When it was observed.
    pub observed_at: Timestamp,
    /// Whether the moment was derived from the documents.
    pub assumed: bool,
    /// The documents, in the order in which they are taken up.
    pub documents: Vec<Document>,
}

/// A recording whose documents were all read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Held {
    /// The snapshots, in time order.
    pub snapshots: Vec<HeldSnapshot>,
    /// The operations whose bare documents are stated to be whole answers.
    pub complete: Vec<Operation>,
}

impl Held {
    /// Reads a recording.
    ///
    /// # Errors
    /// As an import of it.
    pub fn read(recording: &Recording) -> Result<Self, ImportError> {
        let mut snapshots = Vec::with_capacity(recording.snapshots.len());
        for Look { observed_at, assumed, files } in Looks::of(recording)?.looks {
            let documents = files.into_iter().map(DocumentFile::read).collect::<Result<_, _>>()?;
            snapshots.push(HeldSnapshot { observed_at, assumed, documents });
        }
        Ok(Self { snapshots, complete: recording.info.complete.clone() })
    }

    /// The rows that an import of these documents gives, the target's among them.
    pub fn rows(&self, about: About, redactor: Redactor, stop_reason: &str) -> Vec<AnyRow> {
        let mut assembly = Assembly::new(about, redactor);
        assembly.state_complete(&self.complete);
        for snapshot in &self.snapshots {
            assembly.begin_snapshot(snapshot.observed_at, snapshot.assumed);
            for document in &snapshot.documents {
                let document = assembly.redact(document.clone());
                assembly.take(document);
            }
            assembly.end_snapshot();
        }
        assembly.finish();
        let mut rows = assembly.drain();
        rows.push(assembly.target(stop_reason).into());
        rows
    }
}
