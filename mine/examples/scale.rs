//! Measures collecting and contrasting: `scale [DEPLOYMENTS [LINES]]`, made-up lines, a tenth of the deployments bad.
#![expect(clippy::print_stdout, reason = "a tool that prints figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use casefile_mine::{Collected, ContrastOptions, Line, Truth, contrast};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let deployments: u64 = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let lines: u64 = arguments.next().map_or(Ok(2_000), |text| text.parse())?;
    let mut texts = Vec::new();
    let mut truth = BTreeMap::new();
    let mut collected = Collected::default();
    let (mut seconds, mut lines_in) = (0.0, 0);
    for deployment in 0..deployments {
        let id = format!("ecs-svc/{deployment}");
        let bad = deployment % 10 == 7;
        truth.insert(id.clone(), if bad { Truth::Bad } else { Truth::Good });
        texts.clear();
        for line in 0..lines {
            let seed = (deployment * 31 + line).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let word = char::from(b'a' + u8::try_from(seed % 26)?);
            texts.push(match line % 5 {
                0 => format!(
                    "10.0.1.{} - - [23/Nov/2026:01:02:03 +0000] \"GET /orders/{seed} HTTP/1.1\" 200 {line}",
                    seed % 256
                ),
                1 => format!(
                    "2026-11-23 01:02:03,{} INFO [app.queue] took message {seed:x}-{line} in {line}ms",
                    seed % 1000
                ),
                2 => {
                    format!("2026-11-23 01:02:03,123 WARN [app.{word}{word}] slow statement {}: {seed} rows", seed % 97)
                }
                // Some lines are of their deployment alone.
                3 if line % 100 == 3 => format!("ERROR [app] job {} of {word} failed", letters(seed)),
                _ => format!("{{\"level\":\"info\",\"ts\":{line},\"msg\":\"user {seed} logged in\",\"ok\":true}}"),
            });
        }
        texts.push(if bad { "FATAL: no database".to_owned() } else { "startup complete".to_owned() });
        // The most that is tested: errors of the bad deployments, in several words.
        for error in (0..if bad { 300 } else { 0 }).filter(|error| error % 7 != deployment % 7) {
            texts.push(format!("ERROR {} {} refused by {error}", letters(error * 7_919), letters(error * 104_729)));
        }
        let begin = Instant::now();
        let mut part = Collected::default();
        for (moment, text) in (0..).zip(&texts) {
            part.add(&id, Line { container: "app", moment_ms: moment * 10, text });
        }
        lines_in += texts.len();
        collected = collected.merge(part);
        seconds += begin.elapsed().as_secs_f64();
    }
    let total = lines_in;
    println!(
        "{total} lines in {seconds:.2} s, {:.0} lines/s, {} distinct",
        total as f64 / seconds,
        collected.distinct()
    );
    let begin = Instant::now();
    let found = contrast(&collected, &truth, ContrastOptions::default());
    println!(
        "contrast in {:.2} s: {} failures, {} successes",
        begin.elapsed().as_secs_f64(),
        found.failures.len(),
        found.successes.len()
    );
    for proposal in found.failures.iter().take(1).chain(found.successes.iter().take(1)) {
        println!("{}", proposal.toml());
    }
    Ok(())
}

/// A word of letters alone, which is not masked.
fn letters(mut seed: u64) -> String {
    let mut text = String::new();
    for _ in 0..5 {
        text.push(char::from(b'g' + u8::try_from(seed % 20).unwrap_or(0)));
        seed /= 20;
    }
    text
}
