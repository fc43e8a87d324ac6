//! Labels: what a person found out about a deployment afterwards. Each is written once; of several, the newest counts.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::{Archive, Folder};

/// The folder of the labels: `labels/<digest of the bundle>/00000001.json`.
pub const LABELS: &str = "labels";
/// Requests in flight.
const AT_ONCE: usize = 16;

/// Whether a deployment succeeded, as a person says afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// It succeeded.
    Good,
    /// It did not.
    Bad,
}

/// A label of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// [`Label::FORMAT`].
    pub format: String,
    /// The bundle's digest.
    pub bundle: String,
    /// Whether the deployment succeeded.
    pub truth: Truth,
    /// How that is known.
    pub why: String,
    /// Who says it.
    pub by: String,
    /// When it was said.
    pub at: Timestamp,
}

impl Label {
    /// The format of a label's JSON.
    pub const FORMAT: &str = "casefile-label/1";
}

impl Archive {
    /// Adds a label to a bundle.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn label(&self, label: &Label) -> Result<(), ArchiveError> {
        let journal = Folder::of_digest(LABELS, &label.bundle)?;
        let bytes = serde_json::to_vec_pretty(label).map_err(ArchiveError::internal)?;
        loop {
            let (last, _) = self.last(&journal).await?;
            if self.append_document(&journal, last, bytes.clone()).await? {
                return Ok(());
            }
        }
    }

    /// The newest label of each bundle that has one, by the bundle's digest.
    ///
    /// # Errors
    /// Where the store cannot be read, or a label is none.
    pub async fn labels(&self) -> Result<BTreeMap<String, Label>, ArchiveError> {
        let journals = self.folders(LABELS).await?;
        let read = |journal: Folder| async move {
            let (number, bytes) = self.last(&journal).await?;
            let Some(bytes) = bytes else { return Ok(None) };
            let place = format!("{journal}/{number:08}.json");
            let label: Label = serde_json::from_slice(&bytes)
                .map_err(|error| ArchiveError::Changed { place, problem: format!("is no label: {error}") })?;
            Ok::<_, ArchiveError>(Some((label.bundle.clone(), label)))
        };
        let labels = futures::stream::iter(journals.into_iter().map(read)).buffered(AT_ONCE);
        labels.try_filter_map(async |label| Ok(label)).try_collect().await
    }
}
