//! An archive on disk: adding at once, crashes, damage, and the index.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod compacting;

use std::path::{Path, PathBuf};

use casefile_archive::{Archive, ArchiveError, Entry, VerdictFile, VerifyOptions, stats};
use casefile_evidence::tables::{SnapshotRow, TargetRow};
use casefile_evidence::{BundleWriter, Digest, ManifestHead, Timestamp};
use serde_json::json;

/// A bundle of a service, and the digest of it.
fn bundle(folder: &Path, service: &str, number: i64) -> (PathBuf, String) {
    let path = folder.join(format!("{service}-{number}.bundle"));
    let at = Timestamp::parse("2026-11-27T10:00:00Z").unwrap().plus_millis(number * 3_600_000);
    let mut writer = BundleWriter::create(&path).unwrap();
    writer
        .push(TargetRow {
            service: service.to_owned(),
            region: Some("eu-west-1".to_owned()),
            release: Some(format!("v{number}")),
            deployment_created_at: Some(at.plus_millis(-60_000)),
            window_from: Some(at),
            window_to: Some(at.plus_millis(30_000)),
            stop_reason: "decided".to_owned(),
            ..TargetRow::default()
        })
        .unwrap();
    writer.push(SnapshotRow { snapshot: 0, observed_at: at, documents: number, assumed: false }).unwrap();
    let sealed = writer.seal(&ManifestHead::default()).unwrap();
    (path, sealed.digest.to_string())
}

/// A verdict about a bundle, as the schema has it.
fn verdict(bundle: &str, word: &str, as_of: &str) -> VerdictFile {
    let mut value = json!({
        "verdict": word,
        "decision": { "action": "proceed", "to": null, "why": "a test" },
        "bundle": { "digest": bundle },
        "release": { "name": "v1", "images": [] },
        "rollout": { "nothing_deployed": false },
        "as_of": as_of,
        "engine": { "casefile": "0.1.0" },
        "pack": { "digest": "p" },
        "config": { "digest": "c" },
        "checks": [{ "id": "a.b", "level": "block", "outcome": word }],
        "gaps": [
            { "source": "log_events: GetLogEvents /ecs/web a", "status": "denied" },
            { "source": "log_events: GetLogEvents /ecs/web b", "status": "denied" },
        ],
    });
    let digest = Digest::of(&serde_json_canonicalizer::to_vec(&value).unwrap()).to_string();
    value["digest"] = json!(digest);
    VerdictFile::read(serde_json::to_vec(&value).unwrap(), "verdict.json").unwrap()
}

fn archive(folder: &Path) -> Archive {
    Archive::on_disk(&folder.join("archive"), true).unwrap()
}

