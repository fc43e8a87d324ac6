//! AWS documents with null, missing or odd fields never end the collector: the fuzzers' seeds, and what a seeded
//! generator makes of each.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

#[path = "../../fuzz/drive.rs"]
mod drive;

/// Mutations of each seed.
const MUTATIONS: usize = 300;
/// Truncations of each seed, at the most.
const TRUNCATIONS: usize = 60;

/// A small generator of numbers, the same everywhere (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(fields) => fields.values().map(nodes).sum(),
        _ => 0,
    }
}

/// The node of that number, counted from the top.
fn node<'v>(value: &'v mut Value, number: &mut usize) -> Option<&'v mut Value> {
    if *number == 0 {
        return Some(value);
    }
    *number -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| node(item, number)),
        Value::Object(fields) => fields.values_mut().find_map(|field| node(field, number)),
        _ => None,
    }
}

fn mutate(value: &mut Value, numbers: &mut Numbers) {
    let odd = [
        json!(null),
        json!(true),
        json!({}),
        json!([]),
        json!([null, 1, "x", {}]),
        json!(""),
        json!("é\u{0}/:-firelens-"),
        json!("arn:"),
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!("x".repeat(5000)),
    ];
    let count = nodes(value);
    let mut number = numbers.below(count);
    let Some(found) = node(value, &mut number) else { return };
    match (numbers.below(4), found) {
        (0, Value::Object(fields)) if !fields.is_empty() => {
            let key = fields.keys().nth(numbers.below(fields.len())).unwrap().clone();
            fields.remove(&key);
        }
        (0, Value::Array(items)) if !items.is_empty() => {
            let twice = items[numbers.below(items.len())].clone();
            items.push(twice);
        }
        (_, found) => *found = odd[numbers.below(odd.len())].clone(),
    }
}

fn replay(target: &str, drive: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12, "the corpus is not there");
    let mut numbers = Numbers(7);
    for file in files {
        let bytes = fs::read(&file).unwrap();
        drive(&bytes);
        for end in (0..bytes.len()).step_by(bytes.len().div_ceil(TRUNCATIONS).max(1)) {
            drive(&bytes[..end]);
        }
        let Ok(seed) = serde_json::from_slice::<Value>(&bytes) else { continue };
        for _ in 0..MUTATIONS {
            let mut mutated = seed.clone();
            for _ in 0..=numbers.below(3) {
                mutate(&mut mutated, &mut numbers);
            }
            drive(mutated.to_string().as_bytes());
        }
    }
}

#[test]
fn whatever_documents_hold_they_become_rows_and_gaps() {
    replay("normalise", drive::normalise);
}

#[test]
fn whatever_json_it_is_it_is_a_document_or_said_to_be_none() {
    replay("recognise", drive::recognise);
}
