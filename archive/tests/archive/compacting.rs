//! The compacted copy, and tables that are read by their ranges.

use std::collections::BTreeSet;
use std::fs;

use casefile_archive::{Archive, ArchiveError, Compacted, StoredTable};
use casefile_evidence::{Bundle, Timestamp};

use super::{archive, bundle, files};

/// Seconds since 1970.
const NOW: i64 = 1_793_000_000;

async fn compact(archive: &Archive, whole: bool) -> Vec<Compacted> {
    let mut done = Vec::new();
    archive.compact(whole, Timestamp(NOW * 1000), &mut |month| done.push(month.clone())).await.unwrap();
    done
}

/// The rows of a table of the copy: its own files, and no other below its folder.
async fn rows(archive: &Archive, folder: &std::path::Path, table: &str) -> u64 {
    let months = archive.months().await.unwrap();
    let of_table = months.values().flat_map(|known| &known.month.files).filter(|file| file.table == table);
    let (keys, rows): (BTreeSet<String>, Vec<u64>) = of_table.map(|file| (file.key.clone(), file.rows)).unzip();
    let on_disk = files(folder, &format!("tables/{table}"));
    assert_eq!(on_disk.len(), keys.len(), "{on_disk:?} {keys:?}");
    rows.iter().sum()
}

#[tokio::test]
async fn every_bundle_is_in_the_copy_once() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    for number in 0..20 {
        let (path, _) = bundle(folder.path(), "web", number);
        archive.add(&path, &[], &[]).await.unwrap();
    }
    let first = compact(&archive, false).await;
    assert_eq!(first.iter().map(|month| (month.month.as_str(), month.read)).collect::<Vec<_>>(), [("2026-11", 20)]);
    assert_eq!(rows(&archive, folder.path(), "snapshots").await, 20);
    assert_eq!(compact(&archive, false).await, [], "nothing is new");
    // Each run adds the new bundles, until a month has many files: then they become one.
    for number in 20..45 {
        let (path, _) = bundle(folder.path(), "web", number);
        archive.add(&path, &[], &[]).await.unwrap();
        let done = compact(&archive, false).await;
        assert_eq!((done.len(), done[0].bundles), (1, usize::try_from(number).unwrap() + 1));
        assert!(done[0].read == 1 || done[0].read == done[0].bundles, "{done:?}");
        assert_eq!(rows(&archive, folder.path(), "target").await, done[0].bundles as u64);
    }
    let whole = compact(&archive, true).await;
    assert_eq!((whole[0].read, whole[0].files), (45, 2), "{whole:?}");
}

#[tokio::test]
async fn what_is_damaged_or_gone_is_not_in_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    for number in 0..3 {
        let (path, _) = bundle(folder.path(), "web", number);
        archive.add(&path, &[], &[]).await.unwrap();
    }
    let stored = files(folder.path(), "bundles");
    let mut bytes = fs::read(&stored[0]).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&stored[0], bytes).unwrap();
    let done = compact(&archive, false).await;
    assert_eq!((done[0].bundles, done[0].problems.len()), (2, 1), "{done:?}");
    assert_eq!(rows(&archive, folder.path(), "target").await, 2);
    fs::remove_file(&stored[1]).unwrap();
    archive.rebuild(&mut |_, _| {}).await.unwrap();
    let done = compact(&archive, false).await;
    assert_eq!((done[0].bundles, done[0].read), (1, 1), "{done:?}");
    assert_eq!(rows(&archive, folder.path(), "target").await, 1);
    for path in files(folder.path(), "bundles") {
        fs::remove_file(path).unwrap();
    }
    archive.rebuild(&mut |_, _| {}).await.unwrap();
    assert_eq!(compact(&archive, false).await[0].files, 0);
    assert_eq!(rows(&archive, folder.path(), "target").await, 0);
}

#[tokio::test]
async fn a_copy_that_lost_a_file_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    for number in 0..3 {
        let (path, _) = bundle(folder.path(), "web", number);
        archive.add(&path, &[], &[]).await.unwrap();
    }
    compact(&archive, false).await;
    for damage in [true, false] {
        let file = files(folder.path(), "tables/snapshots").remove(0);
        if damage {
            let bytes = fs::read(&file).unwrap();
            fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        let months = archive.months().await.unwrap();
        assert!(months["2026-11"].lacks.as_ref().unwrap().starts_with("tables/snapshots/month=2026-11/"));
        assert_eq!(compact(&archive, false).await[0].read, 3);
        assert_eq!(rows(&archive, folder.path(), "snapshots").await, 3);
    }
    // What a run left that broke off, long ago; and what another one is about to name.
    let stray = folder.path().join("archive/tables/tasks/month=2026-11");
    fs::create_dir_all(&stray).unwrap();
    for (name, hours) in [("old.parquet", 25), ("young.parquet", 23)] {
        fs::write(stray.join(name), "x").unwrap();
        let seconds = u64::try_from(NOW).unwrap() - hours * 3600;
        let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        fs::File::options().write(true).open(stray.join(name)).unwrap().set_modified(at).unwrap();
    }
    compact(&archive, true).await;
    assert_eq!(files(folder.path(), "tables/tasks"), [stray.join("young.parquet")]);
}

#[tokio::test]
async fn a_table_is_read_by_its_range_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let (path, digest) = bundle(folder.path(), "web", 7);
    archive.add(&path, &[], &[]).await.unwrap();
    let entry = archive.find(&digest).await.unwrap();
    let read = async |table: &str| {
        let manifests = archive.manifests(&entry).await?;
        let batches = archive.batches(&manifests, table).await?;
        Ok::<_, ArchiveError>(batches.map(|batches| batches.map(Result::unwrap).collect::<Vec<_>>()))
    };
    let sealed: Vec<_> = Bundle::open(&path).unwrap().batches("target").unwrap().map(Result::unwrap).collect();
    assert_eq!(read("target").await.unwrap(), Some(sealed));
    assert!(read("no_such_table").await.unwrap().is_none());
    // A change of the table, or of the manifests that seal it, is seen wherever it is.
    let stored = files(folder.path(), "bundles").remove(0);
    let original = fs::read(&stored).unwrap();
    let text = |what: &str| original.windows(what.len()).rposition(|window| window == what.as_bytes()).unwrap();
    let tables: Vec<StoredTable> = serde_json::from_str(&entry.tables).unwrap();
    let target = tables.iter().find(|stored| stored.table == "target").unwrap();
    let inside = usize::try_from(target.offset + target.bytes / 2).unwrap();
    for at in [inside, text("data/target.parquet"), text("manifest-sha256.txt\n") - 20] {
        let mut changed = original.clone();
        changed[at] ^= 1;
        fs::write(&stored, changed).unwrap();
        let seen = read("target").await;
        assert!(matches!(seen, Err(ArchiveError::Changed { .. })), "{at}: {seen:?}");
    }
}