fn files(folder: &Path, under: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("archive").join(under)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

async fn problems(archive: &Archive) -> Vec<String> {
    let verified = archive.verify(&VerifyOptions::default(), &mut |_| {}).await.unwrap();
    verified.problems.into_iter().map(|it| it.problem).collect()
}

#[tokio::test]
async fn adding_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let (path, digest) = bundle(folder.path(), "web", 1);
    let pass = verdict(&digest, "pass", "2026-11-27T11:00:30Z");
    let added = archive.add(&path, std::slice::from_ref(&pass), &[]).await.unwrap();
    assert!(added.is_new && added.verdicts == [(pass.digest().to_owned(), true)]);
    let before = files(folder.path(), "");
    let again = archive.add(&path, std::slice::from_ref(&pass), &[]).await.unwrap();
    assert!(!again.is_new && again.verdicts == [(pass.digest().to_owned(), false)]);
    assert_eq!(files(folder.path(), ""), before);
    // Judged again, it is one deployment with two verdicts: the newest counts.
    let fail = verdict(&digest, "fail", "2026-11-27T11:00:31Z");
    archive.add(&path, &[fail], &[]).await.unwrap();
    let entries = archive.entries().await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(archive.find(&digest[..8]).await.unwrap().verdict.as_deref(), Some("fail"));
    let figures = stats(&entries).total;
    assert_eq!((figures.deployments, figures.decided, figures.percentile(0.5)), (1, 1, Some(91)));
    assert_eq!(figures.gaps.into_iter().collect::<Vec<_>>(), [("log_events: GetLogEvents (denied)".to_owned(), 1)]);
    assert_eq!(problems(&archive).await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_bundle_comes_back_as_it_was_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let (path, digest) = bundle(folder.path(), "web", 1);
    archive.add(&path, &[], &[]).await.unwrap();
    let entry = archive.find(&format!("sha256:{digest}")).await.unwrap();
    assert_eq!((entry.verdict.as_ref(), entry.release.as_deref()), (None, Some("v1")));
    let copy = folder.path().join("copy.tar");
    archive.fetch(&entry, &copy).await.unwrap();
    assert!(archive.fetch(&entry, &copy).await.is_err(), "nothing is written over");
    // The index has the place of each table within the object.
    let tables: Vec<casefile_archive::StoredTable> = serde_json::from_str(&entry.tables).unwrap();
    let bytes = std::fs::read(&copy).unwrap();
    let target = tables.iter().find(|table| table.table == "target").unwrap();
    let (from, length) = (target.offset as usize, target.bytes as usize);
    assert_eq!(&bytes[from..from + 4], b"PAR1");
    assert_eq!(&bytes[from + length - 4..from + length], b"PAR1");
    let unknown = archive.find("ffffffff").await.unwrap_err();
    assert!(matches!(unknown, ArchiveError::NotThere { .. }));
    assert!(matches!(archive.find("").await.unwrap(), Entry { .. }), "one bundle: nothing else can be meant");
}

#[tokio::test]
async fn a_verdict_of_another_bundle_and_a_changed_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let (path, _) = bundle(folder.path(), "web", 1);
    let (_, other) = bundle(folder.path(), "web", 2);
    let wrong = archive.add(&path, &[verdict(&other, "pass", "2026-11-27T11:00:00Z")], &[]).await.unwrap_err();
    assert!(wrong.to_string().contains("is about the bundle"), "{wrong}");
    assert_eq!(files(folder.path(), "bundles").len(), 0, "nothing was written");
    let mut changed: serde_json::Value =
        serde_json::from_slice(&verdict(&other, "fail", "2026-11-27T11:00:00Z").bytes).unwrap();
    changed["verdict"] = json!("pass");
    let refused = VerdictFile::read(changed.to_string().into_bytes(), "v.json").unwrap_err().to_string();
    assert!(refused.starts_with("the verdict v.json: was changed: its digest is "), "{refused}");
    assert!(VerdictFile::read(b"{}".to_vec(), "v.json").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_jobs_add_at_once() {
    const EACH: i64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let jobs: Vec<_> = ["web", "api", "worker"]
        .into_iter()
        .map(|service| {
            let (archive, folder) = (archive.clone(), folder.path().to_owned());
            tokio::spawn(async move {
                for number in 0..EACH {
                    let (path, digest) = bundle(&folder, service, number);
                    let verdict = verdict(&digest, "pass", "2026-11-27T11:00:00Z");
                    archive.add(&path, &[verdict], &[]).await.unwrap();
                }
            })
        })
        .collect();
    for job in jobs {
        job.await.unwrap();
    }
    let entries = archive.entries().await.unwrap();
    assert_eq!(entries.len(), 3 * EACH as usize);
    let segments = files(folder.path(), "index").len();
    assert!(segments < 64, "{segments} segments");
    assert_eq!(problems(&archive).await, [] as [&str; 0]);
    // The index is nothing but what the objects say.
    std::fs::remove_dir_all(folder.path().join("archive/index")).unwrap();
    let missing = archive.entries().await.unwrap_err().to_string();
    assert!(missing.ends_with("has bundles, and no index: run `casefile archive index`"), "{missing}");
    assert!(problems(&archive).await.iter().all(|problem| problem.contains("is not in the index")));
    assert_eq!(archive.rebuild(&mut |_, _| {}).await.unwrap().rows, entries.len());
    assert_eq!(archive.entries().await.unwrap(), entries);
    archive.rebuild(&mut |_, _| {}).await.unwrap();
    assert_eq!(files(folder.path(), "index").len(), 1);
}

#[tokio::test]
async fn a_crash_in_the_middle_is_completed_by_the_next_add() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let (path, digest) = bundle(folder.path(), "web", 1);
    let pass = verdict(&digest, "pass", "2026-11-27T11:00:30Z");
    archive.add(&path, std::slice::from_ref(&pass), &[]).await.unwrap();
    // Killed before the index was written.
    std::fs::remove_dir_all(folder.path().join("archive/index")).unwrap();
    let found = problems(&archive).await;
    assert!(found.iter().all(|it| it == "is not in the index: run `casefile archive index`"), "{found:?}");
    archive.add(&path, std::slice::from_ref(&pass), &[]).await.unwrap();
    assert_eq!(archive.entries().await.unwrap().len(), 1);
    // Killed while a large bundle was uploaded: an empty object has its place.
    let object = files(folder.path(), "bundles").remove(0);
    std::fs::write(&object, "").unwrap();
    assert_eq!(problems(&archive).await, ["is empty: its upload broke off; add the bundle again"]);
    archive.add(&path, &[pass], &[]).await.unwrap();
    assert_eq!(problems(&archive).await, [] as [&str; 0]);
}

#[tokio::test]
async fn damage_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    for number in 0..4 {
        let (path, digest) = bundle(folder.path(), "web", number);
        archive.add(&path, &[verdict(&digest, "pass", "2026-11-27T11:00:00Z")], &[]).await.unwrap();
    }
    let bundles = files(folder.path(), "bundles");
    let mut bytes = std::fs::read(&bundles[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&bundles[0], bytes).unwrap();
    std::fs::remove_file(&bundles[1]).unwrap();
    std::fs::copy(&bundles[2], bundles[2].with_file_name("notes.txt")).unwrap();
    let verdicts = files(folder.path(), "verdicts");
    let text = std::fs::read_to_string(&verdicts[3]).unwrap();
    std::fs::write(&verdicts[3], text.replace("pass", "fail")).unwrap();
    let found = problems(&archive).await.join("\n");
    for told in [
        "was changed: ",
        "is missing: the index has it",
        "which the archive does not have",
        "is not a bundle: its name is not <digest>.tar",
        "was changed: its digest is ",
    ] {
        assert!(found.contains(told), "{told}: {found}");
    }
    // A sample is a part of it, and a run that goes on reads no bundle again.
    let options = VerifyOptions { sample: Some(2), seed: 7, ..VerifyOptions::default() };
    let mut sound = Vec::new();
    archive.verify(&options, &mut |key| sound.push(key.to_owned())).await.unwrap();
    assert!(sound.len() <= 2);
    let options = VerifyOptions { done: sound.iter().cloned().collect(), ..VerifyOptions::default() };
    let mut again = Vec::new();
    archive.verify(&options, &mut |key| again.push(key.to_owned())).await.unwrap();
    assert!(again.iter().all(|key| !sound.contains(key)), "{again:?}");
}

#[tokio::test]
async fn a_damaged_index_is_an_error_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let (path, _) = bundle(folder.path(), "web", 1);
    archive.add(&path, &[], &[]).await.unwrap();
    let segment = files(folder.path(), "index").remove(0);
    std::fs::write(&segment, "PAR1 no").unwrap();
    let error = archive.entries().await.unwrap_err().to_string();
    assert!(error.contains("is not a part of an index") && error.contains("casefile archive index"), "{error}");
    std::fs::write(segment.with_file_name("README.txt"), "not a segment").unwrap();
    archive.rebuild(&mut |_, _| {}).await.unwrap();
    assert_eq!(archive.entries().await.unwrap().len(), 1);
    assert!(matches!(Archive::on_disk(&folder.path().join("no"), false), Err(ArchiveError::Missing { .. })));
}
