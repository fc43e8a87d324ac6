//! The images that the tasks of the judged rollout run.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use super::tasks::{flag, rows, text};

/// An image that a container runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The container.
    pub container: String,
    /// `imageDigest`.
    pub digest: String,
    /// `image`, as the task definition names it.
    pub image: Option<String>,
}

/// Those of the essential containers, from the view `latest_containers`.
pub(crate) fn images(containers: &[RecordBatch]) -> Vec<Image> {
    let image = |(batch, row): (&RecordBatch, usize)| {
        let counts = flag(batch, "judged", row) == Some(true) && flag(batch, "essential", row) != Some(false);
        let container = text(batch, "container", row).filter(|_| counts)?;
        Some(Image { container, digest: text(batch, "image_digest", row)?, image: text(batch, "image", row) })
    };
    rows(containers).filter_map(image).collect::<BTreeSet<_>>().into_iter().collect()
}
