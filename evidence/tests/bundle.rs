//! What a bundle promises: the same rows give the same bytes, what was written is what is read, and
//! nobody changes a byte of it unseen.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use casefile_evidence::tables::{LogEventRow, SnapshotRow, TaskRow};
use casefile_evidence::{
    AnyRow, Bundle, BundleWriter, ManifestHead, OpenError, Problem, Recovered, Timestamp, WriteError, verify,
};
use proptest::prelude::*;

fn head() -> ManifestHead {
    ManifestHead { tool: "casefile 0.0.0-test".to_owned(), stop_reason: "settled".to_owned(), ..Default::default() }
}

fn write(path: &Path, rows: impl IntoIterator<Item = AnyRow>) {
    let mut writer = BundleWriter::create(path).unwrap();
    for row in rows {
        writer.push(row).unwrap();
    }
    writer.seal(&head()).unwrap();
}

fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in [root.to_owned(), root.join("data")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                files.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn line(stream: u8, timestamp: i64, seq: i64, message: &str) -> AnyRow {
    LogEventRow {
        log_group: "/ecs/app".into(),
        log_stream: format!("ecs/app/{stream}").into(),
        timestamp: Timestamp(timestamp),
        seq,
        message: message.to_owned(),
        ..Default::default()
    }
    .into()
}

fn small() -> Vec<AnyRow> {
    let task =
        TaskRow { task_arn: "arn:t".to_owned(), stop_code: Some("UserInitiated".to_owned()), ..Default::default() };
    vec![SnapshotRow { snapshot: 0, documents: 2, ..Default::default() }.into(), task.into(), line(1, 5, 0, "hello")]
}

fn any_row() -> impl Strategy<Value = AnyRow> {
    prop_oneof![
        (0..3_u8, -5..5_i64, 0..4_i64, ".{0,40}")
            .prop_map(|(stream, at, seq, message)| line(stream, at, seq, &message)),
        (0..4_i64, "[a-c]{1}", proptest::option::of("[A-Z]{3}"), proptest::option::of(-9..9_i64)).prop_map(
            |(snapshot, task_arn, last_status, stopped)| {
                TaskRow { snapshot, task_arn, last_status, stopped_at: stopped.map(Timestamp), ..Default::default() }
                    .into()
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_rows_in_any_order_give_the_same_bytes_and_come_back(
        rows in proptest::collection::vec(any_row(), 0..60).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        write(&a, rows.0.clone());
        write(&b, rows.1);
        prop_assert_eq!(files(&a), files(&b));

        let mut lines: Vec<LogEventRow> = rows.0.iter().filter_map(|row| match row {
            AnyRow::LogEvent(row) => Some(*row.clone()),
            _ => None,
        }).collect();
        lines.sort();
        let bundle = Bundle::open(&a).unwrap();
        prop_assert_eq!(bundle.rows::<LogEventRow>().unwrap(), lines);
    }

    #[test]
    fn any_change_of_any_file_is_named(place in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle");
        write(&path, small());
        let all = files(&path);
        let (name, content) = all.iter().nth(place.index(all.len())).unwrap();
        let mut changed = content.clone();
        let at = byte.index(changed.len());
        changed[at] ^= flip;
        fs::write(path.join(name), &changed).unwrap();
        match verify(&path) {
            Err(OpenError::Integrity { problems, .. }) => {
                let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                // A broken listing is named itself, or names what no longer matches it.
                let listing = name.to_string_lossy().ends_with("sha256.txt");
                prop_assert!(listing || text.contains(&*name.to_string_lossy()), "{name:?} at {at}: {text}");
            }
            other => prop_assert!(false, "a flip in {name:?} at {at} gave {other:?}"),
        }
    }
}

#[test]
fn every_file_can_be_missed_and_none_can_be_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    write(&path, small());
    verify(&path).unwrap();
    for (name, content) in files(&path) {
        fs::remove_file(path.join(&name)).unwrap();
        let file = name.to_string_lossy().into_owned();
        match verify(&path) {
            Err(OpenError::Integrity { problems, .. }) => {
                assert!(problems.contains(&Problem::Missing { file }), "{name:?}: {problems:?}");
            }
            other => panic!("without {name:?}: {other:?}"),
        }
        fs::write(path.join(&name), content).unwrap();
    }
    for added in ["extra.txt", "data/extra.parquet", ".hidden"] {
        fs::write(path.join(added), "x").unwrap();
        let problems = match verify(&path) {
            Err(OpenError::Integrity { problems, .. }) => problems,
            other => panic!("with {added}: {other:?}"),
        };
        assert_eq!(problems, [Problem::Added { file: added.to_owned() }]);
        fs::remove_file(path.join(added)).unwrap();
    }
    fs::create_dir(path.join("folder")).unwrap();
    assert!(matches!(verify(&path), Err(OpenError::Integrity { .. })));
}

#[test]
fn more_rows_than_the_budget_are_sorted_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    // About 100 MB of lines in an order that no run has.
    let text = "x".repeat(2_000);
    let count = 50_000_i64;
    write(&path, (0..count).map(|n| line(0, n * 7919 % count, n, &text)));
    let bundle = Bundle::open(&path).unwrap();
    let mut expected = 0;
    for batch in bundle.batches("log_events").unwrap() {
        let batch = batch.unwrap();
        let times = batch.column_by_name("timestamp").unwrap();
        let times = times.as_any().downcast_ref::<arrow::array::TimestampMillisecondArray>().unwrap();
        for time in times.values() {
            assert_eq!(*time, expected);
            expected += 1;
        }
    }
    assert_eq!(expected, count);
    assert!(!path.join("scratch").exists());
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    write(&path, small());
    let before = files(&path);
    let again = BundleWriter::create(&path).map(|_| ()).unwrap_err().to_string();
    assert!(again.contains("exists already"), "{again}");
    assert_eq!(files(&path), before);
}

#[test]
fn what_is_no_bundle_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(verify(&folder.path().join("nowhere")), Err(OpenError::NotFound { .. })));
    assert!(matches!(verify(folder.path()), Err(OpenError::NotABundle { .. })));
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(matches!(verify(&file), Err(OpenError::NotABundle { .. })));
}

