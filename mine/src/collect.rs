//! Collects the log lines of deployments: what is kept grows with the distinct masked lines, not with the lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mask::{headlines, mask_line, without_escapes};
use crate::words;

/// How many raw lines are kept of a masked line.
const EXAMPLES: usize = 3;
/// A longer example is cut.
const EXAMPLE_BYTES: usize = 1_000;

/// A log event of a deployment.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The container that wrote it.
    pub container: &'a str,
    /// Milliseconds since the deployment's creation.
    pub moment_ms: i64,
    /// The event as a person reads it; it may have several lines.
    pub text: &'a str,
}

/// A masked line of a container, and what is known of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) container: String,
    pub(crate) masked: String,
    /// Log lines, over all deployments.
    pub(crate) lines: u64,
    /// The deployments that logged it, sorted by number, each with its earliest moment in milliseconds.
    pub(crate) deployments: Vec<(u32, i32)>,
    /// The smallest raw lines, sorted.
    pub(crate) examples: Vec<String>,
}

/// The lines of deployments. Collecting in any order, by any number of workers, gives the same proposals.
#[derive(Debug, Clone)]
pub struct Collected {
    /// The number of each deployment, by its id.
    numbers: BTreeMap<String, u32>,
    errors: Pool,
    others: Pool,
}

/// A part of what was collected, as it is sent to another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Piece {
    numbers: BTreeMap<String, u32>,
    most: usize,
    /// Whether lines about errors were dropped, and others.
    full: (bool, bool),
    seen: Vec<Seen>,
}

/// Masked lines by a hash. At most `most` are kept: those with the smallest hashes, which are the same ones in any
/// order of collecting. A line that was dropped once can never be among them, so the counts of the kept are whole.
#[derive(Debug, Clone)]
struct Pool {
    most: usize,
    full: bool,
    // A bucket has more than one masked line where hashes collide.
    by_hash: BTreeMap<u64, Vec<Seen>>,
}

impl Default for Collected {
    fn default() -> Self {
        Self::with_limit(200_000)
    }
}

impl Collected {
    /// Keeps at most `most` distinct masked lines. Half of the room is for lines about errors, so that a service
    /// that logs many shapes of plain lines does not drive them out.
    #[must_use]
    pub fn with_limit(most: usize) -> Self {
        let pool = || Pool { most: (most / 2).max(1), full: false, by_hash: BTreeMap::new() };
        Self { numbers: BTreeMap::new(), errors: pool(), others: pool() }
    }

    /// Says that a deployment's log was read, also if it has no lines, and gives its number in this collection.
    pub fn deployment(&mut self, id: &str) -> u32 {
        if let Some(&number) = self.numbers.get(id) {
            return number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(id.to_owned(), number);
        number
    }

    /// Adds a log event of a deployment.
    pub fn add(&mut self, deployment: &str, line: Line<'_>) {
        let number = self.deployment(deployment);
        let text = without_escapes(line.text);
        let (first, last) = headlines(&text);
        for raw in [Some(first), last].into_iter().flatten() {
            self.add_line(number, line, raw);
        }
    }

    fn add_line(&mut self, deployment: u32, line: Line<'_>, raw: &str) {
        let masked = mask_line(raw);
        if !masked.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return;
        }
        let moment = i32::try_from(line.moment_ms).unwrap_or(if line.moment_ms < 0 { i32::MIN } else { i32::MAX });
        let hash = hash(line.container, &masked);
        let known =
            [&mut self.errors, &mut self.others].into_iter().find_map(|pool| pool.get(hash, line.container, &masked));
        if let Some(seen) = known {
            seen.lines += 1;
            seen.logged(deployment, moment);
            seen.example(raw);
            return;
        }
        let mut seen = Seen { container: line.container.to_owned(), masked, lines: 1, ..Seen::default() };
        seen.logged(deployment, moment);
        seen.example(raw);
        self.pool_of(&seen.masked).insert(hash, seen);
    }

    fn pool_of(&mut self, masked: &str) -> &mut Pool {
        if words::is_error(masked) { &mut self.errors } else { &mut self.others }
    }

