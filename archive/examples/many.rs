//! Adds many bundles to an archive on disk, and measures: `cargo run --release -p casefile-archive --example many -- 10000
//! [FOLDER]`. In a FOLDER, the archive stays.
//!
//! Prints one line per step. Memory is the peak of the process (Linux).

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::path::Path;
use std::time::Instant;

use casefile_archive::{Archive, VerdictFile, VerifyOptions, stats};
use casefile_evidence::tables::{LogEventRow, SnapshotRow, TargetRow};
use casefile_evidence::{BundleWriter, Digest, ManifestHead, Timestamp};
use serde_json::json;

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failed> {
    let many: i64 = std::env::args().nth(1).as_deref().unwrap_or("1000").parse()?;
    let folder = tempfile::tempdir()?;
    let place = std::env::args().nth(2).map_or_else(|| folder.path().join("archive"), Into::into);
    let archive = Archive::on_disk(&place, true)?;
    let mut marks = vec![many / 10, many / 2, many];
    marks.dedup();
    let began = Instant::now();
    for number in 0..many {
        let path = folder.path().join("bundle");
        let digest = bundle(&path, number)?;
        archive.add(&path, &[verdict(&digest, number)?], &[]).await?;
        std::fs::remove_dir_all(&path)?;
        if marks.contains(&(number + 1)) {
            step(&format!("added {}", number + 1), began);
        }
    }
    let list = Instant::now();
    let entries = archive.entries().await?;
    step(&format!("read the index: {} rows", entries.len()), list);
    let figures = Instant::now();
    let total = stats(&entries).total;
    step(&format!("figures: {} deployments, {} decided", total.deployments, total.decided), figures);
    let find = Instant::now();
    let entry = archive.find(&entries.last().ok_or("empty")?.bundle).await?;
    step(&format!("found {}", &entry.bundle[..12]), find);
    let check = Instant::now();
    let verified = archive.verify(&VerifyOptions::default(), &mut |_| {}).await?;
    step(&format!("verified {}, {} problems", verified.checked, verified.problems.len()), check);
    let again = Instant::now();
    let rows = archive.rebuild(&mut |_, _| {}).await?.rows;
    step(&format!("index made again: {rows} rows"), again);
    let compact = Instant::now();
    let mut files = 0;
    archive.compact(false, Timestamp(0), &mut |month| files += month.files).await?;
    step(&format!("compacted: {files} files"), compact);
    Ok(())
}

fn step(what: &str, since: Instant) {
    println!("{what:<44} {:>8.2} s  {:>5} MB", since.elapsed().as_secs_f64(), peak_mb());
}

/// The peak memory of this process.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// One of 40 services in 3 regions, 80 lines each.
fn bundle(path: &Path, number: i64) -> Result<String, Failed> {
    let at = Timestamp::parse("2026-01-01T00:00:00Z")?.plus_millis(number * 600_000);
    let mut writer = BundleWriter::create(path)?;
    writer.push(TargetRow {
        service: format!("service-{}", number % 40),
        region: Some(region(number).to_owned()),
        release: Some(format!("v{number}")),
        deployment_created_at: Some(at.plus_millis(-60_000)),
        window_from: Some(at),
        window_to: Some(at.plus_millis(90_000)),
        stop_reason: "decided".to_owned(),
        ..TargetRow::default()
    })?;
    writer.push(SnapshotRow { snapshot: 0, observed_at: at, documents: 9, assumed: false })?;
    for seq in 0..80 {
        let message = format!("request {number}-{seq} took {} ms", (number * 31 + seq * 7) % 900);
        writer.push(LogEventRow { seq, message, timestamp: at, observed_at: at, ..LogEventRow::default() })?;
    }
    Ok(writer.seal(&ManifestHead::default())?.digest.to_string())
}

fn region(number: i64) -> &'static str {
    ["eu-west-1", "us-east-1", "ap-southeast-2"][(number % 3) as usize]
}

fn verdict(bundle: &str, number: i64) -> Result<VerdictFile, Failed> {
    let word = if number % 20 == 0 { "fail" } else { "pass" };
    let mut value = json!({
        "verdict": word,
        "decision": { "action": "proceed", "to": null, "why": "a benchmark" },
        "bundle": { "digest": bundle, "target": {
            "service": format!("service-{}", number % 40),
            "region": region(number),
            "deployment_created_at": Timestamp::parse("2026-01-01T00:00:00Z")?.plus_millis(number * 600_000 - 60_000),
            "window_from": Timestamp::parse("2026-01-01T00:00:00Z")?.plus_millis(number * 600_000),
        } },
        "release": { "name": format!("v{number}"), "images": [] },
        "rollout": { "nothing_deployed": false },
        "as_of": Timestamp::parse("2026-01-01T00:01:30Z")?.plus_millis(number * 600_000),
        "engine": { "casefile": "0.1.0" },
        "pack": { "digest": "p" },
        "config": { "digest": "c" },
        "checks": [{ "id": "tasks.exited", "level": "block", "outcome": word }],
        "gaps": [],
    });
    value["digest"] = json!(Digest::of(&serde_json_canonicalizer::to_vec(&value)?).to_string());
    Ok(VerdictFile::read(serde_json::to_vec(&value)?, "verdict")?)
}