#[test]
fn what_a_killed_writer_left_is_what_its_last_checkpoint_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bundle");
    let partial = folder.path().join("a.bundle.partial");
    let (mut kept, closing) = (Vec::new(), small());
    {
        let mut writer = BundleWriter::create(&path).unwrap();
        assert!(matches!(BundleWriter::recover(&partial), Err(WriteError::InUse { .. })), "it is being written");
        assert!(matches!(BundleWriter::create(&path), Err(WriteError::InUse { .. })));
        // More polls than runs that are kept apart, so that some are merged.
        for poll in 0..60 {
            let rows = [line(1, poll * 10, poll, "kept"), line(2, -poll, poll, "kept too")];
            kept.extend(rows.iter().cloned());
            rows.into_iter().for_each(|row| writer.push(row).unwrap());
            writer.checkpoint(closing.clone(), &head()).unwrap();
        }
        writer.push(line(3, 1, 0, "of a poll that did not end")).unwrap();
    }
    assert!(matches!(BundleWriter::create(&path), Err(WriteError::PartialExists { .. })));
    let runs = fs::read_dir(partial.join("scratch")).unwrap().count();
    assert!(runs < 60, "{runs} files after 60 polls");
    let Recovered::Writer(writer, head) = BundleWriter::recover(&partial).unwrap() else { panic!("it was finished") };
    writer.seal(&head).unwrap();
    let whole = folder.path().join("b.bundle");
    write(&whole, kept.into_iter().chain(closing));
    assert_eq!(files(&path), files(&whole), "byte for byte as if it had been sealed then");
}

#[test]
fn a_writer_that_was_killed_before_the_name_came_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (path, partial) = (folder.path().join("a.bundle"), folder.path().join("a.bundle.partial"));
    write(&path, small());
    fs::rename(&path, &partial).unwrap();
    fs::create_dir_all(partial.join("scratch")).unwrap();
    assert!(matches!(BundleWriter::recover(&partial), Ok(Recovered::Finished(_))));
    verify(&path).unwrap();
}

#[test]
fn what_cannot_be_sealed_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join("a.bundle.partial");
    let why = |path: &Path| match BundleWriter::recover(path) {
        Err(error) => error.to_string().replace(&*folder.path().to_string_lossy(), "FOLDER"),
        Ok(_) => "it was sealed".to_owned(),
    };
    assert_eq!(why(&partial), "cannot seal FOLDER/a.bundle.partial: there is no such folder");
    drop(BundleWriter::create(&folder.path().join("a.bundle")).unwrap());
    assert_eq!(
        why(&partial),
        "cannot seal FOLDER/a.bundle.partial: its first poll had not ended, so that there is nothing to seal; remove it"
    );
    fs::write(partial.join("scratch/checkpoint.json"), "{").unwrap();
    assert!(why(&partial).contains("checkpoint.json: EOF while parsing"), "{}", why(&partial));
}

#[test]
fn a_bundle_is_one_file_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, bag) = (folder.path().join("a.tar"), folder.path().join("b.tar"), folder.path().join("c"));
    [&one, &two, &bag].into_iter().for_each(|path| write(path, small()));
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap(), "the same bytes, whatever its name");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else is left");
    let (packed, plain) = (Bundle::open(&one).unwrap(), Bundle::open(&bag).unwrap());
    assert_eq!((packed.digest(), packed.root()), (plain.digest(), &*one));
    assert_eq!(packed.rows::<TaskRow>().unwrap(), plain.rows::<TaskRow>().unwrap());
    assert!(matches!(BundleWriter::create(&one), Err(WriteError::Exists { .. })));

    // Whatever byte is changed, it is told; but for those of a header that say nothing.
    let whole = fs::read(&one).unwrap();
    let silent = (0..whole.len()).step_by(97).filter(|place| {
        let mut bytes = whole.clone();
        bytes[*place] ^= 0x20;
        fs::write(&two, &bytes).unwrap();
        verify(&two).is_ok()
    });
    assert_eq!(silent.collect::<Vec<_>>(), [] as [usize; 0]);
    fs::write(&two, [&whole[..], b"more"].concat()).unwrap();
    assert!(matches!(verify(&two), Err(OpenError::Integrity { .. })));
    fs::write(&two, &whole[..whole.len() / 2]).unwrap();
    assert!(verify(&two).is_err());
    fs::write(&two, "").unwrap();
    assert!(matches!(verify(&two), Err(OpenError::NotABundle { .. })), "nothing is no bundle");
    fs::write(&two, "no archive").unwrap();
    assert!(matches!(verify(&two), Err(OpenError::NotABundle { .. })));
}
