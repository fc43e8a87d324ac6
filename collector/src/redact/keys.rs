//! Private keys that a program printed: an event a line, over pages and over readings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Counts, PRIVATE_KEY, count, marker, rules};
use crate::document::{Answer, Document, LogEvent, Outcome};

/// Where private keys stand in log streams, as far as they were read. Cheap to clone; clones share it.
///
/// Between the line that begins a key and the line that ends it, each line of base64 is taken out. A page, or a
/// reading that begins in the middle of a key, does not show where that began: so its place is remembered.
#[derive(Debug, Clone, Default)]
pub struct KeyBlocks(Arc<Mutex<BTreeMap<Stream, Vec<Block>>>>);

/// Group and stream; of a document that does not say, nothing.
type Stream = (Option<String>, Option<String>);

#[derive(Debug)]
struct Block {
    from: Option<i64>,
    to: Option<i64>,
    open: bool,
}

/// Keys that are remembered of a stream. A program that prints more of them has other troubles.
const MOST: usize = 64;

impl KeyBlocks {
    /// Takes the lines of private keys out of a page of log events.
    pub(super) fn redact(&self, document: &mut Document, counts: &mut Counts) {
        let text = |key: &str| document.requested(key).map(str::to_owned);
        let (group, asked) = (text("logGroupName").or_else(|| text("logGroupIdentifier")), text("logStreamName"));
        let Outcome::Response(Answer { events: Some(events), .. }) = &mut document.outcome else { return };
        let opens = |event: &LogEvent| event.message.as_deref().is_some_and(rules::opens_private_key);
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.is_empty() && !events.iter().any(opens) {
            return;
        }
        for event in events {
            let named = event.log_stream.as_deref().map(str::to_owned);
            let stream = (group.clone(), named.or_else(|| asked.clone()));
            let at = event.timestamp;
            let Some(message) = &mut event.message else { continue };
            if rules::opens_private_key(message) {
                open(blocks.entry(stream).or_default(), at);
            } else if let Some(blocks) = blocks.get_mut(&stream) {
                line(blocks, at, message, counts);
            }
        }
        // Documents that do not say what they are of have nothing in common.
        blocks.retain(|(_, stream), _| stream.is_some());
    }
}

fn open(blocks: &mut Vec<Block>, at: Option<i64>) {
    match blocks.iter_mut().find(|block| at.is_some() && block.from == at) {
        Some(again) => again.open = true,
        None => {
            if blocks.len() == MOST {
                blocks.remove(0);
            }
            blocks.push(Block { from: at, to: at, open: true });
        }
    }
}

fn line(blocks: &mut [Block], at: Option<i64>, message: &mut String, counts: &mut Counts) {
    let marked = marker(PRIVATE_KEY, None, "");
    if *message == marked {
        return;
    }
    let within = |block: &Block| at.is_some() && block.from <= at && at <= block.to;
    if !rules::continues_private_key(message) {
        blocks.iter_mut().filter(|block| !within(block)).for_each(|block| block.open = false);
        return;
    }
    let Some(block) = blocks.iter_mut().find(|block| block.open || within(block)) else { return };
    block.to = block.to.max(at);
    *message = marked;
    count(PRIVATE_KEY, counts);
}