    /// Both collections as one. The limit is the smaller one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        let numbers = other.numbers.iter().map(|(id, number)| (*number, self.deployment(id))).collect();
        self.errors.merge(other.errors, &numbers);
        self.others.merge(other.others, &numbers);
        self
    }

    /// Pieces of at most `lines` masked lines, of which it can be put together again. There is at least one.
    #[must_use]
    pub fn pieces(self, lines: usize) -> Vec<Piece> {
        let (most, full) = (self.errors.most, (self.errors.full, self.others.full));
        let pools = [self.errors, self.others];
        let mut seen = pools.into_iter().flat_map(|pool| pool.by_hash.into_values()).flatten().peekable();
        let mut pieces = Vec::new();
        while pieces.is_empty() || seen.peek().is_some() {
            let seen = seen.by_ref().take(lines.max(1)).collect();
            pieces.push(Piece { numbers: self.numbers.clone(), most, full, seen });
        }
        pieces
    }

    /// Whether masked lines were dropped, because there were more than the limit.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.errors.full || self.others.full
    }

    /// How many deployments' logs were read.
    #[must_use]
    pub fn deployments(&self) -> usize {
        self.numbers.len()
    }

    /// How many distinct masked lines are kept.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.seen().count()
    }

    /// The number of each deployment, sorted by id.
    pub(crate) fn numbers(&self) -> &BTreeMap<String, u32> {
        &self.numbers
    }

    pub(crate) fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.errors.by_hash.values().chain(self.others.by_hash.values()).flatten()
    }
}

impl From<Piece> for Collected {
    fn from(piece: Piece) -> Self {
        let pool = |full| Pool { most: piece.most, full, by_hash: BTreeMap::new() };
        let mut collected = Self { numbers: piece.numbers, errors: pool(piece.full.0), others: pool(piece.full.1) };
        for seen in piece.seen {
            let hash = hash(&seen.container, &seen.masked);
            collected.pool_of(&seen.masked).insert(hash, seen);
        }
        collected
    }
}

impl Pool {
    fn get(&mut self, hash: u64, container: &str, masked: &str) -> Option<&mut Seen> {
        self.by_hash.get_mut(&hash)?.iter_mut().find(|seen| seen.masked == masked && seen.container == container)
    }

    fn insert(&mut self, hash: u64, seen: Seen) {
        self.by_hash.entry(hash).or_default().push(seen);
        while self.by_hash.len() > self.most {
            self.full = true;
            self.by_hash.pop_last();
        }
    }

    /// `numbers`: of the deployments, by those that they have in `other`.
    fn merge(&mut self, other: Self, numbers: &BTreeMap<u32, u32>) {
        self.most = self.most.min(other.most);
        self.full |= other.full;
        for (hash, bucket) in other.by_hash {
            for mut seen in bucket {
                let deployments = seen.deployments.into_iter();
                seen.deployments =
                    deployments.filter_map(|(number, moment)| Some((*numbers.get(&number)?, moment))).collect();
                match self.get(hash, &seen.container, &seen.masked) {
                    Some(known) => known.merge(seen),
                    None => {
                        seen.deployments.sort_unstable();
                        self.insert(hash, seen);
                    }
                }
            }
        }
    }
}

impl Seen {
    fn logged(&mut self, deployment: u32, moment: i32) {
        match self.deployments.binary_search_by_key(&deployment, |&(number, _)| number) {
            Ok(at) => self.deployments[at].1 = self.deployments[at].1.min(moment),
            Err(at) => self.deployments.insert(at, (deployment, moment)),
        }
    }

    fn example(&mut self, raw: &str) {
        let raw = crate::mask::cut(raw, EXAMPLE_BYTES);
        if let Err(at) = self.examples.binary_search_by(|known| known.as_str().cmp(raw))
            && at < EXAMPLES
        {
            self.examples.insert(at, raw.to_owned());
            self.examples.truncate(EXAMPLES);
        }
    }

    fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        for (deployment, moment) in other.deployments {
            self.logged(deployment, moment);
        }
        for example in &other.examples {
            self.example(example);
        }
    }
}

/// FNV-1a, with a last mix: the same on every machine and in every version of Rust.
fn hash(container: &str, masked: &str) -> u64 {
    let bytes = container.bytes().chain([0]).chain(masked.bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (hash >> 32)
}
