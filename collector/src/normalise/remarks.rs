//! What an import or a collection could not use of its documents.

use std::collections::BTreeSet;

/// What documents held that could not be taken up: bounded, each once, in order.
#[derive(Debug, Default)]
pub struct Remarks(BTreeSet<String>);

impl Remarks {
    const MOST: usize = 200;

    pub(super) fn add(&mut self, origin: &str, remark: String) {
        if self.0.len() < Self::MOST {
            self.0.insert(format!("{origin}: {remark}"));
        }
    }

    /// The remarks, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
